"""Numbers as people read them; a dash where nothing is known."""

from __future__ import annotations


def number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def milliseconds(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1000 * seconds:.0f} ms"


def percent(share: float | None, form: str = "g") -> str:
    return "–" if share is None else f"{100 * share:{form}} %"


def minutes(seconds: float) -> str:
    return "a minute" if seconds == 60 else f"{seconds / 60:.3g} minutes"


def clock(seconds: float) -> str:
    """Minutes and seconds since the start."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
