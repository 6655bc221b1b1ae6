"""A policy of the simulator on control groups: what it sees, what it writes, and what Prometheus tells it. Files play the kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flyball.cgroup.layout import detect
from flyball.sim.policies import Static
from flyball.sim.policy import Facts, Quotas, Samples, SlowObservation, Unlimited
from flyball.slo import Objective
from hack.demo.counters import Counter
from hack.demo.errors import DemoError
from hack.demo.prometheus import Counts
from tests.benchmarks.live import driver as drivers
from tests.benchmarks.live.containers import Containers, Counters
from tests.benchmarks.live.contenders import unknown
from tests.benchmarks.live.driver import Driver, Total, samples
from tests.benchmarks.live.fit import unfitted
from tests.benchmarks.live.graph import SERVICES
from tests.benchmarks.live.observation import observe, quantile, requests
from tests.benchmarks.live.scene import Busy
from tests.unit.agent.builders import pod
from tests.unit.cgroup.trees import play_kernel, v1_tree

__all__ = ["play_kernel"]

OBJECTIVE = Objective("gateway", 0.99, 0.2, 600.0)
NAMES = ("cart", "pricing")


def shop_pod(service: str, **change: Any) -> dict[str, Any]:
    """A pod of a service's Deployment with one container of its name, as the shop's are."""
    raw = pod(f"{service}-7d4-x", uid=f"uid-{service}", container_id=service * 8, limit="500m", **change)
    raw["metadata"]["ownerReferences"][0]["name"] = f"{service}-7d4"
    raw["spec"]["containers"][0]["name"] = raw["status"]["containerStatuses"][0]["name"] = service
    return raw


class Node:
    """Two containers of half a core each, as files."""

    def __init__(self, folder: Path) -> None:
        self.root = folder
        groups = [f"kubepods/poduid-{name}{below}" for name in NAMES for below in ("", f"/{name * 8}")]
        v1_tree(folder, "kubepods", *groups)
        for name in NAMES:
            self.set(name, "cpu.cfs_quota_us", "50000")
        self.containers = Containers.find(detect(folder), [shop_pod(name) for name in NAMES], NAMES)

    def group(self, name: str, controller: str = "cpu") -> Path:
        return self.root / controller / "kubepods" / f"poduid-{name}" / (name * 8)

    def set(self, name: str, file: str, text: str) -> None:
        (self.group(name, "cpuacct" if file.startswith("cpuacct") else "cpu") / file).write_text(text + "\n")

    def now(self, name: str) -> tuple[int, int]:
        """Quota and burst in microseconds."""
        group = self.group(name)
        return int((group / "cpu.cfs_quota_us").read_text()), int((group / "cpu.cfs_burst_us").read_text())


@pytest.fixture
def node(tmp_path: Path, play_kernel: list[tuple[str, str]]) -> Iterator[Node]:
    made = Node(tmp_path)
    yield made
    made.containers.close()


def test_containers_are_found_by_service_with_what_their_spec_grants(node: Node) -> None:
    assert node.containers.names == NAMES
    assert node.containers.grant.tolist() == [0.5, 0.5]
    assert node.containers.granted()
    read = node.containers.read()
    assert read.usage.tolist() == [0.0025, 0.0025]
    assert (read.throttled.tolist(), read.throttled_by_pod.tolist(), read.periods.tolist()) == ([3, 3], [3, 3], [10, 10])


def test_a_service_without_a_running_container_is_named(tmp_path: Path) -> None:
    v1_tree(tmp_path, "kubepods")
    with pytest.raises(DemoError, match="shop's cart has no running container"):
        Containers.find(detect(tmp_path), [], NAMES)
    with pytest.raises(DemoError, match="control group of the shop's cart was not found"):
        Containers.find(detect(tmp_path), [shop_pod(name) for name in NAMES], NAMES)


def test_a_quota_is_written_once_and_never_above_the_grant_or_below_the_kernels_least(node: Node, play_kernel: list[tuple[str, str]]) -> None:
    nothing = np.zeros(2)
    assert node.containers.write(np.array([0.1234567, math.inf]), nothing).tolist() == [True, False]
    assert (node.now("cart"), node.now("pricing")) == ((12346, 0), (50000, 0))
    assert node.containers.write(np.array([0.1234567, 0.001]), nothing).tolist() == [False, True]
    assert node.now("pricing") == (1000, 0)
    assert not node.containers.write(np.array([0.1234567, 0.001]), nothing).any()
    assert len(play_kernel) == 2
    with pytest.raises(ValueError, match="no number"):
        node.containers.write(np.array([math.nan, 0.1]), nothing)


def test_a_burst_is_at_most_the_quota_and_giving_back_takes_it_away(node: Node) -> None:
    node.containers.write(np.array([0.2, 0.4]), np.array([0.3, 0.1]))
    assert (node.now("cart"), node.now("pricing")) == ((20000, 20000), (40000, 10000))
    assert not node.containers.write(np.array([0.2, 0.4]), np.array([0.3, 0.1])).any()
    assert not node.containers.granted()
    node.containers.give_back()
    assert node.containers.granted()
    assert (node.now("cart"), node.now("pricing")) == ((50000, 0), (50000, 0))


def test_a_container_that_ended_ends_the_run_with_a_sentence(node: Node) -> None:
    node.group("cart").joinpath("cpu.stat").unlink()
    with pytest.raises(DemoError, match="ended during the run"):
        node.containers.read()


class Clock:
    """Time that passes when somebody sleeps; each second the containers use half of it and are throttled twice."""

    def __init__(self, node: Node) -> None:
        self.now, self.node = 100.0, node

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        passed = self.now - 100.0
        for name in NAMES:
            self.node.set(name, "cpuacct.usage", str(round(5e8 * passed)))
            self.node.set(name, "cpu.stat", f"nr_periods {round(10 * passed)}\nnr_throttled {round(2 * passed)}\nthrottled_time 0")

    def thread_time(self) -> float:
        return 0.0


class Halves(Unlimited):
    """Half a grant from the third second on; keeps what it saw and in which order it was asked."""

    slow_seconds = 2.0

    def __init__(self) -> None:
        self.seen: list[Samples] = []
        self.order: list[str] = []

    def fast(self, samples: Samples) -> Quotas | None:
        self.seen.append(samples)
        self.order.append("fast")
        return Quotas(np.array([0.25, 0.25]), np.array([0.25, 0.25])) if samples.now >= 3.0 else None

    def slow(self, observation: SlowObservation) -> None:
        self.order.append("slow")


@pytest.fixture
def drive(node: Node, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(drivers, "time", Clock(node))
    application = unfitted(dict.fromkeys(SERVICES, 0.5), 2).application(0.2, 0.99)

    def go(policy: Unlimited, *, burst: bool, check: Callable[[], None] = lambda: None) -> Any:
        facts = Facts(application, OBJECTIVE, np.arange(2), node.containers.grant, NAMES, burst, 0)
        return Driver(node.containers, policy, facts, lambda: unknown(OBJECTIVE), check).run(2.0, 4.0, 1.0)

    return go


def test_a_policy_sees_differences_and_its_quotas_are_put_in_force(node: Node, drive: Callable[..., Any]) -> None:
    policy = Halves()
    driven = drive(policy, burst=True)
    assert [its.now for its in policy.seen] == pytest.approx([1, 2, 3, 4, 5, 6, 7])
    third = policy.seen[3]
    assert (third.elapsed, third.usage.tolist(), third.throttled.tolist(), third.periods.tolist()) == (
        pytest.approx(1.0),
        pytest.approx([0.5, 0.5]),
        [2, 2],
        [10, 10],
    )
    assert third.written.all() and not policy.seen[4].written.any()
    assert third.quota.tolist() == [0.25, 0.25]
    assert node.now("cart") == (25000, 25000)
    assert policy.order[:4] == ["fast", "slow", "fast", "fast"], "slow comes first where both are due"
    # Scored are seconds 2 to 6: one under the grant, three under half of it.
    assert driven.seconds == pytest.approx(4.0)
    assert driven.allocated.tolist() == pytest.approx([0.3125, 0.3125])
    assert driven.used.tolist() == pytest.approx([0.5, 0.5])
    assert (driven.writes, driven.ticks, driven.late) == (2, 4, 0)


def test_ticks_that_were_slept_through_are_left_out_and_counted_late(drive: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    clock: Any = drivers.time
    sleeps = iter([1.0, 1.7])

    def sleep(seconds: float) -> None:
        Clock.sleep(clock, max(seconds, next(sleeps, 0.0)))

    monkeypatch.setattr(clock, "sleep", sleep)
    policy = Halves()
    driven = drive(policy, burst=False)
    assert [its.now for its in policy.seen] == pytest.approx([1.0, 2.7, 3.0, 4.0, 5.0, 6.0, 7.0])
    assert [its.elapsed for its in policy.seen][1:3] == pytest.approx([1.7, 0.3])
    assert (driven.late, driven.ticks) == (1, 5)


def test_where_the_class_has_no_burst_none_is_written(node: Node, drive: Callable[..., Any]) -> None:
    drive(Halves(), burst=False)
    assert node.now("cart") == (25000, 0)


def test_a_policy_may_act_before_the_first_tick(node: Node, drive: Callable[..., Any]) -> None:
    driven = drive(Static(0.5), burst=False)
    assert driven.allocated.tolist() == pytest.approx([0.25, 0.25])


def test_a_check_that_fails_ends_the_run(drive: Callable[..., Any]) -> None:
    def fail() -> None:
        raise DemoError("k6 ended")

    with pytest.raises(DemoError, match="k6 ended"):
        drive(Halves(), burst=False, check=fail)


def counters(usage: float, quota: float) -> Counters:
    one = np.array([1])
    return Counters(np.array([usage]), one, one, one, np.array([quota]), np.array([0.0]))


def test_a_tick_across_the_edge_of_the_scored_part_counts_by_its_share_within() -> None:
    total = Total(1, 1.0, 2.0)
    total.add(counters(0.0, 9.0), counters(1.0, 0.4), 0.5, 1.5, 1, late=True, cpu=0.1)
    total.add(counters(1.0, 9.0), counters(2.0, 0.2), 1.5, 2.5, 1, late=False, cpu=0.1)
    total.add(counters(2.0, 9.0), counters(9.0, 9.0), 2.5, 3.5, 1, late=True, cpu=0.1)
    driven = total.driven()
    assert (driven.allocated.item(), driven.used.item()) == (pytest.approx(0.3), pytest.approx(1.0))
    assert (driven.ticks, driven.late, driven.policy_cores) == (2, 1, pytest.approx(0.2))


def test_samples_name_who_was_written() -> None:
    its = samples(counters(1.0, 0.5), counters(1.5, 0.4), 7.0, 1.0, np.array([True]))
    assert (its.usage.item(), its.quota.item(), its.written.item(), its.active.item()) == (0.5, 0.4, True, True)


def histogram(start: float, *, slow: bool = False) -> list[dict[str, Any]]:
    """The gateway's answers, each 5 s for two minutes: 10 a second, 9 of them within .2 s, and from the second minute on an error each second."""
    times = [start + 5.0 * step for step in range(25)]
    rates = {("200", "0.1"): 5.0, ("200", "0.2"): 9.0, ("200", "0.4"): 10.0, ("200", "+Inf"): 10.0}
    series = [
        {"metric": {"code": code, "le": bound}, "values": [(at, str(1000 + rate * (at - start))) for at in times]}
        for (code, bound), rate in rates.items()
    ]
    late = [at for at in times if at >= start + 60]
    return series + [
        {"metric": {"code": "502", "le": bound}, "values": [(at, str(at - start - 60)) for at in late]} for bound in ("0.1", "0.2", "0.4", "+Inf")
    ]


