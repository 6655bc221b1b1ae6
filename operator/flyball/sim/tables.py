"""The engine's memory: arrays of records, built from an application.

Times are seconds, CPU is in CPU seconds or cores. `bw` has two rows a container: its own group, and (index + number of containers) its pod's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from flyball.sim.spec import Application, Visit

PERIOD = 0.1
"""The CFS period that Kubernetes writes, in seconds."""

GLOB = np.dtype(
    [
        ("seed", "u8"),
        ("arrived", "i8"),  # place in the array of arrivals
        ("count", "i8"),
        ("delayed", "i8"),  # root of the heap of visits that wait without CPU
        ("free", "i8"),  # head of the list of free visits
        ("unused", "i8"),  # its length
        ("touched", "i8"),  # containers to be settled after the event
        ("sliced", "i8"),
        ("contention", "i8"),
        ("containers", "i8"),
        ("in_flight", "i8"),  # requests
        ("finished", "i8"),
        ("visits", "i8"),  # served
        ("events", "i8"),
        ("tick", "f8"),
    ],
    align=True,
)
CONT = np.dtype(
    [
        ("service", "i8"),
        ("node", "i8"),
        ("threads", "i8"),
        ("cpus", "i8"),  # that it can use at once
        ("weight", "f8"),
        ("speed", "f8"),
        ("last", "f8"),  # time up to which the accounts are made
        ("v", "f8"),  # level fluid: work that each of its runnable visits has received since it was last empty
        ("rate", "f8"),  # cores in use
        ("wanted", "f8"),  # cores that it would use if the node had them
        ("next_rate", "f8"),
        ("usage", "f8"),  # CPU seconds since the start
        ("waited", "f8"),  # seconds that its runnable visits were not running, each for itself
        ("finish_at", "f8"),
        ("background_at", "f8"),
        ("background_work", "f8"),
        ("background_period", "f8"),
        ("n", "i8"),  # runnable visits
        ("root", "i8"),  # of their heap, at the level fluid
        ("busy", "i8"),  # workers
        ("first", "i8"),  # of the line of visits that wait for a worker
        ("last_waiting", "i8"),
        ("waiting", "i8"),
        ("used", "i8"),  # CPUs with runnable visits: the first so many of its row in `cpus`
        ("running", "i8"),  # of these, not throttled
        ("vacant", "i8"),  # the CPU that has nothing left to run, during an event; else -1
        ("dirty", "i8"),
        ("rng", "u8"),
    ],
    align=True,
)
BW = np.dtype(
    [
        ("quota", "f8"),  # CPU seconds a period, infinite without a limit
        ("burst", "f8"),
        ("pool", "f8"),
        ("phase", "f8"),
        ("timer", "f8"),  # next end of a period, infinite while the timer stands still
        ("slack_at", "f8"),
        ("idle", "i8"),
        ("throttled", "i8"),  # fluid: whether it is; sliced: number of its CPUs that are
        ("sequence", "i8"),
        ("nr_periods", "i8"),
        ("nr_throttled", "i8"),
    ],
    align=True,
)
LOCAL = np.dtype(
    [
        ("rem", "f8"),  # runtime that the CPU holds; negative: overrun, to be paid
        ("sequence", "i8"),  # place in the line of stopped CPUs; 0: not stopped
        # Rows of containers only: what the CPU works on.
        ("n", "i8"),
        ("root", "i8"),
        ("v", "f8"),
        ("finish_at", "f8"),
    ],
    align=True,
)
NODE = np.dtype([("cores", "f8"), ("wanted", "f8"), ("first", "i8"), ("count", "i8")], align=True)
VISIT = np.dtype(
    [
        ("key", "f8"),  # in a container's heap: its `v` at which this is done; in the heap of delays: a time
        ("work", "f8"),  # to be done before the sub-calls
        ("after", "f8"),
        ("at", "f8"),  # arrival of the request, in the root
        ("request", "i8"),
        ("place", "i8"),  # in the call trees; -1 for background work
        ("parent", "i8"),
        ("cont", "i8"),
        ("pending", "i8"),
        ("stage", "i8"),
        ("stages", "i8"),  # to be called; 0 when the cache had the answer
        ("phase", "i8"),
        ("child", "i8"),
        ("sibling", "i8"),
        ("next", "i8"),
    ],
    align=True,
)
PLACE = np.dtype(
    [
        ("service", "i8"),
        ("first_stage", "i8"),
        ("stages", "i8"),
        ("work", "f8"),
        ("sigma", "f8"),
        ("before", "f8"),
        ("hit", "f8"),
        ("delay", "f8"),
    ],
    align=True,
)
STAGE = np.dtype([("first", "i8"), ("count", "i8")], align=True)
SERVICE = np.dtype([("first", "i8"), ("replicas", "i8"), ("work", "f8"), ("delay", "f8")], align=True)
VISITS_AT_START = 4096


@dataclass(slots=True)
class Tables:
    """All arrays, in the order in which the engine takes them."""

    glob: Any
    cont: Any
    bw: Any
    local: Any
    cpus: Any
    node: Any
    members: Any
    vis: Any
    places: Any
    stages: Any
    roots: Any
    shares: Any
    service: Any
    when: Any
    winner: Any
    dirty: Any
    margin: int
    """Free visits without which no event is begun."""


def build(application: Application, seed: int, *, sliced: bool, contention: bool, pod_quota: bool, tick: float) -> Tables:
    """Fresh tables: nothing running, every quota at its grant, period offsets at random."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    places, stages, roots = _trees(application)
    replicas = [max(service.replicas, service.max_replicas) for service in application.services]
    count = sum(replicas)
    node_of = {node.name: number for number, node in enumerate(application.nodes)}
    most = max(node.cores for node in application.nodes)

    glob = np.zeros(1, GLOB)
    glob["seed"] = np.uint64(np.random.SeedSequence([seed, 2]).generate_state(1, np.uint64)[0])
    glob["delayed"] = -1
    glob["sliced"], glob["contention"], glob["containers"], glob["tick"] = sliced, contention, count, tick

    cont, bw, service = np.zeros(count, CONT), np.zeros(2 * count, BW), np.zeros(len(replicas), SERVICE)
    c = placed = 0
    for s, its in enumerate(application.services):
        service[s] = (c, its.replicas, 1.0, 0.0)
        for _ in range(replicas[s]):
            on = node_of[its.node] if its.node else placed % len(application.nodes)
            placed += not its.node
            cores = application.nodes[on].cores
            row = cont[c]
            row["service"], row["node"], row["threads"], row["cpus"] = s, on, its.threads, min(cores, its.parallel or cores)
            row["weight"], row["speed"] = its.weight or its.grant_cores, application.nodes[on].speed
            row["background_period"], row["background_work"] = its.background_period_seconds, its.background_cores * its.background_period_seconds
            row["background_at"] = rng.uniform(0.0, its.background_period_seconds) if its.background_cores else math.inf
            bw["quota"][c] = its.grant_cores * PERIOD
            bw["quota"][count + c] = its.grant_cores * PERIOD if pod_quota and sliced else math.inf
            c += 1
    for name in ("root", "first", "last_waiting", "vacant"):
        cont[name] = -1
    cont["finish_at"] = math.inf
    cont["rng"] = rng.integers(1, 2**63, count, dtype=np.uint64)
    bw["pool"], bw["timer"], bw["slack_at"], bw["sequence"] = bw["quota"], math.inf, math.inf, 1
    bw["phase"] = rng.uniform(0.0, PERIOD, 2 * count)

    node = np.zeros(len(application.nodes), NODE)
    members = np.argsort(cont["node"], kind="stable").astype(np.int64)
    for number, its_node in enumerate(application.nodes):
        node[number] = (its_node.cores, 0.0, int(np.sum(cont["node"] < number)), int(np.sum(cont["node"] == number)))

    local = np.zeros((2 * count, most), LOCAL)
    local["root"], local["finish_at"] = -1, math.inf
    size = 1 << max(1, math.ceil(math.log2(count)))
    when, winner = np.full(size, math.inf), np.zeros(2 * size, np.int64)
    shares = np.cumsum([its.share for its in application.request_types])
    margin = 4 + int(stages["count"].max()) if len(stages) else 4
    tables = Tables(
        glob, cont, bw, local, np.tile(np.arange(most, dtype=np.int64), (count, 1)), node, members,
        np.zeros(0, VISIT), places, stages if len(stages) else np.zeros(1, STAGE), roots, shares / shares[-1], service, when, winner,
        np.zeros(count, np.int64), margin,
    )  # fmt: skip
    grow(tables, max(VISITS_AT_START, 8 * margin))
    return tables


