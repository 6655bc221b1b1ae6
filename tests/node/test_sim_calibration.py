"""The simulator against this machine's kernel: the same demand under the same quotas, throttled periods and CPU received compared.

Each pattern is a schedule of work, run by a real process in a cgroup of its own and by the engine's level `sliced`. Processes burn CPU by their own
CPU clock, so that the demand is exact to some microseconds; schedules are jittered, so that a group's random period offset does not decide the
result, and the simulator's figure is the mean over 40 offsets. Needs root and cgroup v1; a minute and a half. The table goes to
build/bench/sim_calibration.json.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from tests.unit.cgroup.trees import ROOT, make_group, needs_kernel, real_root
from tests.unit.sim.builders import Kernel

pytestmark = [pytest.mark.node, needs_kernel]

SECONDS = 12.0
LEAD_SECONDS = 1.0
AT_ONCE = 3  # patterns side by side: together below .4 core, so that they wait for their quota and not for a CPU
OFFSETS = 40
SHARES = "262144"  # whatever else runs here must not look like throttling
AGREES = 0.10
NEAR = 0.02  # of wall periods: below 2 in 100 a relative difference says nothing
OUT = Path(__file__).resolve().parents[2] / "build" / "bench" / "sim_calibration.json"
BURN = """
import json, os, signal, sys, time
start, plan = json.loads(sys.argv[1])
os.kill(os.getpid(), signal.SIGSTOP)
done = time.thread_time()
for at, work in plan:
    wait = start + at - time.monotonic()
    if wait > 0: time.sleep(wait)
    done += work
    while time.thread_time() < done: pass