NOBODY = Counts({}, {}, {}, {}, {})


def test_good_requests_are_those_in_time_that_did_not_fail() -> None:
    start = 1_800_000_000.0
    seen = requests(histogram(start), 0.2)
    its = observe(seen, NOBODY, OBJECTIVE, start, start + 123.0, 60.0)
    assert (its.total, its.good, its.seconds, its.age_seconds) == (pytest.approx(660), pytest.approx(540), 60.0, pytest.approx(3.0))
    assert its.requests_per_second == pytest.approx(11.0)
    assert 0.2 < its.p99_seconds <= 0.4
    assert its.budget.requests == pytest.approx(1260)
    assert its.budget.slow == pytest.approx(120 + 60)


def test_before_the_first_scrape_nothing_is_known() -> None:
    its = observe(requests([], 0.2), NOBODY, OBJECTIVE, 1_800_000_000.0, 1_800_000_004.0, 60.0)
    assert math.isnan(its.total) and math.isnan(its.p99_seconds) and math.isinf(its.age_seconds)
    assert np.isnan(its.usage).all() and len(its.usage) == len(SERVICES)


def test_nothing_from_before_the_run_is_counted() -> None:
    start = 1_800_000_000.0
    its = observe(requests(histogram(start), 0.2), NOBODY, OBJECTIVE, start + 100.0, start + 120.0, 60.0)
    assert (its.seconds, its.total) == (pytest.approx(20.0), pytest.approx(220.0))
    assert its.budget.requests == pytest.approx(220.0)


