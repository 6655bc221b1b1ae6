# One image for operator, node agent and command line; the first argument chooses: `flyball operator`, `flyball agent`.
#
# Both stages start from the one external image, BASE_IMAGE: any image with Python 3.11 or newer as `python3`, with venv.
#   docker build -t flyball:dev .
#   make image        the same without a docker engine (hack/image): buildah, on a Debian root made on the spot
# --build-arg EXTRAS=crosscheck adds statsmodels, with scipy and pandas: the operator then has a second opinion on its forecasts.
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS build
ARG EXTRAS=""
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# Dependencies first: they change seldom, so that a change of the sources rebuilds one small layer.
COPY pyproject.toml constraints.txt ./
RUN python3 -m venv /opt/flyball \
 && python3 -c 'import sys, tomllib; project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
print("\n".join(project["dependencies"] + [its for extra in sys.argv[1:] for its in project["optional-dependencies"][extra]]))' $EXTRAS > requirements.txt \
 && /opt/flyball/bin/pip install --no-compile -c constraints.txt -r requirements.txt
COPY README.md LICENSE ./
COPY operator operator
# Bytecode only where it pays: an agent that starts has to give back within 2 s, and compiling what it imports costs most of one. The Kubernetes
# client stays source: 49 MB of bytecode for the sake of one second at the operator's start. Hash-based, so that equal sources make equal layers.
# What only compiling against numpy or checking types needs goes: f2py, distutils, headers, stubs, static libraries. scipy imports all that numpy names, f2py
# too, so with extras both stay.
RUN /opt/flyball/bin/pip install --no-compile --no-deps . \
 && /opt/flyball/bin/pip uninstall -q -y pip setuptools \
 && find /opt/flyball -depth -type d \( -name __pycache__ -o -name tests \) -exec rm -rf {} + \
 && rm -rf /opt/flyball/lib/python3*/site-packages/numpy/_core/include \
 && if [ -z "$EXTRAS" ]; then rm -rf /opt/flyball/lib/python3*/site-packages/numpy/f2py /opt/flyball/lib/python3*/site-packages/numpy/distutils; fi \
 && find /opt/flyball -type f \( -name '*.pyi' -o -name '*.pxd' -o -name '*.a' \) -delete \
 && python3 -m compileall -q -x 'site-packages/kubernetes/' --invalidation-mode unchecked-hash /opt/flyball/lib

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="flyball" \
      org.opencontainers.image.description="Gives latency-sensitive services the least CPU that keeps their latency objective" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/flyball /opt/flyball
# The root file system is mounted read-only in the chart: nothing is written beside sources, logs leave line by line.
# LOGNAME, because kopf asks for the user's name, and the uid that a cluster chooses has no line in /etc/passwd.
# OPENBLAS_NUM_THREADS, because numpy would start a thread and its buffers for each core of the node, for matrices of a few rows.
ENV PATH=/opt/flyball/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 LOGNAME=flyball OPENBLAS_NUM_THREADS=1
# As a number, so that runAsNonRoot can be checked. The agent's pod overrides it: the kernel lets uid 0 alone write quotas.
USER 65532:65532
ENTRYPOINT ["/opt/flyball/bin/flyball"]
CMD ["--help"]
