"""Quota, burst and counters of both levels against what the kernel does by its source, and what was measured on it (reference 4.2, 4.3)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sim.builders import Kernel, every

LEVELS = pytest.mark.parametrize("level", ["fluid", "sliced"])


@LEVELS
def test_a_busy_thread_gets_its_quota_and_is_throttled_in_every_period(level: str) -> None:
    kernel = Kernel(0.1, work=100.0, level=level).run([0.0], 10.0)
    throttled, periods = kernel.periods
    assert kernel.used == pytest.approx(1.0, abs=0.02)
    assert periods == pytest.approx(100, abs=1)
    assert throttled >= periods - 2


@LEVELS
def test_a_sleeper_counts_two_periods_for_each_burst_of_work(level: str) -> None:
    """Measured: 2 ms each second, 20 periods in 10 s: the active one, and the idle one after which the timer stops."""
    kernel = Kernel(1.0, work=0.002, level=level).run(every(1.0, 10.0, start=0.05), 10.5)
    assert kernel.periods == (0, 20)


@LEVELS
def test_throttled_share_depends_on_the_denominator(level: str) -> None:
    """Measured: 8 ms each second under a quota of 5 ms: .09 of wall periods, .33 of active ones."""
    kernel = Kernel(0.05, work=0.008, level=level).run(every(1.00137, 50.0, start=0.003), 50.0)
    throttled, periods = kernel.periods
    assert throttled / 500 == pytest.approx(0.09, abs=0.025)
    assert throttled / periods == pytest.approx(0.33, abs=0.04)


@LEVELS
def test_burst_lets_saved_runtime_be_spent(level: str) -> None:
    """Measured: 8 ms of demand under a quota of 5 ms with a burst of one quota: never throttled; 12 ms still are."""
    kernel = Kernel(0.1, work=0.008, level=level)
    kernel.plant.write(np.array([0.05]), np.array([0.05]))
    assert kernel.run(every(1.00137, 50.0, start=0.003), 50.0).periods[0] == 0
    kernel = Kernel(0.1, work=0.012, level=level)
    kernel.plant.write(np.array([0.05]), np.array([0.05]))
    assert kernel.run(every(1.00137, 50.0, start=0.003), 50.0).periods[0] >= 40


@LEVELS
def test_burst_gives_no_more_than_the_quota_in_the_long_run(level: str) -> None:
    kernel = Kernel(0.2, work=100.0, level=level)
    kernel.plant.write(np.array([0.1]), np.array([0.1]))
    assert kernel.run([0.0], 20.0).used == pytest.approx(2.0, abs=0.04)


@pytest.mark.parametrize(("interval", "cores"), [(1.0, 0.108), (0.1, 0.202)])
def test_each_write_refills_even_when_it_changes_nothing(interval: float, cores: float) -> None:
    """Measured: a busy thread at .1 core rewritten each second gets .108, each 100 ms .202."""
    used = []
    for seed in range(8):
        kernel = Kernel(0.1, work=100.0, seed=seed)
        kernel.plant.feed(np.array([0.0]))
        for step in range(1, round(20.0 / interval) + 1):
            kernel.plant.advance(step * interval, kernel.requests)
            kernel.plant.refill(0)
        used.append(kernel.used / 20.0)
    assert np.mean(used) == pytest.approx(cores, rel=0.07)


def test_a_write_lets_a_stopped_container_run_at_once() -> None:
    kernel = Kernel(0.05, work=0.008, level="fluid").run([0.0], 0.02)
    assert kernel.plant.runnable[0] == 1
    kernel.plant.refill(0)
    kernel.run([], 0.03)
    assert kernel.plant.runnable[0] == 0


def test_threads_on_several_cpus_share_one_quota() -> None:
    kernel = Kernel(0.2, work=100.0, cores=2).run([0.0, 0.0], 20.0)
    throttled, periods = kernel.periods
    assert kernel.used == pytest.approx(4.0, rel=0.03)
    assert throttled >= 0.95 * periods


def test_a_cpu_overruns_until_the_kernel_looks_and_pays_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Quota of 1 ms, a look each 4 ms: no period's use is 1 ms, the mean is."""
    monkeypatch.setattr("flyball.sim.plant.LOOK_SECONDS", 0.004)
    kernel = Kernel(0.01, work=100.0)
    kernel.plant.feed(np.array([0.0]))
    uses = []
    for step in range(1, 401):
        before = kernel.used
        kernel.plant.advance(step * 0.1, kernel.requests)
        uses.append(kernel.used - before)
    assert max(uses) > 0.0025
    assert sum(uses) == pytest.approx(0.4, abs=0.008)


