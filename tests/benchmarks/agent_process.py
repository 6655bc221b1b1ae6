"""The measured half of the benchmark `agent`: the agent without an API server, its caches fed directly; everything else is the product's.

Reads one JSON object from standard input (settings, pods), serves until SIGTERM, and on SIGUSR1 writes what it measured of itself since the
last time. Run by `tests/benchmarks/agent.py`.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import time
from pathlib import Path
from typing import Any

from flyball import logs
from flyball.agent.apiclient import ApiClient
from flyball.agent.governor import Governor
from flyball.agent.main import tick_until
from flyball.agent.plans import parse_plan
from flyball.agent.pods import parse_pod
from flyball.agent.server import Health, Server
from flyball.agent.settings import Settings
from flyball.cgroup.layout import detect

# In a closed loop with a noisy load a quota is written 0.2 to 0.35 times a second: here the plan's floor moves every 3 s, and with it each idle
# container's quota; a third of the containers each second, as independent loads would.
FLOORS = (20, 22)
WORKLOADS = 3
LEASE_SECONDS = 30.0


class Measured(Governor):
    """A governor that keeps the duration of each tick."""

    ticks: list[float]
    tick_cpu: list[float]

    def tick(self, now: float) -> None:
        begun, cpu = time.perf_counter(), time.thread_time()
        super().tick(now)
        self.ticks.append(time.perf_counter() - begun)
        self.tick_cpu.append(time.thread_time() - cpu)


def plan(number: int, permille: int, floor: int) -> dict[str, Any]:
    return {
        "metadata": {"name": "bench", "namespace": f"bench{number}"},
        "spec": {
            "action": "Control",
            "workloads": [
                {
                    "owner": {"kind": "Deployment", "name": "cart"},
                    "group": "all",
                    "throttlePermille": permille,
                    "containers": [{"name": "*", "minMilli": floor}],
                }
            ],
        },
    }


async def feed(governor: Governor, permille: int) -> None:
    """What the watches would bring."""
    count = 0
    while True:
        if count % LEASE_SECONDS == 0:
            governor.freshness.seen(str(count), 0.0, time.monotonic())
        governor.plan_seen(parse_plan(plan(count % WORKLOADS, permille, FLOORS[count // WORKLOADS % len(FLOORS)])))
        count += 1
        await asyncio.sleep(1.0)


async def main() -> None:
    order = json.loads(sys.stdin.readline())
    settings = Settings(node_name="bench", journal_dir=Path(order["journal"]), settle_seconds=0.0)
    logs.configure("text", "warning")
    governor = Measured(settings, detect(settings.cgroup_root))
    governor.ticks, governor.tick_cpu = [], []
    for raw in order["pods"]:
        governor.pod_seen(parse_pod(raw), time.monotonic())
    health = Health(settings.tick_seconds, lambda: True)
    server = Server(health, governor.tallies)
    stop, report = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, report.set)
    # The client is made, so that its memory is counted; it asks nothing.
    async with ApiClient("http://127.0.0.1:9", Path("/nonexistent"), Path("/nonexistent")):
        print(await server.start("127.0.0.1", 0), flush=True)
        feeding = asyncio.create_task(feed(governor, order["permille"]))
        reporting = asyncio.create_task(tell(governor, report))
        await tick_until(stop, feeding, governor, health)
        begun = time.perf_counter()
        left = governor.release_all("Shutdown")
        print(json.dumps({"release_seconds": time.perf_counter() - begun, "left": left}), flush=True)
        feeding.cancel()
        reporting.cancel()
        await server.stop()
    governor.close()


def resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def tell(governor: Measured, report: asyncio.Event) -> None:
    since, cpu = time.monotonic(), time.process_time()
    while True:
        await report.wait()
        report.clear()
        now, used = time.monotonic(), time.process_time()
        writes = sum(tally.writes for tally in governor.tallies.by_key.values())
        told = {
            "seconds": now - since,
            "cpu_seconds": used - cpu,
            "ticks": governor.ticks,
            "tick_cpu": governor.tick_cpu,
            "ticks_late": governor.tallies.ticks_late,
            "writes": writes,
            "errors": sum(governor.tallies.errors.values()),
            "rss_bytes": resident(),
        }
        governor.ticks, governor.tick_cpu = [], []
        print(json.dumps(told), flush=True)
        since, cpu = time.monotonic(), time.process_time()


if __name__ == "__main__":
    asyncio.run(main())
