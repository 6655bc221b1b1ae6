"""The operator's own metrics, one registry a process, label sets deleted when their object goes. Never labelled by pod."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_OBJECT = ("slo_namespace", "slo")


class Metrics:
    """Every metric the operator exports."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        objective = (*_OBJECT, "objective")

        def gauge(name: str, text: str, labels: tuple[str, ...]) -> Gauge:
            return Gauge(f"flyball_{name}", text, labels, registry=self.registry)

        self.budget_left = gauge("slo_budget_left_ratio", "Error budget left of the window's; negative when overdrawn", objective)
        self.burn_rate = gauge("slo_burn_rate", "Slow share of the latest reading over the allowed share", objective)
        self.slow_ratio = gauge("slo_slow_ratio", "Share of slow requests in the window", objective)
        self.minutes_above = gauge("slo_minutes_above", "Minutes of the window in which more than the allowed share was slow", objective)
        self.requests = gauge("slo_requests", "Known requests in the window", objective)
        self.target = gauge("tower_target_ratio", "Throttle target of a group", (*_OBJECT, "group"))
        self.saved = gauge("slo_saved_ratio", "Share of the granted CPU that is not allocated", _OBJECT)
        self.decisions = Counter("flyball_tower_decisions", "Decisions by reason", (*_OBJECT, "reason"), registry=self.registry)
        self.ticks = Histogram("flyball_tick_seconds", "Time of one look at an object", registry=self.registry)
        self.failures = Counter("flyball_tick_failures", "Looks at an object that failed", ("error",), registry=self.registry)
        self.queries = Histogram("flyball_prometheus_query_seconds", "Time of a Prometheus query", ("outcome",), registry=self.registry)
        self.writes = Counter("flyball_api_writes", "Writes to the Kubernetes API", ("what",), registry=self.registry)
        self.queue = Gauge("flyball_queue_keys", "Objects that wait for their look", registry=self.registry)
        self.misses = Counter("flyball_watch_misses", "Changes that a watch had missed and a check found", ("kind",), registry=self.registry)
        autoscaler = ("pas_namespace", "pas")
        self.replicas = gauge(
            "replicas", "Replicas of a PredictiveAutoscaler's target: current, ready, reactive, proactive, wish, wanted", (*autoscaler, "state")
        )
        self.ready_after = gauge("ready_after_seconds", "Time until a replica serves, stated or learned", autoscaler)
        self.demand = gauge("demand", "Demand served per second", (*autoscaler, "demand"))
        self.capacity = gauge("replica_capacity", "Demand per second that one replica carries", (*autoscaler, "demand"))
        self.forecast = gauge("forecast_demand", "Demand per second to come", (*autoscaler, "demand", "horizon_seconds", "quantile"))
        self.skill = gauge(
            "forecast_skill_ratio", "1 - error over that of the better of last value and yesterday's", (*autoscaler, "demand", "horizon_seconds")
        )
        self.crosscheck = gauge(
            "forecast_crosscheck_error_ratio",
            "Error of Theta on logs over the forecast's, a quarter of an hour ahead, over the last day",
            (*autoscaler, "demand"),
        )
        self.crosscheck_fits = Counter(
            "flyball_forecast_crosscheck_fits", "Fits of the cross-check that were due", ("outcome",), registry=self.registry
        )
        self.forecast_ticks = Histogram("flyball_forecast_tick_seconds", "Time of one step of all forecasts", registry=self.registry)
        self.leading = Gauge("flyball_leading", "1 while this operator leads", registry=self.registry)

    def keep(self, namespace: str, name: str, *, objectives: Collection[str], groups: Collection[str]) -> None:
        """Forget the series of objectives and groups that the object no longer has."""
        for metric in (self.budget_left, self.burn_rate, self.slow_ratio, self.minutes_above, self.requests, self.target):
            kept = groups if metric is self.target else objectives
            for labels in _labels_of(metric, namespace, name):
                if labels[-1] not in kept:
                    metric.remove(*labels)

    def rest(self, namespace: str, name: str) -> None:
        """Forget what an object's loop said last, since it does not run; counters stay."""
        for metric in self._labelled():
            if isinstance(metric, Gauge):
                for labels in _labels_of(metric, namespace, name):
                    metric.remove(*labels)

    def drop(self, namespace: str, name: str) -> None:
        """Forget the series of an object that is gone."""
        for metric in self._labelled():
            for labels in _labels_of(metric, namespace, name):
                metric.remove(*labels)

    def forget_autoscaler(self, namespace: str, name: str) -> None:
        """Forget the series of a PredictiveAutoscaler that is gone, or whose demands have changed."""
        for metric in (self.replicas, self.ready_after, self.demand, self.capacity, self.forecast, self.skill, self.crosscheck):
            for sample in next(iter(metric.collect())).samples:
                if (sample.labels["pas_namespace"], sample.labels["pas"]) == (namespace, name):
                    metric.remove(*sample.labels.values())

    def _labelled(self) -> Iterable[Gauge | Counter]:
        return (
            self.budget_left,
            self.burn_rate,
            self.slow_ratio,
            self.minutes_above,
            self.requests,
            self.target,
            self.saved,
            self.decisions,
        )


def _labels_of(metric: Gauge | Counter, namespace: str, name: str) -> list[list[str]]:
    """Label values of the metric's series that belong to the object."""
    found = []
    for sample in next(iter(metric.collect())).samples:
        if sample.name.endswith("_created"):
            continue
        if (sample.labels["slo_namespace"], sample.labels["slo"]) == (namespace, name):
            found.append(list(sample.labels.values()))
    return found
