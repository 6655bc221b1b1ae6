"""How much CPU each service of the shop uses at the trace's peak, from which its limit is set: `python -m hack.demo.sizing`.

Runs the seven services as plain processes, without a cluster and without limits, under the peak rate of the trace, and prints the table of
examples/shop/README.md. Peak use is the highest of all one-second means; the limit is twice that, rounded up to 50m.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from hack.cluster import tools
from hack.demo import figures, trace
from hack.demo.load import Load
from hack.demo.processes import Processes

SERVICES = ("gateway", "catalog", "recommend", "cart", "pricing", "checkout", "payment")
FIRST_PORT = 19080
SECONDS = 120
STEP_MILLI = 50
MARGIN = 2.0
"""What a careful team leaves above the peak it has seen."""


def limit_milli(peak_cores: float) -> int:
    """Twice the peak, rounded up to 50m."""
    return math.ceil(MARGIN * peak_cores * 1000 / STEP_MILLI - 1e-9) * STEP_MILLI


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start(processes: Processes, binary: str, ports: Mapping[str, int]) -> None:
    """Start the services on this machine, with the variables by which Kubernetes would tell them of each other."""
    variables: dict[str, str] = {}
    for service, port in ports.items():
        variables |= {f"{service.upper()}_SERVICE_HOST": "127.0.0.1", f"{service.upper()}_SERVICE_PORT": str(port)}
    for service, port in ports.items():
        processes.start(service, [binary, "-service", service, "-listen", f"127.0.0.1:{port}"], variables)


def main() -> int:
    def say(line: str) -> None:
        print(line, file=sys.stderr)

    binary = str(tools.path("shop", say))
    ports = {service: FIRST_PORT + index for index, service in enumerate(SERVICES)}
    peak = trace.per_ten_seconds(max(trace.read()))
    with tempfile.TemporaryDirectory() as folder, Processes(Path(folder)) as processes:
        start(processes, binary, ports)
        load = Load(processes, Path(folder), [str(tools.path("k6", say))])
        load.start(f"127.0.0.1:{FIRST_PORT}", {"start": peak, "stages": [{"target": peak, "duration": f"{SECONDS + 10}s"}]})
        say(f"{peak / 10:.1f} requests a second for {SECONDS} s")
        time.sleep(5)  # until the spread of arrivals is full
        samples = [[_cpu_seconds(processes.pid(service)) for service in SERVICES]]
        times = [time.monotonic()]
        while times[-1] < times[0] + SECONDS:
            time.sleep(1)
            samples.append([_cpu_seconds(processes.pid(service)) for service in SERVICES])
            times.append(time.monotonic())
            processes.check(*SERVICES)
            load.check()
        requests = load.records.read()
    _print(samples, times)
    print(f"\np50 {1000 * figures.quantile((r.seconds for r in requests), 0.5):.0f} ms, ", end="")
    print(f"p99 {1000 * figures.quantile((r.seconds for r in requests), 0.99):.0f} ms, {len(requests)} requests, ", end="")
    print(f"{1000 * sum(samples[-1][i] - samples[0][i] for i in range(len(SERVICES))) / (times[-1] - times[0]) / (peak / 10):.1f} ms of CPU each")
    return 0


def _print(samples: list[list[float]], times: list[float]) -> None:
    print("| service | mean use | peak use | limit |\n|---|---|---|---|")
    sums = [0.0, 0.0, 0.0]
    for index, service in enumerate(SERVICES):
        seen = [
            (after[index] - before[index]) / (until - since)
            for before, after, since, until in zip(samples, samples[1:], times, times[1:], strict=False)
        ]
        mean, peak = (samples[-1][index] - samples[0][index]) / (times[-1] - times[0]), max(seen)
        print(f"| {service} | {1000 * mean:.0f}m | {1000 * peak:.0f}m | {limit_milli(peak)}m |")
        sums = [total + value for total, value in zip(sums, (1000 * mean, 1000 * peak, limit_milli(peak)), strict=True)]
    print("| **all** | " + " | ".join(f"{value:.0f}m" for value in sums) + " |")


if __name__ == "__main__":
    sys.exit(main())
