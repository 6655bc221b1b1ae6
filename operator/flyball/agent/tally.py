"""Tallies: what the agent counts per workload and group, and of itself; plain numbers on the hot path, shaped into metrics when scraped.

The tick adds to them; `/metrics` reads them. Never a series a pod: a cluster's series grow with its workloads, not with its replicas.
Counters of core seconds make `rate()` an exact mean whatever the scrape interval.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

LABELS = ("node", "slo_namespace", "slo", "workload", "group")
# Around the budget of 20 ms a tick.
TICK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1.0)
# A workload that left the node keeps its series this long (several scrapes), so that its last counts are collected.
KEEP_SECONDS = 900.0

Key = tuple[str, str, str, str]  # namespace and name of the LatencySLO, workload, group


@dataclass(slots=True)
class Tally:
    """Of one workload and group on this node."""

    quota_core_seconds: float = 0.0
    grant_core_seconds: float = 0.0
    usage_core_seconds: float = 0.0
    throttled_periods: float = 0.0
    wall_periods: float = 0.0
    waited_seconds: float = 0.0
    weight_core_seconds: float = 0.0
    request_core_seconds: float = 0.0
    writes: int = 0
    drift: int = 0
    releases: Counter[str] = field(default_factory=Counter)
    # of the last tick
    quota: float = 0.0
    grant: float = 0.0
    weight: float = 0.0
    request: float = 0.0
    target: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    hands_off: Counter[str] = field(default_factory=Counter)
    touched: float = 0.0  # monotonic seconds

    def begin(self) -> None:
        """Forget the last tick's gauges; reasons once seen stay, at zero, so that their series do not freeze."""
        self.quota = self.grant = self.weight = self.request = 0.0
        for counts in (self.states, self.hands_off):
            for key in counts:
                counts[key] = 0


class Tallies(Collector):
    """All of an agent's numbers, as a collector for prometheus_client."""

    def __init__(self, node: str) -> None:
        self.node = node
        self.by_key: dict[Key, Tally] = {}
        self.ticks_late = 0
        self.errors: Counter[str] = Counter()
        self._buckets = [0] * (len(TICK_BUCKETS) + 1)
        self._seconds = 0.0

    def of(self, key: Key) -> Tally:
        """The tally of a workload, made at first use."""
        return self.by_key.setdefault(key, Tally())

    def begin(self) -> None:
        """Start a tick."""
        for tally in self.by_key.values():
            tally.begin()

    def ticked(self, seconds: float) -> None:
        """A tick took `seconds`."""
        self._buckets[bisect_left(TICK_BUCKETS, seconds)] += 1
        self._seconds += seconds

    def prune(self, now: float) -> None:
        """Drop what has had no container for a while."""
        for key in [key for key, tally in self.by_key.items() if now - tally.touched > KEEP_SECONDS]:
            del self.by_key[key]

    def collect(self) -> Iterable[Metric]:
        """The metrics as the design page of the loop lists them."""
        for name, text in COUNTERS.items():
            family = CounterMetricFamily(f"flyball_agent_{name}", text, labels=LABELS)
            for key, tally in self.by_key.items():
                family.add_metric((self.node, *key), getattr(tally, name))
            yield family
        for attribute, (name, text) in GAUGES.items():
            gauge = GaugeMetricFamily(f"flyball_agent_{name}", text, labels=LABELS)
            for key, tally in self.by_key.items():
                gauge.add_metric((self.node, *key), getattr(tally, attribute))
            yield gauge
        yield self._by_reason(CounterMetricFamily, "releases", "reason", "Containers given back, by reason", "releases")
        yield self._by_reason(GaugeMetricFamily, "containers", "state", "Containers by state", "states")
        yield self._by_reason(GaugeMetricFamily, "hands_off", "reason", "Containers not acted on, by reason", "hands_off")
        errors = CounterMetricFamily("flyball_agent_errors", "Errors survived, by part", labels=("node", "part"))
        for part, count in self.errors.items():
            errors.add_metric((self.node, part), count)
        yield errors
        late = CounterMetricFamily("flyball_agent_ticks_late", "Ticks that started late by more than a quarter of their interval", labels=("node",))
        late.add_metric((self.node,), self.ticks_late)
        yield late
        yield self._tick_seconds()

    def _by_reason(self, family: type[CounterMetricFamily] | type[GaugeMetricFamily], name: str, label: str, text: str, attribute: str) -> Metric:
        metric = family(f"flyball_agent_{name}", text, labels=(*LABELS, label))
        for key, tally in self.by_key.items():
            for reason, count in getattr(tally, attribute).items():
                metric.add_metric((self.node, *key, reason), count)
        return metric

    def _tick_seconds(self) -> Metric:
        histogram = HistogramMetricFamily("flyball_agent_tick_seconds", "Duration of a tick", labels=("node",))
        total, buckets = 0, []
        for bound, count in zip((*map(str, TICK_BUCKETS), "+Inf"), self._buckets, strict=True):
            total += count
            buckets.append((bound, total))
        histogram.add_metric((self.node,), buckets, self._seconds)
        return histogram


COUNTERS = {
    "quota_core_seconds": "Quota in force, integrated; containers with a limit only",
    "grant_core_seconds": "Quota that the live spec grants, integrated",
    "weight_core_seconds": "CPU requests that the weights in force stand for, integrated; containers under weight control only",
    "request_core_seconds": "CPU requests of the live specs of the same, integrated",
    "usage_core_seconds": "CPU used by containers with a limit or under weight control",
    "throttled_periods": "CFS periods in which a container or its pod ran out of quota",
    "wall_periods": "CFS periods that passed",
    "waited_seconds": "Time that runnable tasks waited for a CPU or for their quota, as far as known",
    "writes": "Quotas, bursts and weights written",
    "drift": "Quotas and weights found changed by somebody else without a change of the pod's spec",
}
GAUGES = {
    "quota": ("quota_cores", "Quota in force now"),
    "grant": ("grant_cores", "Quota that the live specs grant now"),
    "weight": ("weight_cores", "CPU requests that the weights in force stand for now"),
    "request": ("request_cores", "CPU requests of the live specs of the same now"),
    "target": ("target_ratio", "Wanted share of throttled periods, or of waiting"),
}
