"""The way of a request: its visits leave for a replica, wait for a worker, run, call others, and end.

Part of the engine's event loop. A visit is a row of the table of visits; free rows hang together by `next`.
"""

from __future__ import annotations

from typing import Any

from flyball.sim.bandwidth import catch_up
from flyball.sim.draws import following, key, lognormal, uniform
from flyball.sim.heaps import insert
from flyball.sim.jit import inlined
from flyball.sim.sliced import wake_up

BEFORE, AFTER, BACKGROUND = 0, 1, 2
LEAST_WORK = 1e-9
"""CPU seconds: a visit always takes an event of its own, so that no chain of calls ends in the moment in which it began."""


@inlined
def take(glob: Any, vis: Any) -> int:
    """A free visit."""
    v: int = glob[0].free
    glob[0].free = vis[v].next
    glob[0].unused -= 1
    return v


@inlined
def release(glob: Any, vis: Any, v: int) -> None:
    """It is free again."""
    vis[v].next = glob[0].free
    glob[0].free = v
    glob[0].unused += 1


@inlined
def touch(glob: Any, cont: Any, dirty: Any, c: int) -> None:
    """The container is to be settled after the event."""
    if cont[c].dirty == 0:
        cont[c].dirty = 1
        dirty[glob[0].touched] = c
        glob[0].touched += 1


@inlined
def send(
    glob: Any,
    cont: Any,
    bw: Any,
    local: Any,
    cpus: Any,
    vis: Any,
    places: Any,
    service: Any,
    dirty: Any,
    place: int,
    parent: int,
    request: int,
    t: float,
) -> int:
    """A call leaves for a replica of its service; what it will cost is drawn here."""
    v = take(glob, vis)
    x = vis[v]
    p = places[place]
    s = service[p.service]
    draw = key(glob[0].seed, request, place)
    x.place = place
    x.parent = parent
    x.request = request
    x.phase = BEFORE
    x.cont = s.first
    if s.replicas > 1:
        x.cont += int(uniform(draw) * s.replicas)
    draw = following(draw)
    work = max(LEAST_WORK, p.work * s.work * lognormal(draw, p.sigma))
    x.stages = p.stages
    if p.stages > 0 and p.hit > 0.0 and uniform(following(following(draw))) < p.hit:
        x.stages = 0
    x.work = work
    x.after = 0.0
    if x.stages > 0:
        x.work = max(LEAST_WORK, p.before * work)
        x.after = work - x.work
    delay = p.delay + s.delay
    if delay > 0.0:
        delay = p.delay * lognormal(following(following(following(draw))), p.sigma) + s.delay
        x.key = t + delay
        glob[0].delayed = insert(vis, glob[0].delayed, v)
    else:
        deliver(glob, cont, bw, local, cpus, vis, dirty, v, t)
    return v


@inlined
def deliver(glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, vis: Any, dirty: Any, v: int, t: float) -> None:
    """A call has reached its container: it runs, or waits for a worker."""
    c = vis[v].cont
    k = cont[c]
    if k.threads > 0 and k.busy >= k.threads:
        vis[v].next = -1
        if k.first < 0:
            k.first = v
        else:
            vis[k.last_waiting].next = v
        k.last_waiting = v
        k.waiting += 1
        return
    k.busy += 1
    run(glob, cont, bw, local, cpus, vis, dirty, v, vis[v].work, t)


@inlined
def run(glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, vis: Any, dirty: Any, v: int, work: float, t: float) -> None:
    """A visit wants CPU for `work` seconds."""
    c = vis[v].cont
    k = cont[c]
    catch_up(glob, cont, bw, local, cpus, c, t)
    if glob[0].sliced != 0:
        wake_up(cont, bw, local, cpus, vis, c, v, work, t)
    else:
        vis[v].key = k.v + work
        k.root = insert(vis, k.root, v)
        k.n += 1
    touch(glob, cont, dirty, c)


@inlined
def call(
    glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, vis: Any, places: Any, stages: Any, service: Any, dirty: Any, v: int, t: float
) -> None:
    """The calls of a visit's present stage leave."""
    x = vis[v]
    stage = stages[places[x.place].first_stage + x.stage]
    x.pending = stage.count
    for place in range(stage.first, stage.first + stage.count):
        send(glob, cont, bw, local, cpus, vis, places, service, dirty, place, v, x.request, t)


@inlined
def ended(
    glob: Any,
    cont: Any,
    bw: Any,
    local: Any,
    cpus: Any,
    vis: Any,
    places: Any,
    stages: Any,
    service: Any,
    dirty: Any,
    latency: Any,
    log: Any,
    order: Any,
    v: int,
    t: float,
) -> None:
    """A visit has done its CPU work of this phase: it calls, or it ends and with it, perhaps, the visits above."""
    x = vis[v]
    if x.phase == BACKGROUND:
        release(glob, vis, v)
        return
    if x.phase == BEFORE and x.stages > 0:
        x.stage = 0
        call(glob, cont, bw, local, cpus, vis, places, stages, service, dirty, v, t)
        return
    while True:
        x = vis[v]
        parent = x.parent
        k = cont[x.cont]
        k.busy -= 1
        if k.first >= 0:
            following_one = k.first
            k.first = vis[following_one].next
            k.waiting -= 1
            k.busy += 1
            run(glob, cont, bw, local, cpus, vis, dirty, following_one, vis[following_one].work, t)
        glob[0].visits += 1
        if parent < 0:
            latency[x.request] = t - x.at
            log[glob[0].finished] = t - x.at
            order[glob[0].finished] = x.request
            glob[0].finished += 1
            glob[0].in_flight -= 1
            release(glob, vis, v)
            return
        release(glob, vis, v)
        p = vis[parent]
        p.pending -= 1
        if p.pending > 0:
            return
        p.stage += 1
        if p.stage < p.stages:
            call(glob, cont, bw, local, cpus, vis, places, stages, service, dirty, parent, t)
            return
        p.phase = AFTER
        if p.after > 0.0:
            run(glob, cont, bw, local, cpus, vis, dirty, parent, p.after, t)
            return
        v = parent
