"""The command `flyball`."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any

import click

from flyball import __version__

COMMANDS = {
    "operator": "flyball.cli.operator",
    "agent": "flyball.cli.agent",
    "crds": "flyball.cli.crds",
    "status": "flyball.cli.status",
    "explain": "flyball.cli.explain",
    "release": "flyball.cli.release",
    "simulate": "flyball.cli.simulate",
    "forecast": "flyball.cli.forecast",
}


class Lazy(click.Group):
    """Imports a subcommand when it is asked for: the agent must not carry the operator's libraries."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name]).command
        return command


@click.command(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="flyball")
def main() -> None:
    """The least CPU that keeps a latency objective, on Kubernetes."""


def finish(work: Any) -> None:
    """Run a coroutine and end with its exit status."""
    raise SystemExit(asyncio.run(work))
