"""The record of a raised floor, on the HorizontalPodAutoscaler itself."""

from __future__ import annotations

from typing import Any

import pytest

from flyball.controllers.shared.autoscalers import Autoscaler, horizontal
from flyball.controllers.shared.raised import BY, OWN, TO, Raised, put_back, read

RECORD = Raised("web", own=2, to=5)


def hpa(floor: int | None, annotations: dict[str, str] | None = None) -> Autoscaler:
    metadata: dict[str, Any] = {"namespace": "default", "name": "web", "annotations": annotations}
    return horizontal({"metadata": metadata, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "minReplicas": floor}})


def test_what_is_written_is_read_again() -> None:
    assert read({"annotations": RECORD.annotations}) == RECORD
    assert hpa(5, {**RECORD.annotations, "team": "shop"}).raised == RECORD


@pytest.mark.parametrize("annotations", [None, {}, {"team": "shop"}])
def test_an_hpa_that_nobody_raised_has_no_record(annotations: dict[str, str] | None) -> None:
    assert hpa(5, annotations).raised is None


@pytest.mark.parametrize(
    ("key", "value"), [(OWN, ""), (OWN, "two"), (OWN, "-2"), (OWN, "0"), (OWN, "9" * 5000), (TO, "5.0"), (TO, "\u0665"), (BY, "")]
)
def test_a_record_that_somebody_broke_is_none(key: str, value: str) -> None:
    assert hpa(5, {**RECORD.annotations, key: value}).raised is None


@pytest.mark.parametrize(
    ("says", "floor", "own"),
    [
        ("what was written stands: the owner's is what it was", 5, 2),
        ("the owner has raised it since", 7, 7),
        ("the owner has lowered it since", 1, 1),
        ("the owner's manifest has put it back", 2, 2),
        ("the owner has taken it out", None, 1),
    ],
)
def test_the_owners_floor_is_what_they_said_last(says: str, floor: int | None, own: int) -> None:
    assert hpa(floor, RECORD.annotations).own_floor == own, says


def test_without_a_record_the_floor_is_the_owners() -> None:
    assert hpa(3).own_floor == 3


def test_putting_back_takes_the_record_away() -> None:
    assert put_back(2) == {"metadata": {"annotations": {OWN: None, TO: None, BY: None}}, "spec": {"minReplicas": 2}}
