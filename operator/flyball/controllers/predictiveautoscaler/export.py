"""The metrics of PredictiveAutoscalers: replicas wanted and there, demands, what is ahead and how good it is; for people, HPA and KEDA."""

from __future__ import annotations

import math
from collections.abc import Mapping

from flyball.controllers.predictiveautoscaler.ahead import Ahead
from flyball.controllers.predictiveautoscaler.status import SHOWN_SECONDS, Facts
from flyball.runtime.metrics import Metrics

Key = tuple[str, str]


class Exporter:
    """Sets the gauges of each object, and takes them away with it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._exported: dict[Key, dict[str, tuple[Ahead | None, float]]] = {}
        """Demand -> the forecast and quantile that were set last: between two steps of the engines they do not change."""

    def export(self, key: Key, facts: Facts) -> None:
        """The object as it was seen."""
        quantile = float(facts.pas.spec.quantile) / 100
        shown = {seen.demand.name: (seen.ahead, quantile) for seen in facts.seen}
        if _series(self._exported.get(key, shown)) != _series(shown):
            self.forget(key)
        before = self._exported.get(key, {})
        self._exported[key] = shown
        metrics, decision = self._metrics, facts.decision
        states = {
            "wanted": decision.replicas,
            "wish": decision.wish,
            "current": facts.current,
            "ready": facts.ready,
            "reactive": decision.reactive,
            "proactive": decision.proactive,
        }
        for state, value in states.items():
            metrics.replicas.labels(*key, state).set(math.nan if value is None else value)
        metrics.ready_after.labels(*key).set(facts.ready_after.seconds)
        for seen in facts.seen:
            labels = (*key, seen.demand.name)
            metrics.demand.labels(*labels).set(seen.value)
            metrics.capacity.labels(*labels).set(seen.capacity)
            if seen.ahead is None or before.get(seen.demand.name) == shown[seen.demand.name]:
                continue
            for seconds in SHOWN_SECONDS:
                metrics.forecast.labels(*labels, str(seconds), "0.5").set(seen.ahead.point(seconds))
                metrics.forecast.labels(*labels, str(seconds), f"{quantile:g}").set(seen.ahead.upper(seconds, quantile))
                metrics.skill.labels(*labels, str(seconds)).set(seen.ahead.skill(seconds))

    def forget(self, key: Key) -> None:
        """The object is gone, or rests: what was exported last is not so any more, and others scale on it."""
        if self._exported.pop(key, None) is not None:
            self._metrics.forget_autoscaler(*key)


def _series(shown: Mapping[str, tuple[Ahead | None, float]]) -> set[tuple[str, float, bool]]:
    """What the labels of an object's series hang on: its demands, the quantile, and whether there is a forecast."""
    return {(name, quantile, ahead is not None) for name, (ahead, quantile) in shown.items()}
