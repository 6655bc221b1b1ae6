"""A policy of the simulator on real containers: the same three calls, answered by the kernel and Prometheus instead of the engine.

`start` gets the facts, `fast` each tick what the kernel counted since the one before, and its quotas go to the files that the agent writes; `slow`
what Prometheus shows. So whoever adds a policy to the simulator has it on a real kernel as well. A policy that does nothing makes this a meter, which
is how Flyball's own blocks are measured: same clock, same files.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flyball.sim.policy import Facts, Floats, Policy, Quotas, Samples, SlowObservation
from tests.benchmarks.live.containers import Containers, Counters, Flags

CHECK_SECONDS = 1.0
LATE_SHARE = 0.5
"""A tick that begins later than this share of its length is counted as late, as the agent counts its own (there a quarter of a whole second)."""


@dataclass(frozen=True, slots=True)
class Driven:
    """What was counted in the scored part of a run."""

    seconds: float
    allocated: Floats
    """Mean cores of quota in force, by container."""
    used: Floats
    throttled: Floats
    """Throttled periods, by container."""
    throttled_by_pod: Floats
    writes: int
    ticks: int
    late: int
    """Ticks that were late or left out."""
    policy_cores: float
    """CPU of policy and adapter together, as a share of one core."""


class Driver:
    """One policy on the containers."""

    def __init__(self, containers: Containers, policy: Policy, facts: Facts, read: Callable[[], SlowObservation], check: Callable[[], None]) -> None:
        """`read` answers the slow level; `check` is called about once a second and raises when the run makes no sense any more."""
        self._containers, self._policy, self._facts, self._read, self._check = containers, policy, facts, read, check

    def run(self, settle_seconds: float, score_seconds: float, spare_seconds: float) -> Driven:
        """Drive it for all three; only what lies in `score_seconds` is counted."""
        policy = self._policy
        begun = time.monotonic()
        before = self._containers.read()
        written = self._enforce(policy.start(self._facts), before)
        total = Total(len(self._facts.grant), settle_seconds, settle_seconds + score_seconds)
        last, tick, slow_due, check_due = begun, 0, policy.slow_seconds, CHECK_SECONDS
        end = settle_seconds + score_seconds + spare_seconds
        while last - begun < end:
            tick += 1
            due = begun + tick * policy.tick_seconds
            time.sleep(max(0.0, due - time.monotonic()))
            now, cpu = time.monotonic(), time.thread_time()
            after = self._containers.read()
            late = now - due > LATE_SHARE * policy.tick_seconds
            tick = max(tick, int((now - begun) / policy.tick_seconds))
            if now - begun >= slow_due:
                slow_due += policy.slow_seconds
                policy.slow(self._read())
            quotas = policy.fast(samples(before, after, now - begun, now - last, written))
            written = self._enforce(quotas, after)
            total.add(before, after, last - begun, now - begun, int(written.sum()), late=late, cpu=time.thread_time() - cpu)
            before, last = after, now
            if now - begun >= check_due:
                check_due += CHECK_SECONDS
                self._check()
        return total.driven()

    def _enforce(self, quotas: Quotas | None, now: Counters) -> Flags:
        if quotas is None:
            return np.zeros(len(now.quota), np.bool_)
        burst = quotas.burst if quotas.burst is not None and self._facts.burst_allowed else np.zeros(len(now.quota))
        return self._containers.write(quotas.quota, burst)


def samples(before: Counters, after: Counters, now: float, elapsed: float, written: Flags) -> Samples:
    """What was counted between two readings. All containers serve: the shop has one replica of each."""
    return Samples(
        now=now,
        elapsed=elapsed,
        usage=after.usage - before.usage,
        throttled=after.throttled - before.throttled,
        throttled_by_pod=after.throttled_by_pod - before.throttled_by_pod,
        periods=after.periods - before.periods,
        quota=after.quota,
        burst=after.burst,
        written=written,
        active=np.ones(len(after.quota), np.bool_),
    )


class Total:
    """Sums over the scored part. A tick that lies across its edge counts by the share within."""

    def __init__(self, containers: int, start: float, end: float) -> None:
        self._start, self._end = start, end
        self._sums = np.zeros((4, containers))
        self._seconds = self._cpu = 0.0
        self._writes = self._ticks = self._late = 0

    def add(self, before: Counters, after: Counters, since: float, until: float, writes: int, *, late: bool, cpu: float) -> None:
        """One tick: what was counted from `since` to `until` under the quota found at its end: in between only Flyball's agent writes."""
        within = max(0.0, min(until, self._end) - max(since, self._start))
        if within <= 0.0 or until <= since:
            return
        share = within / (until - since)
        rises = (
            after.quota * (until - since),
            after.usage - before.usage,
            after.throttled - before.throttled,
            after.throttled_by_pod - before.throttled_by_pod,
        )
        self._sums += share * np.array(rises, np.float64)
        self._seconds += within
        self._cpu += cpu
        self._writes += writes
        self._ticks += 1
        self._late += late

    def driven(self) -> Driven:
        seconds = max(1e-9, self._seconds)
        allocated, used, throttled, by_pod = self._sums
        return Driven(
            self._seconds, allocated / seconds, used / seconds, throttled, by_pod, self._writes, self._ticks, self._late, self._cpu / seconds
        )
