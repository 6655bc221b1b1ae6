"""The whole example, from an empty machine to a table."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from hack.cluster import Cluster, ClusterError, Flavour, Prometheus, images, tools
from hack.cluster.install import NAMESPACE as SYSTEM
from hack.cluster.install import OPERATOR, install_flyball
from hack.cluster.layout import REPOSITORY
from hack.cluster.process import poll
from hack.demo.processes import Processes
from hack.demo.shop import IMAGE
from hack.predictive.load import Load, Request
from hack.predictive.pattern import DAY, Pattern, exposition, totals
from hack.predictive.replay import backfill
from hack.predictive.verdict import Look, arrivals, clock, late_seconds, short_seconds, table
from hack.predictive.watch import Watch

FOLDER = REPOSITORY / "examples" / "predictive"
NAMESPACE = NAME = "pricing"
METRIC = "http_request_duration_seconds_count"
FLYBALL = Path(sys.executable).with_name("flyball")

HISTORY_DAYS = 4
"""Three days are enough to know a day; a week doubles the time until the operator has learned it."""
PAST_STEP_SECONDS = 30.0
"""A rate over a minute needs two samples."""
SCRAPE_SECONDS = 5
TICK_SECONDS = 5
LOW, HIGH, RAMP_SECONDS = 5.0, 28.0, 240.0
"""Requests a second: one replica, then five, in four minutes. A tenth of a core, because all of a cluster runs on the machine's two."""
LEAD_SECONDS = 210.0
"""From the operator's start to the rise: on an idle core four days of history are learned in 40 s, and a replica starts in 50."""
READ_SECONDS = 90.0
AFTER_SECONDS = 45.0
SHOW_SECONDS = 15.0

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Result:
    """What was seen."""

    pattern: Pattern
    capacity: float
    looks: Sequence[Look]
    requests: Sequence[Request]


def run(keep: bool, output: Path, name: str, progress: Progress) -> None:
    """Run the example and print its table. Raises ClusterError or DemoError with a sentence when it could not run."""
    output = output.resolve()
    for tool in ("shop", "prometheus", "kit"):
        tools.path(tool, progress)
    with Processes(output / "logs") as processes:
        cluster = Cluster.start(name, Flavour.NODE, progress)
        done = False
        try:
            result = _measure(cluster, processes, output, progress)
            print(closing(result))
            done = True
        finally:
            processes.stop_all()
            if done and keep:
                print(_usage(cluster, name))
            else:
                progress("removing the cluster")
                cluster.stop(keep_logs=isinstance(sys.exception(), Exception))


def _measure(cluster: Cluster, processes: Processes, output: Path, progress: Progress) -> Result:
    prometheus = cluster.prometheus(SCRAPE_SECONDS, history_days=HISTORY_DAYS + 1)
    install_flyball(cluster)
    progress("deploying the service")
    deploy(cluster, output)
    rise = time.time() + LEAD_SECONDS
    pattern = Pattern(rise, LOW, HIGH, RAMP_SECONDS)
    progress(f"giving Prometheus {HISTORY_DAYS} days in which the load rose at {time.strftime('%H:%M:%S', time.localtime(rise))}")
    give_past(prometheus, cluster.host_ip, {NAMESPACE: pattern})
    load = Load(f"http://{address(cluster, NAMESPACE)}/quote", pattern.at)
    load.start()
    watch = Watch(cluster.get, NAMESPACE, NAME)
    try:
        start_operator(cluster, processes, prometheus.url)
        cluster.kubectl("apply", "-f", str(FOLDER / "predictiveautoscaler.yaml"))
        watch.start()
        _show(watch, pattern, processes, progress)
    finally:
        watch.stop()
        load.stop()
    return Result(pattern, capacity(), watch.looks, load.requests)


def deploy(cluster: Cluster, output: Path) -> None:
    """Build the shop's image, deploy one service of it, and wait until it serves."""
    output.mkdir(parents=True, exist_ok=True)
    archive = output / "shop.tar"
    images.pack(archive, IMAGE, {"shop": tools.path("shop")}, entrypoint=("/shop",), user="65534:65534")
    cluster.load_image(archive)
    archive.unlink()
    cluster.kubectl("apply", "-f", str(FOLDER / "workload.yaml"))
    cluster.kubectl("rollout", "status", f"deployment/{NAME}", "-n", NAMESPACE, "--timeout=150s", timeout=180)


def address(cluster: Cluster, namespace: str) -> str:
    """HOST:PORT of the service as this machine reaches it."""
    return cluster.kubectl("get", "service", NAME, "-n", namespace, "-o", "jsonpath={.spec.clusterIP}:{.spec.ports[0].port}").strip()


