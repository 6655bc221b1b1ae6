"""The simulator against this machine's kernel: the same demand under the same quotas, throttled periods and CPU received compared.

Each pattern is a schedule of work, run by a real process in a cgroup of its own and by the engine's level `sliced`. Processes burn CPU by counting,
corrected by their own CPU clock between pieces; schedules are jittered, so that a group's random period offset does not decide the
result; the kernel's figure is the mean of three groups, the simulator's of 40 offsets. Needs root and cgroup v1; two minutes. The table goes to
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
GROUPS = 3  # of each pattern, each with an offset of its own
AT_ONCE = 1  # patterns side by side: three groups use at most .5 core, so that they wait for their quota and not for a CPU
OFFSETS = 40
SHARES = "262144"  # whatever else runs here must not look like throttling
PIECE = 0.0007  # seconds: sums never equal a quota plus the millisecond that a CPU keeps, where a microsecond would decide
CPUS = 2
NEAR = 0.02  # of wall periods: below 2 in 100 a relative difference says nothing
OUT = Path(__file__).resolve().parents[2] / "build" / "bench" / "sim_calibration.json"
BURN = """
import json, os, signal, sys, time
start, plan = json.loads(sys.argv[1])
def spin(turns):
    for _ in range(turns): pass
begun = time.thread_time()
spin(1_000_000)
per_second = 1_000_000 / (time.thread_time() - begun)
os.kill(os.getpid(), signal.SIGSTOP)
done = time.thread_time()
for at, work in plan:
    wait = start + at - time.monotonic()
    if wait > 0: time.sleep(wait)
    done += work
    # Reading the CPU clock makes the kernel look at the quota, which it else does at its ticks: so once, as the piece begins, and never in it.
    # What a piece was too long or too short is made good by the next.
    spin(max(1000, int((done - time.thread_time()) * per_second)))
time.sleep(1000)
"""


@dataclass(frozen=True)
class Pattern:
    """Milliseconds of CPU at random times under a quota in milliseconds a period."""

    name: str
    quota: float
    interval: float = 0.0  # seconds between pieces, on average; 0: always busy
    pieces: tuple[int, int] = (0, 0)  # of work that come together, from and to
    processes: int = 1
    burst: float = 0.0
    pod_quota: float = 0.0
    write_seconds: float = 0.0  # the same quota again, so often
    within: float = 0.10  # relative difference of throttled periods that is accepted; more than 10 % only with a reason in the design page
    seed: int = 1

    def schedule(self) -> list[tuple[float, int]]:
        """Times and numbers of pieces."""
        if not self.interval:
            return [(0.0, 1)]
        rng = np.random.default_rng(self.seed)
        times = np.arange(0.05, SECONDS - 0.2, self.interval)
        times += rng.uniform(0.0, 0.8 * self.interval, len(times))
        low, high = self.pieces
        return [(float(at), int(rng.integers(low, high + 1))) for at in times]


PATTERNS = (
    Pattern("sparse: 8.4 ms each second under 5 ms", 5, 1.0, (12, 12)),
    Pattern("dense: always busy under 10 ms", 10),
    Pattern("steady: 1.4 to 4.9 ms each 80 ms under 5 ms", 5, 0.08, (2, 7), within=0.4),
    Pattern("multi-threaded, dense: two always busy under 10 ms", 10, processes=2),
    Pattern("multi-threaded: twice 1.4 to 7 ms each 400 ms under 5 ms", 5, 0.4, (2, 10), processes=2),
    Pattern("bursty: 1.4 to 16.8 ms each 300 ms under 5 ms", 5, 0.3, (2, 24)),
    Pattern("burst allowance: 1.4 to 16.8 ms each 300 ms under 5 ms, burst 5 ms", 5, 0.3, (2, 24), burst=5),
    Pattern("two levels, dense: a container without a limit of its own in a pod of 5 ms", 10, pod_quota=5),
    Pattern("two levels: 1.4 to 16.8 ms each 300 ms, container and pod 5 ms", 5, 0.3, (2, 24), pod_quota=5),
    Pattern("dense, written each second", 10, write_seconds=1.0),
    Pattern("dense, written each 230 ms", 10, write_seconds=0.23),
    Pattern("sparse, written each second: 8.4 ms each second under 5 ms", 5, 1.0, (12, 12), write_seconds=1.0),
    Pattern("less than a slice, dense: always busy under 2 ms", 2),
    Pattern("less than a slice: .7 to 4.9 ms each 250 ms under 2 ms", 2, 0.25, (1, 7), within=0.3),
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


def mean(rows: list[Counted]) -> Counted:
    return Counted(*(float(value) for value in np.mean([(its.used, its.throttled, its.periods, its.by_pod) for its in rows], axis=0)))


def simulated(pattern: Pattern) -> Counted:
    rows = []
    writes = np.arange(pattern.write_seconds, SECONDS, pattern.write_seconds) if pattern.write_seconds else np.zeros(0)
    steps = sorted([*((at, 0) for at in writes.tolist()), *pattern.schedule()])
    for seed in range(OFFSETS):
        kernel = Kernel(pattern.quota / 100, work=PIECE, cores=CPUS, threads=pattern.processes, seed=seed, pod_quota=pattern.pod_quota > 0)
        if pattern.pod_quota:
            kernel.plant.write_pod(0, pattern.pod_quota / 100)
        if pattern.burst:
            kernel.plant.write(np.array([pattern.quota / 100]), np.array([pattern.burst / 100]))
        for at, pieces in steps:
            kernel.run([], at)
            if pieces:
                kernel.plant.set_work("only", pieces if pattern.interval else 1e6)
                kernel.run([at] * pattern.processes, at + 1e-9)
            else:
                kernel.plant.refill(0)
        kernel.run([], SECONDS)
        throttled, periods = kernel.periods
        rows.append(Counted(kernel.used, throttled, periods, float(kernel.plant.throttled_by_pod[0])))
    return mean(rows)


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
        plan = [(at, pieces * PIECE if its.interval else 1000.0) for at, pieces in its.schedule()]
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
        (make_group(root) / "cpu.shares").write_text(SHARES)
        for first in range(0, len(PATTERNS), AT_ONCE):
            batch = PATTERNS[first : first + AT_ONCE]
            counted = side_by_side(root, batch * GROUPS)
            for number, pattern in enumerate(batch):
                rows[pattern.name] = (mean(counted[number :: len(batch)]), simulated(pattern))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    report = [{"pattern": name, "kernel": vars(kernel), "simulator": vars(simulator)} for name, (kernel, simulator) in rows.items()]
    OUT.write_text(json.dumps({"seconds": SECONDS, "rows": report}, indent=2) + "\n")
    yield rows


def near(kernel: float, simulator: float, least: float, within: float = 0.10) -> bool:
    return abs(kernel - simulator) <= max(within * max(kernel, simulator), least)


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_the_simulator_and_the_kernel_agree(pattern: Pattern, compared: dict[str, tuple[Counted, Counted]]) -> None:
    kernel, simulator = compared[pattern.name]
    periods = SECONDS * 10
    assert near(kernel.used, simulator.used, 0.001 * SECONDS), (kernel, simulator)
    assert near(kernel.throttled, simulator.throttled, NEAR * periods, pattern.within), (kernel, simulator)
    assert near(kernel.by_pod, simulator.by_pod, NEAR * periods), (kernel, simulator)
    if pattern.pod_quota >= pattern.quota or not pattern.pod_quota:  # a group without a limit counts no periods
        assert near(kernel.periods, simulator.periods, NEAR * periods), (kernel, simulator)
