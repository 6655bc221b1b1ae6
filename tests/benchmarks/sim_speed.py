"""Benchmark `sim_speed`: service visits that the simulator serves in a second of CPU.

`make bench SUITE=sim_speed` writes build/bench/sim_speed.json and prints a table. The engine's CPU time alone counts (`time.process_time` around it),
without the policy; compiling is done before. Rows: quota per period without contention (wanted: 2 million), the kernel's slices with contention on
nodes that are 65 to 85 % busy (wanted: 1 million), both without and with quotas that throttle, on the example shop and on a wide application of
60 services. Each row is the best of three runs, since other work on the machine only ever makes it slower; the slowest is printed beside it.
"""

from __future__ import annotations

import json
import os
import platform
import resource
from dataclasses import replace
from pathlib import Path

import numpy as np

from flyball.cli.table import table
from flyball.sim.example import shop
from flyball.sim.policy import Facts, Policy, Quotas, Unlimited
from flyball.sim.run import Settings, simulate
from flyball.sim.spec import Application, Node, RequestType, Service, Visit

OUT = Path(__file__).resolve().parents[2] / "build" / "bench" / "sim_speed.json"
SECONDS = 60
REPEATS = 3
WANTED = {"fluid": 2e6, "sliced": 1e6}


class Tight(Unlimited):
    """Quotas at 1.3 times the mean work: some throttling in most containers."""

    name = "tight"

    def __init__(self, rate: float) -> None:
        self._rate = rate

    def start(self, facts: Facts) -> Quotas | None:
        work = facts.application.work_per_request()
        names = [service.name for service in facts.application.services]
        replicas = np.array([service.replicas for service in facts.application.services])
        mean = np.array([work[name] for name in names]) * self._rate / replicas
        return Quotas(np.maximum(0.02, 1.3 * mean[facts.service]))


def wide(cores: int) -> Application:
    """60 services, two request types of about 20 visits each: the size of the largest published application. Figures are ours."""
    names = [f"s{number:02d}" for number in range(60)]
    rng = np.random.default_rng(7)

    def chain(picked: list[str]) -> Visit:
        works = rng.uniform(0.0004, 0.004, len(picked))
        leaves = [Visit(name, float(work), tail=0.6) for name, work in zip(picked[5:], works[5:], strict=True)]
        visit = Visit(picked[4], float(works[4]), (tuple(leaves[:4]), tuple(leaves[4:8]), *((leaf,) for leaf in leaves[8:])), tail=0.6)
        for name, work in zip(reversed(picked[:4]), works[:4], strict=True):
            visit = Visit(name, float(work), ((visit,),), tail=0.6)
        return visit

    types = tuple(RequestType(f"t{number}", 1.0, chain([names[0], *rng.choice(names[1:], 19, replace=False).tolist()])) for number in range(6))
    return Application("wide", 0.5, tuple(Service(name, 4.0) for name in names), types, tuple(Node(f"n{number}", cores) for number in range(5)))


def measure(application: Application, rate: float, policy: Policy, settings: Settings) -> dict[str, float | str]:
    rates = np.full(SECONDS, rate)
    speeds = []
    for repeat in range(REPEATS + 1):
        result = simulate(application, rates[: 2 if repeat == 0 else SECONDS], policy, 1, settings)
        if repeat:
            speeds.append(result.visits / result.engine_cpu_seconds)
    busy = result.minutes.used.mean() / sum(node.cores for node in application.nodes)
    return {
        "application": application.name,
        "level": settings.level,
        "contention": str(settings.contention).lower(),
        "policy": policy.name,
        "requests_per_second": rate,
        "visits": float(result.visits),
        "throttled_percent": 100 * float(result.minutes.throttled_share.mean()),
        "node_busy_percent": 100 * float(busy),
        "visits_per_cpu_second": max(speeds),
        "slowest": min(speeds),
        "wanted": WANTED[settings.level],
    }


def main() -> None:
    rows = []
    small = replace(shop(), nodes=(Node("node-1", 5), Node("node-2", 5)))
    for application, rate in ((small, 500.0), (wide(8), 600.0)):
        for level, contention in (("fluid", False), ("sliced", True)):
            for policy in (Unlimited(), Tight(rate)):
                rows.append(measure(application, rate, policy, Settings(level=level, contention=contention)))
    report = {
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, Linux {platform.release()}",
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "rows": rows,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps(report, indent=2) + "\n")
    header = ("application", "level", "contention", "quotas", "throttled", "node busy", "M visits/CPU s", "slowest", "wanted")
    cells = [
        (
            str(row["application"]), str(row["level"]), str(row["contention"]), str(row["policy"]), f"{row['throttled_percent']:.1f} %",
            f"{row['node_busy_percent']:.0f} %", f"{float(row['visits_per_cpu_second']) / 1e6:.2f}", f"{float(row['slowest']) / 1e6:.2f}",
            f"{float(row['wanted']) / 1e6:.0f}",
        )
        for row in rows
    ]  # fmt: skip
    print(table(header, cells))
    print(f"peak memory {report['peak_rss_mb']:.0f} MB; {OUT}")


if __name__ == "__main__":
    main()