time.sleep(1000)
"""


@dataclass(frozen=True)
class Pattern:
    """Milliseconds of CPU at random times under a quota in milliseconds a period."""

    name: str
    quota: float
    work: float = 0.0  # of one piece; 0: always busy
    interval: float = 0.0  # seconds between pieces, on average
    pieces: tuple[int, int] = (1, 1)  # that come together
    processes: int = 1
    burst: float = 0.0
    pod_quota: float = 0.0
    write_seconds: float = 0.0  # the same quota again, so often
    seed: int = 1

    def schedule(self) -> list[tuple[float, int]]:
        """Times and numbers of pieces."""
        if not self.work:
            return [(0.0, 1)]
        rng = np.random.default_rng(self.seed)
        times = np.arange(0.05, SECONDS - 0.2, self.interval)
        times += rng.uniform(0.0, 0.8 * self.interval, len(times))
        low, high = self.pieces
        return [(float(at), int(rng.integers(low, high + 1))) for at in times]


PATTERNS = (
    Pattern("sparse: 8 ms each second under 5 ms", 5, 8, 1.0),
    Pattern("dense: always busy under 10 ms", 10),
    Pattern("steady: 3 ms each 80 ms under 5 ms", 5, 3, 0.08),
    Pattern("multi-threaded, dense: two always busy under 10 ms", 10, processes=2),
    Pattern("multi-threaded: two times 4 ms each 400 ms under 5 ms", 5, 4, 0.4, processes=2),
    Pattern("bursty: 3 to 15 ms each 300 ms under 5 ms", 5, 3, 0.3, (1, 5)),
    Pattern("burst allowance: 3 to 15 ms each 300 ms under 5 ms and a burst of 5 ms", 5, 3, 0.3, (1, 5), burst=5),
    Pattern("two levels, dense: container 10 ms in a pod of 5 ms", 10, pod_quota=5),
    Pattern("two levels: 3 to 15 ms each 300 ms, container 8 ms in a pod of 5 ms", 8, 3, 0.3, (1, 5), pod_quota=5),
    Pattern("dense, written each second", 10, write_seconds=1.0),
    Pattern("dense, written each 200 ms", 10, write_seconds=0.2),
    Pattern("sparse, written each second", 5, 8, 1.0, write_seconds=1.0),
    Pattern("less than a slice, dense: always busy under 2 ms", 2),
    Pattern("less than a slice: 3 ms each 250 ms under 2 ms", 2, 3, 0.25),
)


@dataclass
class Counted:
    """CPU seconds, throttled and counted periods of the container, throttled periods of the pod."""

    used: float = 0.0
    throttled: float = 0.0
    periods: float = 0.0
    by_pod: float = 0.0

    def minus(self, other: Counted) -> Counted:
        return Counted(self.used - other.used, self.throttled - other.throttled, self.periods - other.periods, self.by_pod - other.by_pod)


def simulated(pattern: Pattern) -> Counted:
    arrivals = [at for at, pieces in pattern.schedule() for _ in range(pieces * pattern.processes)]
    writes = np.arange(pattern.write_seconds, SECONDS, pattern.write_seconds) if pattern.write_seconds else np.zeros(0)
    rows = []
    for seed in range(OFFSETS):
        kernel = Kernel(
            pattern.quota / 100, work=pattern.work / 1000 or 1000.0, cores=pattern.processes, seed=seed, pod_quota=bool(pattern.pod_quota)
        )
        if pattern.pod_quota:
            kernel.plant.write_pod(0, pattern.pod_quota / 100)
        if pattern.burst:
            kernel.plant.write(np.array([pattern.quota / 100]), np.array([pattern.burst / 100]))
        kernel.plant.feed(np.array(arrivals))
        for at in writes:
            kernel.plant.advance(float(at), kernel.latency, kernel.log)
            kernel.plant.refill(0)
        kernel.plant.advance(SECONDS, kernel.latency, kernel.log)
        throttled, periods = kernel.periods
        rows.append((kernel.used, throttled, periods, float(kernel.plant.throttled_by_pod[0])))
    return Counted(*(float(value) for value in np.mean(rows, axis=0)))


@dataclass
class Real:
    """A pattern in a cgroup."""

    pattern: Pattern
    pod: Path
    start: float
    container: Path = field(init=False)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        its = self.pattern
        (self.pod / "cpu.shares").write_text(SHARES)
        if its.pod_quota:
            (self.pod / "cpu.cfs_quota_us").write_text(str(round(1000 * max(its.pod_quota, its.quota))))
        self.container = make_group(str(self.pod.relative_to(ROOT / "cpu") / "c"))
        (self.container / "cpu.cfs_quota_us").write_text(str(round(1000 * its.quota)))
        if its.burst:
            (self.container / "cpu.cfs_burst_us").write_text(str(round(1000 * its.burst)))
        if its.pod_quota:
            # v1 refuses a child above its parent: without a limit of its own the pod's decides, and with one below it the container's.
            (self.container / "cpu.cfs_quota_us").write_text("-1" if its.pod_quota < its.quota else str(round(1000 * its.quota)))
            (self.pod / "cpu.cfs_quota_us").write_text(str(round(1000 * its.pod_quota)))
        plan = [(at, pieces * its.work / 1000 or 1000.0) for at, pieces in its.schedule()]
        for _ in range(its.processes):
            process = subprocess.Popen([sys.executable, "-S", "-c", BURN, json.dumps([self.start, plan])])
            self.processes.append(process)

    def begin(self) -> None:
        """Into the group once they have loaded; then they wait for the start."""
        for process in self.processes:
            os.waitid(os.P_PID, process.pid, os.WSTOPPED)
            for controller in ("cpu", "cpuacct"):
                (ROOT / controller / self.container.relative_to(ROOT / "cpu") / "cgroup.procs").write_text(str(process.pid))
            process.send_signal(signal.SIGCONT)

    def counted(self) -> Counted:
        stats = [dict(line.split() for line in (group / "cpu.stat").read_text().splitlines()) for group in (self.container, self.pod)]
        usage = ROOT / "cpuacct" / self.container.relative_to(ROOT / "cpu") / "cpuacct.usage"
        used = int(usage.read_text()) / 1e9
        return Counted(used, int(stats[0]["nr_throttled"]), int(stats[0]["nr_periods"]), int(stats[1]["nr_throttled"]))

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def side_by_side(root: str, patterns: tuple[Pattern, ...]) -> list[Counted]:
    """Run patterns at the same time, each in a group of its own."""
    start = time.monotonic() + LEAD_SECONDS + 1.0
    reals = []
    try:
        for number, pattern in enumerate(patterns):
            reals.append(Real(pattern, make_group(f"{root}/{abs(hash(pattern.name)):x}-{number}"), start))
        for real in reals:
            real.begin()
        assert time.monotonic() < start, "the processes did not start in time: the machine is too busy to calibrate on"
        time.sleep(start - time.monotonic())
        before = [real.counted() for real in reals]
        written = start
        while (now := time.monotonic()) < start + SECONDS:
            for real in reals:
                its = real.pattern
                if its.write_seconds and int((now - start) / its.write_seconds) > int((written - start) / its.write_seconds):
                    (real.container / "cpu.cfs_quota_us").write_text(str(round(1000 * its.quota)))
            written = now
            time.sleep(0.01)
        return [real.counted().minus(first) for real, first in zip(reals, before, strict=True)]
    finally:
        for real in reals:
            real.end()


@pytest.fixture(scope="module")
def compared() -> Iterator[dict[str, tuple[Counted, Counted]]]:
    """Kernel and simulator for every pattern."""
    rows: dict[str, tuple[Counted, Counted]] = {}
    with real_root() as root:
        for first in range(0, len(PATTERNS), AT_ONCE):
            batch = PATTERNS[first : first + AT_ONCE]
            for pattern, counted in zip(batch, side_by_side(root, batch), strict=True):
                rows[pattern.name] = (counted, simulated(pattern))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    report = [{"pattern": name, "kernel": vars(kernel), "simulator": vars(simulator)} for name, (kernel, simulator) in rows.items()]
    OUT.write_text(json.dumps({"seconds": SECONDS, "rows": report}, indent=2) + "\n")
    yield rows


def near(kernel: float, simulator: float, least: float) -> bool:
    return abs(kernel - simulator) <= max(AGREES * max(kernel, simulator), least)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_the_simulator_and_the_kernel_agree(pattern: Pattern, compared: dict[str, tuple[Counted, Counted]]) -> None:
    kernel, simulator = compared[pattern.name]
    periods = SECONDS * 10
    assert near(kernel.used, simulator.used, 0.001 * SECONDS), (kernel, simulator)
    assert near(kernel.throttled, simulator.throttled, NEAR * periods), (kernel, simulator)
    assert near(kernel.by_pod, simulator.by_pod, NEAR * periods), (kernel, simulator)
    assert near(kernel.periods, simulator.periods, NEAR * periods), (kernel, simulator)
