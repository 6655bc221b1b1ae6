# Thin: each target calls one command. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
FLAVOUR ?= node

##@ General
.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-zA-Z_-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(VENV)/.ready ## Virtual environment with the pinned versions
$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Flyball needs Python 3.11 or newer; PYTHON=... names another interpreter")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

##@ See it work
.PHONY: demo
demo: setup ## A cluster, a shop under load, first observed, then controlled (DEMO_MINUTES=10, KEEP=1)
	$(PY) -m hack.demo

.PHONY: example-predictive
example-predictive: setup ## Replicas that are Ready before a load rises, in nine minutes (KEEP=1)
	$(PY) -m hack.predictive

.PHONY: cluster-up
cluster-up: setup ## Leave a local cluster running, kubeconfig in build/cluster (FLAVOUR=api|node)
	$(PY) -m hack.cluster up --flavour $(FLAVOUR)

.PHONY: cluster-down
cluster-down: setup ## Remove every trace of it
	$(PY) -m hack.cluster down

##@ Checks
.PHONY: test
test: setup ## Every test tier that this machine can run (ARGS='-k captain'); says what it skipped
	$(VENV)/bin/pytest -n 2 $(ARGS)

.PHONY: unit
unit: setup ## The unit tier alone: no cluster, no root
	$(VENV)/bin/pytest tests/unit $(ARGS)

.PHONY: lint
lint: setup ## ruff, formatting, import contracts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports

.PHONY: type
type: setup ## mypy, strict
	$(VENV)/bin/mypy

.PHONY: verify
verify: setup ## Generated files are current: CRDs, the chart's copy, docs/reference
	$(PY) -m hack.generate --check

.PHONY: bench
bench: setup ## One benchmark suite (SUITE=agent); result in build/bench
	$(VENV)/bin/pip install -q -c constraints.txt -e '.[bench,dev]'
	$(PY) -m tests.benchmarks.$(or $(SUITE),$(error SUITE=name says which benchmark, for example SUITE=agent))

##@ Make things
.PHONY: generate
generate: setup ## CRDs, the chart's copy and docs/reference from the models
	$(PY) -m hack.generate

.PHONY: image
image: setup ## The container image as build/image/flyball.tar, with docker or else buildah (EXTRAS=crosscheck adds statsmodels)
	$(PY) -m hack.image --output build/image/flyball.tar $(if $(EXTRAS),--extras $(EXTRAS))

.PHONY: constraints
constraints: ## Renew constraints.txt with today's versions of all dependencies
	rm -rf build/constraints && $(PYTHON) -m venv build/constraints
	build/constraints/bin/pip install -q -e '.[bench,dev]'
	{ head -1 constraints.txt; build/constraints/bin/pip freeze --exclude-editable; } > build/constraints.txt
	mv build/constraints.txt constraints.txt

.PHONY: clean
clean: ## Remove what was built or cached in this folder, the virtual environment included
	@if [ -d build/cluster ] && [ -x $(PY) ]; then $(PY) -m hack.cluster down --all; fi
	rm -rf build $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage*
