"""`flyball agent`."""

from __future__ import annotations

from typing import Any

import click

from flyball.agent.main import run
from flyball.agent.settings import Settings
from flyball.cli.main import finish
from flyball.cli.options import build, options


@click.command("agent", short_help="Run the node agent.")
@options(Settings)
def command(**values: Any) -> None:
    """Run the node agent: it moves the CFS quotas (and, where asked for, weights) of this node's containers so that throttling (and waiting)
    stays at its targets, and gives back on exit."""
    finish(run(build(Settings, values)))
