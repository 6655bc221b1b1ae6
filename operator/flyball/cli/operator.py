"""`flyball operator`."""

from __future__ import annotations

from typing import Any

import click

from flyball.cli.main import finish
from flyball.cli.options import build, options
from flyball.kube.client import KubeError
from flyball.runtime.main import run
from flyball.runtime.settings import Settings


@click.command("operator", short_help="Run the operator.")
@options(Settings)
def command(**values: Any) -> None:
    """Run the operator: it reads Prometheus, moves the throttle targets, and writes them for the node agents."""
    settings = build(Settings, values)
    try:
        finish(run(settings))
    except KubeError as error:
        raise click.ClickException(str(error)) from error
