"""The cluster of a run and what happens on it: the shop up, phases of load under a policy, everything given back.

As in `make demo`, operator and agent run all the time: in Observe they read and write nothing, so that their own work is the same under every policy.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flyball.cgroup.layout import detect
from flyball.sim.policy import Facts, Policy, Unlimited
from flyball.sim.spec import Application
from flyball.slo import Objective
from hack.cluster.process import poll
from hack.demo import machine, shop, trace
from hack.demo.errors import DemoError
from hack.demo.figures import Cores, Figures, figures
from hack.demo.load import Load
from hack.demo.local import Local
from hack.demo.processes import Processes
from hack.demo.records import Request
from tests.benchmarks.live.containers import Containers
from tests.benchmarks.live.contenders import WINDOW, Contender
from tests.benchmarks.live.driver import Driven, Driver
from tests.benchmarks.live.graph import SERVICES
from tests.benchmarks.live.observation import Signals
from tests.benchmarks.live.shape import SPARE_SECONDS
from tests.benchmarks.live.simulated import PEER_LOOKBACK

GIVE_BACK_SECONDS = 60.0
"""A look of the operator and a second of the agent lie between the change of mode and the last quota; the demo waits as long."""
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of load under one policy: what its clients saw, and what the kernel counted."""

    figures: Figures
    driven: Driven
    requests: tuple[Request, ...]
    """Of the whole load, the settling included."""
    start: float
    """Unix seconds at which the load was started."""
    settle: float
    dropped: int
    """Requests that the load generator could not send on time."""
    busy_share: float
    """Of the machine's cores, in the scored part; NaN where the machine does not say."""


class Scene:
    """A cluster with the shop and Flyball. Whoever made its environment takes that down."""

    def __init__(self, environment: Local, processes: Processes, folder: Path) -> None:
        self._environment, self._processes, self._folder = environment, processes, folder
        threshold, allowed = shop.objective()
        self.objective = Objective("gateway", 1.0 - allowed, threshold, float(WINDOW))
        self.containers: Containers | None = None

    def up(self) -> None:
        """Cluster, shop, Flyball in Observe."""
        environment = self._environment
        environment.up()
        environment.deploy_shop()
        environment.start_flyball()
        shop.apply_objective(environment.kubectl)
        shop.wait_serving(environment.get)
        pods = json.loads(environment.get(f"/api/v1/namespaces/{shop.NAMESPACE}/pods"))["items"]
        self.containers = Containers.find(detect(CGROUPS), pods, SERVICES)

    def close(self) -> None:
        """Close what is open on the node; quotas stay as they are."""
        if self.containers is not None:
            self.containers.close()

    @property
    def grants(self) -> dict[str, float]:
        containers = self._found()
        return dict(zip(containers.names, containers.grant.tolist(), strict=True))

    def idle(self, seconds: float) -> dict[str, float]:
        """Cores that each service uses without load."""
        containers = self._found()
        before, begun = containers.read(), time.monotonic()
        time.sleep(seconds)
        after, elapsed = containers.read(), time.monotonic() - begun
        return dict(zip(containers.names, ((after.usage - before.usage) / elapsed).tolist(), strict=True))

    def observe(self, rates: Sequence[int], settle: int, score: int, application: Application) -> Phase:
        """Under the limits, nobody acting."""
        return self._phase(rates, settle, score, Unlimited(), application, "observe")

    def block(self, contender: Contender, rates: Sequence[int], settle: int, score: int, application: Application, name: str) -> Phase:
        """A contender's block, and everything given back. The product is switched on as by a person, and off; peers act through the driver."""
        environment, containers = self._environment, self._found()
        try:
            if contender.product:
                switch = {"spec": {"actuators": {"burst": "Auto" if contender.burst else "Off"}}}
                environment.kubectl("patch", "latencyslo", shop.NAME, "-n", shop.NAMESPACE, "--type=merge", "-p", json.dumps(switch))
                shop.set_mode(environment.kubectl, "Enforce")
                made = self._phase(rates, settle, score, Unlimited(), application, name)
            else:
                made = self._phase(rates, settle, score, contender.make(), application, name, contender.burst, contender.lookback)
        finally:
            if contender.product:
                shop.set_mode(environment.kubectl, "Observe")
            else:
                containers.give_back()
        if not poll(containers.granted, GIVE_BACK_SECONDS, step=0.5):
            raise DemoError(f"Not every quota was given back within {GIVE_BACK_SECONDS:.0f} s of a block's end; the next block would begin with it.")
        return made

    def _phase(
        self,
        rates: Sequence[int],
        settle: int,
        score: int,
        policy: Policy,
        application: Application,
        name: str,
        burst: bool = False,
        lookback: int = PEER_LOOKBACK,
    ) -> Phase:
        """Load (`rates`: values of the trace, one a second) under a policy; what lies after `settle` seconds is scored."""
        environment, containers = self._environment, self._found()
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        load = Load(self._processes, folder, environment.k6())
        load.start(environment.gateway, trace.plan(rates, 0, len(rates)))
        start = time.time()
        busy = Busy(start + settle, start + settle + score)

        def look() -> None:
            environment.check()
            load.check()
            busy.look(time.time())

        facts = Facts(application, self.objective, np.arange(len(SERVICES)), containers.grant, containers.names, burst, 0)
        try:
            signals = Signals(environment.prometheus_url, self.objective, lookback)
            driven = Driver(containers, policy, facts, signals.read, look).run(settle, score, SPARE_SECONDS)
        finally:
            load.stop()
        requests = load.records.read()
        cores = Cores(float(containers.grant.sum()), float(driven.allocated.sum()), float(driven.used.sum()))
        made = figures(requests, start + settle, start + settle + score, self.objective.threshold_seconds, cores)
        return Phase(made, driven, tuple(requests), start, settle, load.records.dropped, busy.share())

    def _found(self) -> Containers:
        if self.containers is None:
            raise DemoError("The shop has not been started.")
        return self.containers


class Busy:
    """The machine's own account over a stretch (Unix seconds), from looks about a second apart."""

    def __init__(self, start: float, end: float) -> None:
        self._start, self._end = start, end
        self._looks: list[tuple[float, float]] = []

    def look(self, now: float) -> None:
        busy = machine.busy_core_seconds()
        if busy is not None and self._start <= now <= self._end:
            self._looks.append((now, busy))

    def share(self) -> float:
        """Of all cores; NaN for fewer than two looks."""
        if len(self._looks) < 2:
            return math.nan
        (first, before), *_, (last, after) = self._looks
        return (after - before) / (last - first) / machine.cores()
