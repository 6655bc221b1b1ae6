"""Builds the product's image from the Dockerfile at the root, with a docker engine where one answers, otherwise with buildah.

    python -m hack.image --output build/image/flyball.tar

The result is a docker-archive, which `ctr images import`, `kind load image-archive` and `docker load` read.
"""

from hack.image.build import ImageError, archive

__all__ = ["ImageError", "archive"]
