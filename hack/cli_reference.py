"""docs/reference/cli.md: what `flyball` and its commands say with --help, as a page."""

from __future__ import annotations

from collections.abc import Iterator

import click

from flyball.cli.main import main


def page() -> str:
    """The reference page of the command line."""
    lines = ["<!-- Made by `make generate`; do not edit. -->", "# Command line", "", str(main.help).strip(), ""]
    lines += [
        "Where an option of `flyball operator` or `flyball agent` has a variable, the chart sets it by `operator.env` or `agent.env`.",
        "",
    ]
    return "\n".join([*lines, *_commands(click.Context(main, info_name="flyball"))])


def _commands(parent: click.Context) -> Iterator[str]:
    group = parent.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        assert command is not None
        context = click.Context(command, info_name=name, parent=parent)
        if isinstance(command, click.Group):
            yield from _commands(context)
        else:
            yield from _command(context)


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    yield from (f"## {context.command_path}", "", f"`{context.command_path} {' '.join(command.collect_usage_pieces(context))}`", "")
    yield from (" ".join((command.help or command.short_help or "").replace("\b", "").split()), "")
    options = [its for its in command.params if isinstance(its, click.Option) and not its.hidden]
    if options:
        yield from ("| option | variable | |", "|---|---|---|", *(_row(context, its) for its in options), "")


def _row(context: click.Context, option: click.Option) -> str:
    record = option.get_help_record(context)
    assert record is not None
    names, said = (text.replace("|", r"\|") for text in record)
    variable = option.envvar or ""
    listed = variable if isinstance(variable, str) else ", ".join(variable)
    return f"| `{names}` | {f'`{listed}`' if listed else ''} | {' '.join(said.split())} |"
