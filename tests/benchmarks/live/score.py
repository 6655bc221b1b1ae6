"""From blocks to figures: a policy's measured means beside what the fitted simulator said. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hack.demo.figures import Figures


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON knows no NaN: what is not known is null."""
    return {key: None if isinstance(value, float) and not math.isfinite(value) else value for key, value in values.items()}


@dataclass(frozen=True, slots=True)
class Block:
    """One block of one policy: measured, and predicted for the very requests that were sent in it."""

    policy: str
    label: str
    round: int
    order: int
    """Place within the round, from 0."""
    figures: Figures
    predicted_p99_seconds: float
    """Mean over seeds."""
    predicted_cores: float
    predicted_slow_share: float
    throttled_by_pod: int
    """Periods in which a pod's own quota stopped a container: 0, or the pod level steered as well."""
    writes: int
    ticks: int
    late: int
    policy_cores: float
    dropped: int
    busy_share: float

    def as_json(self) -> dict[str, Any]:
        return plain(asdict(self)) | {"figures": self.figures.as_json()}


@dataclass(frozen=True, slots=True)
class Standing:
    """A policy over all its blocks: means, and the smallest and largest of a block."""

    policy: str
    label: str
    cores: float
    cores_range: tuple[float, float]
    used: float
    p99_seconds: float
    p99_range: tuple[float, float]
    slow_share: float
    """Of all its requests together."""
    slow_range: tuple[float, float]
    minutes_over: int
    minutes: int
    errors: int
    requests: int
    predicted_cores: float
    predicted_p99_seconds: float
    policy_cores: float

    def as_json(self) -> dict[str, Any]:
        return plain(asdict(self))

    @property
    def cores_error(self) -> float:
        """Of the prediction, as a share of what was measured."""
        return self.predicted_cores / self.cores - 1.0

    @property
    def p99_error(self) -> float:
        return self.predicted_p99_seconds / self.p99_seconds - 1.0


def standing(blocks: Sequence[Block]) -> Standing:
    """Of one policy's blocks."""
    cores = [its.figures.cores.allocated for its in blocks]
    p99 = [its.figures.p99_seconds for its in blocks]
    slow = [its.figures.slow_share for its in blocks]
    requests = sum(its.figures.requests for its in blocks)
    return Standing(
        policy=blocks[0].policy,
        label=blocks[0].label,
        cores=statistics.fmean(cores),
        cores_range=(min(cores), max(cores)),
        used=statistics.fmean(its.figures.cores.used for its in blocks),
        p99_seconds=statistics.fmean(p99),
        p99_range=(min(p99), max(p99)),
        slow_share=sum(its.figures.slow_share * its.figures.requests for its in blocks) / requests if requests else math.nan,
        slow_range=(min(slow), max(slow)),
        minutes_over=sum(its.figures.minutes_violated for its in blocks),
        minutes=sum(int(its.figures.minutes) for its in blocks),
        errors=sum(its.figures.errors for its in blocks),
        requests=requests,
        predicted_cores=statistics.fmean(its.predicted_cores for its in blocks),
        predicted_p99_seconds=statistics.fmean(its.predicted_p99_seconds for its in blocks),
        policy_cores=statistics.fmean(its.policy_cores for its in blocks),
    )


def standings(blocks: Sequence[Block]) -> list[Standing]:
    """Of all policies, in the order in which they first ran."""
    by_policy: dict[str, list[Block]] = {}
    for block in blocks:
        by_policy.setdefault(block.policy, []).append(block)
    return [standing(its) for its in by_policy.values()]


def summary(standings: Sequence[Standing]) -> dict[str, float | bool | None]:
    """The figures that are held against a target: median error over policies at most 20 %, and the order by cores as predicted."""
    measured = [its.policy for its in sorted(standings, key=lambda its: its.cores)]
    predicted = [its.policy for its in sorted(standings, key=lambda its: its.predicted_cores)]
    return {
        "p99_median_error_percent": _percent([its.p99_error for its in standings]),
        "cores_median_error_percent": _percent([its.cores_error for its in standings]),
        "order_by_cores_equal": measured == predicted,
    }


def _percent(errors: Sequence[float]) -> float | None:
    middle = 100.0 * statistics.median(abs(error) for error in errors)
    return middle if math.isfinite(middle) else None


def savings(standings: Sequence[Standing], against: str) -> Mapping[str, float]:
    """Cores that each of the others saves against one policy, percent; nothing where that one did not run."""
    base = next((its.cores for its in standings if its.policy == against), None)
    return {} if base is None else {its.policy: 100.0 * (1.0 - its.cores / base) for its in standings if its.policy != against}
