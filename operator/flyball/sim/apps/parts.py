"""What the published applications are put together from: kinds of service with the CPU habits of their runtime.

The figures are ours: no published profile states CPU per visit for these benchmarks. They are chosen so that the application as a whole uses
about .7 of the cores that Autothrottle allocated in its paper's Table 1 (diurnal trace), and that tails grow from lean servers to the JVM.
"""

from __future__ import annotations

from flyball.sim.spec import Service, Visit

GRANT_CORES = 4.0
"""Limit of a container until the load is known: `sized` replaces it. Nothing is measured under it."""
TAIL_LEAN = 0.4
"""Sigma of compiled servers and caches: coefficient of variation 0.42."""
TAIL_STORE = 0.8
"""Databases: 0.95; a scan now and then."""
TAIL_JVM = 0.7
"""The JVM: 0.80, with its pauses for garbage."""
STORE_DELAY = 0.0005
"""Seconds without CPU before a database answers: its disk and the network."""


def jvm(name: str) -> Service:
    """A Spring service: 200 workers (Tomcat's default), 8 m of CPU when idle."""
    return Service(name, GRANT_CORES, threads=200, background_cores=0.008)


def mongo(name: str) -> Service:
    """A MongoDB: 5 m when idle (its own bookkeeping)."""
    return Service(name, GRANT_CORES, background_cores=0.005)


def lean(name: str, *, replicas: int = 1, threads: int = 0) -> Service:
    """A Go or C++ service: 1 m when idle."""
    return Service(name, GRANT_CORES, replicas=replicas, threads=threads, background_cores=0.001)


def cache(name: str) -> Service:
    """memcached: four threads by default."""
    return Service(name, GRANT_CORES, parallel=4, background_cores=0.001)


def redis(name: str) -> Service:
    """Redis: commands run in one thread."""
    return Service(name, GRANT_CORES, parallel=1, background_cores=0.002)


def store(name: str, work_seconds: float) -> Visit:
    """A look-up in a database."""
    return Visit(name, work_seconds, tail=TAIL_STORE, delay_seconds=STORE_DELAY)


def sequence(*calls: Visit) -> tuple[tuple[Visit, ...], ...]:
    """Calls one after the other."""
    return tuple((call,) for call in calls)
