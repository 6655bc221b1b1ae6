"""Kubernetes quantities of CPU, in thousandths of a core.

Source: Kubernetes API conventions, "Quantities". Other people's pods may carry any of its suffixes.
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
    "T": Decimal(10) ** 12,
    "P": Decimal(10) ** 15,
    "E": Decimal(10) ** 18,
    "Ki": Decimal(2) ** 10,
    "Mi": Decimal(2) ** 20,
    "Gi": Decimal(2) ** 30,
    "Ti": Decimal(2) ** 40,
    "Pi": Decimal(2) ** 50,
    "Ei": Decimal(2) ** 60,
}


def milli(quantity: str | int) -> int:
    """A CPU quantity in millicores, rounded up as Kubernetes does. Raises ValueError on anything else than a quantity."""
    found = re.fullmatch(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)([numkMGTPE]|[KMGTPE]i|)", str(quantity).strip())
    if found is None:
        raise ValueError(f"{quantity!r} is not a CPU quantity such as 250m or 1.5")
    return int((Decimal(found[1]) * _SUFFIXES[found[2]] * 1000).to_integral_value(ROUND_CEILING))
