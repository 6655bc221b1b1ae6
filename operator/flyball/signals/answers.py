"""Answers of Prometheus: series with the time of every value, or the reason why there is none."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class NoValue(enum.StrEnum):
    """Why there is no value. The names are those of the conditions' reasons."""

    NO_SERIES = "NoSeries"
    STALE = "Stale"
    NOT_A_NUMBER = "NotANumber"
    SEVERAL_SERIES = "SeveralSeries"
    UNREACHABLE = "PrometheusUnreachable"
    ERROR = "PrometheusError"
    NO_BUCKET = "NoBucket"
    PROMQL_NOT_ALLOWED = "PromQLNotAllowed"


class SignalError(Exception):
    """A signal cannot be had; `reason` says why in one word, the message in a sentence."""

    def __init__(self, reason: NoValue, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels and its points (Unix seconds, value)."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def last(self) -> tuple[float, float]:
        return self.points[-1]


def parse(body: Mapping[str, Any]) -> list[Series]:
    """Series of the body of an instant or range answer. Raises SignalError when it is an error or no such body."""
    if body.get("status") != "success":
        raise SignalError(NoValue.ERROR, f"Prometheus refused the query: {body.get('error', 'no reason given')}")
    try:
        data = body["data"]
        if data["resultType"] == "scalar":
            return [Series({}, (_point(data["result"]),))]
        return [Series(item["metric"], tuple(map(_point, item.get("values") or [item["value"]]))) for item in data["result"]]
    except (KeyError, TypeError, ValueError) as error:
        raise SignalError(NoValue.ERROR, f"Prometheus answered in a form that is not its own: {error!r}") from error


def _point(pair: Any) -> tuple[float, float]:
    time, value = pair
    return float(time), float(value)  # "NaN", "+Inf" and "-Inf" are floats to Python too


def single(series: list[Series], what: str) -> tuple[float, float] | None:
    """Time and value of an answer that must have one series or none. Raises SignalError on several, or on a value that is no number."""
    if not series:
        return None
    if len(series) > 1:
        raise SignalError(NoValue.SEVERAL_SERIES, f"{what} must be one series and is {len(series)}; aggregate it, for example with sum().")
    time, value = series[0].last
    if not math.isfinite(value):
        raise SignalError(NoValue.NOT_A_NUMBER, f"{what} is {value}, which is no count.")
    return time, value
