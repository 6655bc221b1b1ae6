"""Answers of Prometheus, and what is no answer."""

from __future__ import annotations

from typing import Any

import pytest

from flyball.signals import NoValue, SignalError
from flyball.signals.answers import parse, single


def vector(*values: str) -> dict[str, Any]:
    return {
        "status": "success",
        "data": {"resultType": "vector", "result": [{"metric": {"n": str(i)}, "value": [1.5, v]} for i, v in enumerate(values)]},
    }


def test_every_value_carries_its_time() -> None:
    assert single(parse(vector("3")), "it") == (1.5, 3.0)


def test_nothing_is_not_zero() -> None:
    assert single(parse(vector()), "it") is None


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf"])
def test_what_is_no_number_is_said(value: str) -> None:
    with pytest.raises(SignalError) as raised:
        single(parse(vector(value)), "it")
    assert raised.value.reason is NoValue.NOT_A_NUMBER


def test_several_series_are_not_added_up_silently() -> None:
    with pytest.raises(SignalError, match="aggregate it") as raised:
        single(parse(vector("1", "2")), "it")
    assert raised.value.reason is NoValue.SEVERAL_SERIES


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "error", "error": "bad"},
        {"status": "success"},
        {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {}}]}},
    ],
)
def test_errors_and_strange_bodies_are_errors_of_prometheus(body: dict[str, Any]) -> None:
    with pytest.raises(SignalError) as raised:
        parse(body)
    assert raised.value.reason is NoValue.ERROR


def test_scalars_and_ranges_are_series_too() -> None:
    assert parse({"status": "success", "data": {"resultType": "scalar", "result": [1, "2"]}})[0].last == (1.0, 2.0)
    matrix = {"status": "success", "data": {"resultType": "matrix", "result": [{"metric": {}, "values": [[1, "2"], [2, "3"]]}]}}
    assert parse(matrix)[0].points == ((1.0, 2.0), (2.0, 3.0))
