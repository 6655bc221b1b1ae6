"""The record of a floor that a PredictiveAutoscaler raised: annotations of the HorizontalPodAutoscaler itself, beside its `minReplicas`.

It stands where what was taken stands, and is written with it in one apply. So it outlives the operator's process, the object that raised the floor
and any change of what that object points to; whoever reads the HPA knows what to give back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flyball.api.meta import GROUP

OWN, TO, BY = f"{GROUP}/floor", f"{GROUP}/raised-to", f"{GROUP}/raised-by"
_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Raised:
    """A floor that was raised."""

    by: str
    """PredictiveAutoscaler of the HPA's namespace. Its name without a UID: one that is made anew under it answers for the floor as well."""
    own: int
    """minReplicas as the HPA's owner had it."""
    to: int
    """minReplicas as it was written. Where another number stands now, the owner has changed it since, and that is the owner's."""

    @property
    def annotations(self) -> dict[str, str]:
        return {OWN: str(self.own), TO: str(self.to), BY: self.by}


def read(metadata: Mapping[str, Any]) -> Raised | None:
    """The record in an HPA's metadata; None where there is none, or somebody broke it."""
    noted = metadata.get("annotations") or {}
    own, to, by = _number(noted.get(OWN)), _number(noted.get(TO)), noted.get(BY)
    return Raised(by, own, to) if by and own and to else None


def put_back(own: int) -> dict[str, Any]:
    """Merge patch that puts an HPA's floor back and takes the record away."""
    return {"metadata": {"annotations": dict.fromkeys((OWN, TO, BY))}, "spec": {"minReplicas": own}}


def _number(text: str | None) -> int:
    """A floor as it was written; 0, which is none, for anything else."""
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0