def grow(tables: Tables, size: int) -> None:
    """Enlarge the table of visits to `size`; the new ones are free."""
    old = len(tables.vis)
    tables.vis = np.concatenate([tables.vis, np.zeros(size - old, VISIT)])
    tables.vis["next"][old : size - 1] = np.arange(old + 1, size)
    tables.vis["next"][size - 1] = tables.glob[0]["free"] if old else -1
    tables.glob["free"] = old
    tables.glob["unused"] += size - old


def _trees(application: Application) -> tuple[Any, Any, Any]:
    """Call trees as tables: visits (children of a stage beside each other), stages, and the root of each type."""
    number = {service.name: place for place, service in enumerate(application.services)}
    visits: list[Visit] = [its.root for its in application.request_types]
    rows: list[tuple[Any, ...]] = []
    stages: list[tuple[int, int]] = []
    for visit in visits:  # grows while it is walked: breadth first
        rows.append(
            (number[visit.service], len(stages), len(visit.stages), visit.work_seconds, visit.tail, visit.before, visit.hit, visit.delay_seconds)
        )
        for stage in visit.stages:
            stages.append((len(visits), len(stage)))
            visits.extend(stage)
    return np.array(rows, PLACE), np.array(stages, STAGE), np.arange(len(application.request_types), dtype=np.int64)