def test_cores_and_the_throttled_share_are_by_service() -> None:
    start = 1_800_000_000.0
    line = [(start + 5.0 * step, 0.3 * 5.0 * step) for step in range(25)]
    some = {"cart": [Counter(line)]}
    counts = Counts(some, some, some, some, {"cart": [Counter([(at, 10 * (at - start)) for at, _ in line])]})
    its = observe(requests(histogram(start), 0.2), counts, OBJECTIVE, start, start + 120.0, 60.0)
    place = SERVICES.index("cart")
    assert its.usage[place] == pytest.approx(0.3)
    assert its.throttle_ratio[place] == pytest.approx(0.03)
    assert np.isnan(its.usage[SERVICES.index("pricing")])


@pytest.mark.parametrize(
    ("below", "share", "expected"),
    [((50, 100, 100), 0.5, 0.1), ((50, 100, 100), 0.75, 0.15), ((0, 10, 100), 0.99, 0.2), ((0, 0, 0), 0.99, math.nan), ((100, 100, 100), 0.5, 0.05)],
    ids=["on a bound", "within a bucket", "beyond the last bound", "no requests", "in the first"],
)
def test_a_quantile_is_interpolated_within_its_bucket(below: tuple[float, ...], share: float, expected: float) -> None:
    assert quantile((0.1, 0.2, math.inf), below, share) == pytest.approx(expected, nan_ok=True)


def test_the_machines_business_is_that_of_the_scored_part(monkeypatch: pytest.MonkeyPatch) -> None:
    account = iter([10.0, 20.0, 22.0, 99.0])
    monkeypatch.setattr("hack.demo.machine.busy_core_seconds", lambda: next(account))
    monkeypatch.setattr("hack.demo.machine.cores", lambda: 2)
    busy = Busy(100.0, 110.0)
    assert math.isnan(busy.share())
    for now in (99.0, 101.0, 103.0, 111.0):
        busy.look(now)
    assert busy.share() == pytest.approx(0.5)
