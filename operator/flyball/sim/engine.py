"""The event loop: requests arrive, visits run, call and end, from one event to the next, exactly.

`advance` is called from tick to tick; between calls the run module reads counters out of the tables and writes quotas into them (`write_quota`).
"""

from __future__ import annotations

import math
from typing import Any

from flyball.sim.bandwidth import catch_up, end_of_period, next_end, settle
from flyball.sim.draws import following, key, lognormal, uniform
from flyball.sim.heaps import insert, pop, renew_all
from flyball.sim.jit import inlined, jit
from flyball.sim.sliced import finish, timers, wake_up

INF = math.inf
BEFORE, AFTER, BACKGROUND = 0, 1, 2
DONE, FULL = 0, 1
LEAST_WORK = 1e-9
"""CPU seconds: a visit always takes an event of its own, so that no chain of calls ends in the moment in which it began."""
TYPE_PLACE = -1
"""The place in the draws of a request at which its type is drawn."""


@jit
def advance(
    glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, node: Any, members: Any, vis: Any, places: Any, stages: Any, roots: Any, shares: Any,
    service: Any, when: Any, winner: Any, dirty: Any, arrivals: Any, latency: Any, log: Any, margin: int, until: float,
) -> int:  # fmt: skip
    """Run all events before `until` and bring every container's accounts up to it.

    `arrivals` are the times of the requests from number `request` of `glob` on; the latency of request i goes to `latency[i]`, and in order of
    their ends to `log`. FULL: the table of visits must grow first, then the call is repeated.
    """
    g = glob[0]
    while True:
        c = winner[1]
        t = when[c]
        arrival = False
        if g.arrived < g.count and arrivals[g.arrived] < t:
            t = arrivals[g.arrived]
            arrival = True
        delayed = g.delayed >= 0 and vis[g.delayed].key < t
        if delayed:
            t = vis[g.delayed].key
        if t >= until:
            break
        if g.unused < margin:
            return FULL
        g.events += 1
        if delayed:
            v = g.delayed
            g.delayed = pop(vis, v)
            deliver(glob, cont, bw, local, cpus, vis, dirty, v, t)
        elif arrival:
            draw = uniform(key(g.seed, g.request, TYPE_PLACE))
            kind = 0
            while shares[kind] < draw:
                kind += 1
            v = send(glob, cont, bw, local, cpus, vis, places, service, dirty, roots[kind], -1, g.request, t)
            vis[v].at = t
            g.arrived += 1
            g.request += 1
            g.in_flight += 1
        else:
            own_event(glob, cont, bw, local, cpus, vis, places, stages, service, dirty, latency, log, c, t)
        for i in range(g.touched):
            c = dirty[i]
            cont[c].dirty = 0
            settle(glob, cont, bw, local, cpus, node, members, vis, when, winner, c, t)
        g.touched = 0
    for c in range(len(cont)):
        catch_up(glob, cont, bw, local, cpus, c, until)
    return DONE


@inlined
def own_event(
    glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, vis: Any, places: Any, stages: Any, service: Any, dirty: Any, latency: Any, log: Any,
    c: int, t: float,
) -> None:  # fmt: skip
    """What a container itself has at `t`: the end of a period, background work, a visit that has had its CPU. One that is none of these only needs
    settling: its pool is empty."""
    g = glob[0]
    catch_up(glob, cont, bw, local, cpus, c, t)
    k = cont[c]
    touch(glob, cont, dirty, c)
    if g.sliced != 0:
        timers(glob, cont, bw, local, cpus, c, t)
    elif t >= bw[c].timer:
        end_of_period(bw, c)
    if t >= k.background_at:
        k.background_at += k.background_period
        v = take(glob, vis)
        vis[v].phase = BACKGROUND
        vis[v].cont = c
        run(glob, cont, bw, local, cpus, vis, dirty, v, k.background_work, t)
    elif t >= k.finish_at:
        if g.sliced != 0:
            v = finish(cont, bw, local, cpus, vis, c, t)
        else:
            v = k.root
            k.root = pop(vis, v)
            k.n -= 1
            k.v = max(k.v, vis[v].key) if k.n > 0 else 0.0
        ended(glob, cont, bw, local, cpus, vis, places, stages, service, dirty, latency, log, v, t)


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


@jit
def write_quota(
    glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, node: Any, members: Any, vis: Any, when: Any, winner: Any, g: int,
    quota: float, burst: float, writes: int, t: float,
) -> None:  # fmt: skip
    """Set quota and burst (CPU seconds a period) of group `g` as the kernel does: each write refills the pool, empties the CPUs' own accounts and
    lets everything run again."""
    c = g % len(cont)
    catch_up(glob, cont, bw, local, cpus, c, t)
    b = bw[g]
    unlimited = b.quota == INF
    b.quota = quota
    b.burst = burst
    if quota == INF:
        b.timer = INF
        b.slack_at = INF
        b.pool = INF
    else:
        b.pool = 0.0 if unlimited else b.pool
        for _ in range(writes):
            b.pool = min(b.pool + quota, quota + burst)
        if b.timer == INF:
            b.timer = next_end(bw, g, t)
    b.throttled = 0
    for cpu in range(local.shape[1]):
        local[g, cpu].rem = 0.0
        local[g, cpu].sequence = 0
    settle(glob, cont, bw, local, cpus, node, members, vis, when, winner, c, t)


@jit
def start(glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, node: Any, members: Any, vis: Any, when: Any, winner: Any, t: float) -> None:
    """Note the first event of every container, or all events anew after speeds have changed at `t`."""
    for c in range(len(cont)):
        catch_up(glob, cont, bw, local, cpus, c, t)
    renew_all(when, winner)
    for c in range(len(cont)):
        settle(glob, cont, bw, local, cpus, node, members, vis, when, winner, c, t)
