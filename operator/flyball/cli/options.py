"""Options of a command made from the fields of its settings: `prometheus_url` becomes --prometheus-url and $FLYBALL_PROMETHEUS_URL."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import click

F = TypeVar("F", bound=Callable[..., Any])


def options(settings: type) -> Callable[[F], F]:
    """Decorate a command with one option per field."""
    hints = get_type_hints(settings)

    def decorate(command: F) -> F:
        for item in reversed(fields(settings)):
            command = _option(item, hints[item.name])(command)
        return command

    return decorate


def build(settings: type, values: dict[str, Any]) -> Any:
    """The settings from an option's values; an option that was not given takes the field's own default. A bad one is a usage error."""
    hints = get_type_hints(settings)
    try:
        return settings(**{name: _typed(hints[name], value) for name, value in values.items() if value is not None})
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _option(item: Field[Any], hint: Any) -> Callable[[F], F]:
    name = f"--{item.name.replace('_', '-')}"
    required = item.default is MISSING and item.default_factory is MISSING
    default = "" if required or item.default in (MISSING, None) else f"  [default: {getattr(item.default, 'value', item.default)}]"
    kind = _click_type(hint)
    flag: dict[str, Any] = {"is_flag": True} if kind is click.BOOL else {"type": kind}
    if item.default is True:
        name = f"{name}/--no-{item.name.replace('_', '-')}"
    flag |= {"required": True} if required else {"default": None}  # an explicit default of None would count as given
    return click.option(name, item.name, envvar=f"FLYBALL_{item.name.upper()}", help=f"{item.metadata['help']}{default}", **flag)


def _click_type(hint: Any) -> Any:
    plain = _plain(hint)
    if isinstance(plain, type) and issubclass(plain, enum.Enum):
        return click.Choice([str(member.value) for member in plain], case_sensitive=False)
    return {bool: click.BOOL, int: click.INT, float: click.FLOAT}.get(plain, click.STRING)


def _typed(hint: Any, value: Any) -> Any:
    plain = _plain(hint)
    if plain is Path or (isinstance(plain, type) and issubclass(plain, enum.Enum)):
        return plain(value)
    return value


def _plain(hint: Any) -> Any:
    """The type of an optional."""
    kinds = [kind for kind in get_args(hint) if kind is not type(None)]
    return kinds[0] if kinds else hint
