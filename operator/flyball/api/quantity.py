"""Kubernetes quantities of CPU, in thousandths of a core.

Source: Kubernetes API conventions, "Quantities"; the suffixes that make sense for CPU.
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

PATTERN = r"^(0|[1-9][0-9]*)(\.[0-9]{1,3})?$|^[1-9][0-9]*m$"
"""What Flyball accepts in its own objects: whole or decimal cores, or millicores."""

_SUFFIXES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(1000),
    "M": Decimal(10) ** 6,
    "G": Decimal(10) ** 9,
}


def milli(quantity: str | int) -> int:
    """A CPU quantity in millicores, rounded up as Kubernetes does. Raises ValueError on anything else than a quantity."""
    found = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([numkMG]?)", str(quantity).strip())
    if found is None:
        raise ValueError(f"{quantity!r} is not a CPU quantity such as 250m or 1.5")
    return int((Decimal(found[1]) * _SUFFIXES[found[2]] * 1000).to_integral_value(ROUND_CEILING))