def test_a_pods_quota_stops_the_container_and_not_its_counters() -> None:
    """Measured: pod 10 ms, container far above: the pod is throttled in all periods, the container in none."""
    kernel = Kernel(1.0, work=100.0, pod_quota=True)
    kernel.plant.write_pod(0, 0.1)
    kernel.run([0.0], 10.0)
    assert kernel.used == pytest.approx(1.0, abs=0.05)
    assert kernel.periods[0] == 0
    assert kernel.plant.throttled_by_pod[0] >= 97


def test_a_container_below_its_pods_quota_is_the_one_that_is_stopped() -> None:
    kernel = Kernel(0.1, work=100.0, pod_quota=True)
    kernel.plant.write_pod(0, 0.2)
    kernel.run([0.0], 10.0)
    assert kernel.periods[0] >= 97
    assert kernel.plant.throttled_by_pod[0] == 0


def test_idle_cpus_keep_a_millisecond_each() -> None:
    """32 CPUs that tiny pieces of work visit strand 1 ms each: a quota of 10 ms that one pool would make last is not enough at first, later it is."""
    kernel = Kernel(0.1, work=0.0001, cores=32).run(every(0.0011, 8.0), 2.0)
    fluid = Kernel(0.1, work=0.0001, cores=32, level="fluid").run(every(0.0011, 2.0), 2.0)
    assert fluid.periods[0] == 0
    early = kernel.periods[0]
    assert early >= 1
    assert kernel.run(every(0.0011, 8.0, start=2.0), 8.0).periods[0] - early <= early


@settings(max_examples=30, deadline=None)
@given(
    quota=st.floats(0.02, 1.0),
    work=st.floats(0.0005, 0.05),
    count=st.integers(1, 6),
    level=st.sampled_from(["fluid", "sliced"]),
    cores=st.integers(1, 4),
    burst_share=st.floats(0.0, 1.0),
    seed=st.integers(1, 5),
)
def test_nobody_gets_more_than_quota_and_burst_allow(
    quota: float, work: float, count: int, level: str, cores: int, burst_share: float, seed: int
) -> None:
    kernel = Kernel(2.0, work=work, level=level, cores=cores, seed=seed)
    kernel.plant.write(np.array([quota]), np.array([quota * burst_share]))
    quota = float(kernel.plant.quota[0])
    kernel.run(every(0.1, 5.0, count=count), 5.0)
    throttled, periods = kernel.periods
    # Overrun of a tick and a slice kept on each CPU, the refill of the write, and the burst of the first period.
    slack = quota * 0.1 * (2 + burst_share) + cores * 0.009
    assert kernel.used <= quota * 5.0 + slack + 1e-9
    assert 0 <= throttled <= periods <= 51


def test_containers_share_a_crowded_node_by_weight() -> None:
    from flyball.sim.plant import Plant  # noqa: PLC0415
    from flyball.sim.requests import Requests  # noqa: PLC0415
    from flyball.sim.spec import Application, Node, RequestType, Service, Visit  # noqa: PLC0415

    services = (Service("heavy", 4.0, weight=3.0), Service("light", 4.0, weight=1.0), Service("small", 4.0, weight=1.0, parallel=1))
    types = tuple(RequestType(its.name, 1.0, Visit(its.name, 1000.0, tail=0.0)) for its in services)
    for level in ("fluid", "sliced"):
        plant = Plant(Application("node", 1.0, services, types, (Node("n", 4),)), 1, level=level, contention=True)
        plant.feed(np.linspace(0.0, 0.001, 40))
        space = Requests(40)
        plant.advance(0.1, space)
        before = plant.usage
        plant.advance(10.1, space)
        heavy, light, small = (plant.usage - before) / 10.0
        assert (heavy, light, small) == pytest.approx((2.4, 0.8, 0.8), abs=0.01)