def give_past(prometheus: Prometheus, host_ip: str, patterns: dict[str, Pattern], days: int = HISTORY_DAYS) -> None:
    """Days of the patterns' requests, by namespace, as the service would have counted them."""
    now = time.time()
    end = now - PAST_STEP_SECONDS  # rate() draws it on by half a step; with the load of now beside it, it would be twice the load
    texts = [
        exposition(METRIC, {"namespace": namespace, "service": NAME, "code": "200"}, totals(pattern, now - days * DAY, end, PAST_STEP_SECONDS))
        for namespace, pattern in patterns.items()
    ]
    backfill(prometheus, host_ip, texts, METRIC, 24 * days + 1, {})


def start_operator(cluster: Cluster, processes: Processes, prometheus_url: str) -> None:
    """Flyball's operator as a process of this machine, with the rights of its service account."""
    options = ["--kubeconfig", str(cluster.kubeconfig_for(SYSTEM, OPERATOR)), "--prometheus-url", prometheus_url, "--namespace", SYSTEM]
    options += ["--history-days", str(HISTORY_DAYS), "--tick-seconds", str(TICK_SECONDS), "--listen-host", "127.0.0.1", "--listen-port", "0"]
    processes.start("operator", [str(FLYBALL), "operator", *options])


def capacity() -> float:
    """Requests a second and replica, as the object states them."""
    (demand,) = yaml.safe_load((FOLDER / "predictiveautoscaler.yaml").read_text())["spec"]["demands"]
    return float(demand["capacity"])


def _show(watch: Watch, pattern: Pattern, processes: Processes, progress: Progress) -> None:
    """A line every quarter of a minute until the load has been high for a minute."""
    if not poll(lambda: any(look.served for look in watch.looks), READ_SECONDS, step=1.0):
        raise ClusterError(f"The demand was not read; the operator's log ends with:\n{processes.tail('operator')}")
    print("\n  TIME  LOAD  ASKED  READY  DEMAND OF NOW NEEDS  TO COME NEEDS  WHY")
    shown = -math.inf
    while time.time() < pattern.rise + pattern.ramp_seconds + AFTER_SECONDS:
        processes.check("operator")
        if watch.looks and watch.looks[-1].time >= shown + SHOW_SECONDS:
            shown = watch.looks[-1].time
            print(line(watch.looks[-1], pattern), flush=True)
        time.sleep(1.0)


def line(look: Look, pattern: Pattern) -> str:
    """One look as a line of the running table."""
    reactive, proactive = (str(value) if value is not None else "-" for value in (look.reactive, look.proactive))
    why = look.why if look.forecast == "Ok" else f"{look.why}, no forecast yet ({look.forecast})"
    since, load = clock(look.time - pattern.rise), pattern.at(look.time)
    return f"{since:>6}  {load:4.1f}  {look.asked:5}  {look.ready:5}  {reactive:>19}  {proactive:>13}  {why}"


def closing(result: Result) -> str:
    """What came out, in a few honest lines."""
    pattern, looks = result.pattern, [look for look in result.looks if look.time >= result.pattern.rise]
    found = arrivals(result.looks, pattern, result.capacity)
    during = [its for its in result.requests if its.sent >= pattern.rise]
    slowest = sorted(its.seconds for its in during)
    started = next((look.ready_after for look in reversed(looks) if look.ready_after), "?")
    return "\n".join(
        [
            "",
            f"The load rose from {pattern.low:g} to {pattern.high:g} requests a second at +0:00, within {pattern.ramp_seconds:.0f} s.",
            f"A replica carries {result.capacity:g} and is Ready {started} s after it is asked for.",
            "",
            table(found),
            "",
            f"Time with fewer Ready replicas than the load needed: {short_seconds(looks, pattern, result.capacity):.0f} s; "
            f"by the demand of now it would have been {late_seconds(found):.0f} s.",
            f"Replicas at most: {max(look.asked for look in looks)}; the load needed {found[-1].number}.",
            f"{len(during)} requests since the rise began, {sum(not its.ok for its in during)} failed, "
            f"p99 {1000 * slowest[int(0.99 * len(slowest))]:.0f} ms.",
        ]
    )


def _usage(cluster: Cluster, name: str) -> str:
    return (
        f"\nThe cluster stays up (the operator was a process of the example and has ended):\n"
        f"  {tools.path('kit')} kubectl --kubeconfig {cluster.kubeconfig} get pas,deployment,pods -n {NAMESPACE}\n"
        f"  cd {REPOSITORY} && .venv/bin/python -m hack.cluster down --name {name}   removes every trace of it"
    )
