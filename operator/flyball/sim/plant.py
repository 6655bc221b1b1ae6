"""The plant: an application running in the engine, with the handles that a run, and a disturbance, may turn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyball.sim.engine import FULL, advance, start, write_quota
from flyball.sim.policy import Floats, Ints
from flyball.sim.requests import Requests
from flyball.sim.spec import Application
from flyball.sim.tables import PERIOD, build, grow

LOOK_SECONDS = 0.001
"""How often a CPU looks at whether a group has runtime left (level sliced). The scheduler's tick is 4 ms (HZ=250, as Debian and Ubuntu build their
kernels), but every switch between tasks, every sleep and every read of a CPU clock looks as well. Of 4, 2, 1 and .2 ms, 1 ms comes nearest to a
kernel with some other work on its CPUs (docs/designs/0007-simulator.md)."""
QUOTA_LEAST = 0.01
"""Cores: the kernel takes no quota below 1 ms of a period of 100 ms."""
STEPS = 1e5
"""Steps of quota in a core: a microsecond of a period of 100 ms."""
VISITS_MOST = 1 << 22
"""Four million visits (500 MB) at once: minutes of overload at the largest published scale."""


class Overloaded(RuntimeError):
    """The application has fallen so far behind that its waiting requests no longer fit."""


class Plant:
    """One application under one seed. Times are seconds since the start; containers in the order of `names`."""

    def __init__(self, application: Application, seed: int, *, level: str = "fluid", contention: bool = False, pod_quota: bool = False) -> None:
        if level not in ("fluid", "sliced"):
            raise ValueError(f"there is no level {level!r}; there are fluid and sliced")
        if pod_quota and level != "sliced":
            raise ValueError("quotas of pods exist at the level sliced only")
        self.application = application
        self.now = 0.0
        self._tables = build(application, seed, sliced=level == "sliced", contention=contention, pod_quota=pod_quota, tick=LOOK_SECONDS)
        self._count = len(self._tables.cont)
        self.service: Ints = self._tables.cont["service"].astype(np.int64)
        grants = np.array([its.grant_cores for its in application.services])
        self.grant: Floats = _whole(grants)[self.service]
        first = self._tables.service["first"]
        self.names = tuple(f"{application.services[s].name}/{c - first[s]}" for c, s in enumerate(self.service))
        self.quota: Floats = self.grant.copy()
        self.burst: Floats = np.zeros(self._count)
        self._number = {its.name: s for s, its in enumerate(application.services)}
        self._nodes = {its.name: n for n, its in enumerate(application.nodes)}
        self.node_names = tuple(application.nodes[n].name for n in self._tables.cont["node"])
        self._arrivals: Floats = np.zeros(0)
        self._numbers: Ints = np.zeros(0, np.int64)
        self._fed = 0
        self._restart()

    @property
    def usage(self) -> Floats:
        """CPU seconds per container since the start."""
        return self._tables.cont["usage"].copy()  # type: ignore[no-any-return]

    @property
    def waited(self) -> Floats:
        """Seconds per container in which runnable visits did not run, each for itself: for a CPU, for one another, or for the quota, as the kernel's
        run-queue delay has it."""
        return self._tables.cont["waited"].copy()  # type: ignore[no-any-return]

    @property
    def weight(self) -> Floats:
        """Of each container, where its node is short of cores."""
        return self._tables.cont["weight"].copy()  # type: ignore[no-any-return]

    @property
    def periods(self) -> Ints:
        return self._tables.bw["nr_periods"][: self._count].copy()  # type: ignore[no-any-return]

    @property
    def throttled(self) -> Ints:
        return self._tables.bw["nr_throttled"][: self._count].copy()  # type: ignore[no-any-return]

    @property
    def throttled_by_pod(self) -> Ints:
        return self._tables.bw["nr_throttled"][self._count :].copy()  # type: ignore[no-any-return]

    @property
    def active(self) -> NDArray[np.bool_]:
        """Containers that calls go to."""
        place = np.arange(self._count) - self._tables.service["first"][self.service]
        return place < self._tables.service["replicas"][self.service]  # type: ignore[no-any-return]

    @property
    def in_flight(self) -> int:
        """Requests that have arrived and not ended."""
        return int(self._tables.glob["in_flight"][0])

    @property
    def finished(self) -> int:
        return int(self._tables.glob["finished"][0])

    @property
    def visits(self) -> int:
        """Service visits served since the start."""
        return int(self._tables.glob["visits"][0])

    @property
    def events(self) -> int:
        return int(self._tables.glob["events"][0])

    @property
    def runnable(self) -> Ints:
        """Visits per container that want CPU now."""
        return self._tables.cont["n"].copy()  # type: ignore[no-any-return]

    @property
    def waiting(self) -> Ints:
        """Visits per container that wait for a worker."""
        return self._tables.cont["waiting"].copy()  # type: ignore[no-any-return]

    def feed(self, arrivals: Floats, numbers: Ints | None = None) -> None:
        """The next piece of arrivals; the last one must have been used up. They are numbered on, unless `numbers` says who they are."""
        if numbers is None:
            numbers = np.arange(self._fed, self._fed + len(arrivals))
            self._fed += len(arrivals)
        self._numbers = numbers
        self._tables.glob["arrived"], self._tables.glob["count"] = 0, len(arrivals)
        self._arrivals = arrivals

    def advance(self, until: float, requests: Requests) -> None:
        """Run to `until` and note what became of requests. Raises Overloaded."""
        t = self._tables
        while (
            advance(
                t.glob, t.cont, t.bw, t.local, t.cpus, t.node, t.members, t.vis, t.places, t.stages, t.roots, t.shares, t.service,
                t.when, t.winner, t.dirty, self._arrivals, self._numbers, requests.kinds, requests.latency,
                requests.ended, requests.order, t.margin, until,
            )
            == FULL
        ):  # fmt: skip
            if len(t.vis) >= VISITS_MOST:
                raise Overloaded(
                    f"{self.application.name}: {self.in_flight} requests are waiting at {self.now:.0f} s; its grants are too small for this load"
                )
            grow(t, 2 * len(t.vis))
        self.now = until

    def write(self, quota: Floats, burst: Floats | None = None) -> NDArray[np.bool_]:
        """Put quotas and burst allowances (cores) in force; whether each container was written. Quotas are cut to between 1 ms and the grant."""
        wanted = _whole(np.minimum(self.grant, np.maximum(quota, QUOTA_LEAST)))
        allowed = np.zeros(self._count) if burst is None else _whole(np.clip(burst, 0.0, wanted))
        if np.any(np.isnan(wanted)) or np.any(np.isnan(allowed)):
            raise ValueError("a policy asked for a quota that is no number")
        writes = (wanted != self.quota).astype(np.int64) + (allowed != self.burst)
        for c in np.flatnonzero(writes):
            write_quota(*(*self._machinery(), int(c), float(wanted[c]) * PERIOD, float(allowed[c]) * PERIOD, int(writes[c]), self.now))
        self.quota, self.burst = wanted, allowed
        return writes > 0  # type: ignore[no-any-return]

    def write_weight(self, weight: Floats) -> None:
        """Put weights in force; only their ratios matter."""
        if not np.all(weight > 0.0):
            raise ValueError("a policy asked for a weight that is not above 0")
        if np.any(weight != self._tables.cont["weight"]):
            self._tables.cont["weight"] = weight
            self._restart()

    def write_pod(self, container: int, quota_cores: float, burst_cores: float = 0.0) -> None:
        """Set the quota of a container's pod, infinite for none. Level sliced only."""
        write_quota(*(*self._machinery(), self._count + container, quota_cores * PERIOD, burst_cores * PERIOD, 1, self.now))

    def refill(self, container: int) -> None:
        """Write what is in force once more: a write refills, changed or not."""
        write_quota(*(*self._machinery(), container, self.quota[container] * PERIOD, self.burst[container] * PERIOD, 1, self.now))

    def set_work(self, service: str, factor: float) -> None:
        """From now on a service's visits cost `factor` times what the application says (a release that made it slower)."""
        self._tables.service["work"][self._number[service]] = factor

    def set_delay(self, service: str, seconds: float) -> None:
        """From now on every visit of a service waits this long without CPU before it begins (a database elsewhere)."""
        self._tables.service["delay"][self._number[service]] = seconds

    def set_speed(self, node: str, factor: float) -> None:
        """A node's speed relative to what the application says."""
        number = self._nodes[node]
        self._tables.cont["speed"][self._tables.cont["node"] == number] = factor * self.application.nodes[number].speed
        self._restart()

    def set_container_speed(self, container: int, factor: float) -> None:
        """One container's speed relative to its node's (a cold pod)."""
        on = int(self._tables.cont["node"][container])
        self._tables.cont["speed"][container] = factor * self.application.nodes[on].speed
        self._restart()

    def set_mix(self, shares: Floats) -> None:
        """Shares of the request types from now on, in the application's order."""
        self._tables.shares[:] = np.cumsum(shares) / np.sum(shares)

    def set_replicas(self, service: str, replicas: int) -> None:
        """Calls go to this many replicas from now on. What the others hold runs to its end; new ones begin at the grant."""
        s = self._number[service]
        its = self.application.services[s]
        if not 1 <= replicas <= max(its.replicas, its.max_replicas):
            raise ValueError(f"{service} can have 1 to {max(its.replicas, its.max_replicas)} replicas")
        before, first = int(self._tables.service["replicas"][s]), int(self._tables.service["first"][s])
        self._tables.service["replicas"][s] = replicas
        quota, burst = self.quota.copy(), self.burst.copy()
        quota[first + before : first + replicas], burst[first + before : first + replicas] = its.grant_cores, 0.0
        self.write(quota, burst)

    def _restart(self) -> None:
        """Work out everybody's next event anew."""
        start(*(*self._machinery(), self.now))

    def _machinery(self) -> tuple[Any, ...]:
        t = self._tables
        return t.glob, t.cont, t.bw, t.local, t.cpus, t.node, t.members, t.vis, t.when, t.winner


def _whole(cores: Floats) -> Floats:
    """Cores that are whole microseconds a period, as the kernel's files take them."""
    return np.round(cores * STEPS) / STEPS
