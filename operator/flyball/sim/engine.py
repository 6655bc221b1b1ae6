"""The event loop: requests arrive, visits run, call and end, from one event to the next, exactly.

`advance` is called from tick to tick; between calls the run module reads counters out of the tables and writes quotas into them (`write_quota`).
"""

from __future__ import annotations

import math
from typing import Any

from flyball.sim.bandwidth import catch_up, end_of_period, next_end, settle
from flyball.sim.draws import key, uniform
from flyball.sim.heaps import pop, renew_all
from flyball.sim.jit import inlined, jit
from flyball.sim.sliced import finish, timers
from flyball.sim.visits import BACKGROUND, deliver, ended, run, send, take, touch

INF = math.inf
DONE, FULL = 0, 1
TYPE_PLACE = -1
"""The place in the draws of a request at which its type is drawn."""


@jit
def advance(
    glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, node: Any, members: Any, vis: Any, places: Any, stages: Any, roots: Any, shares: Any,
    service: Any, when: Any, winner: Any, dirty: Any, arrivals: Any, numbers: Any, kinds: Any, latency: Any, log: Any,
    order: Any, margin: int, until: float,
) -> int:  # fmt: skip
    """Run all events before `until` and bring every container's accounts up to it.

    `arrivals` are the times of the requests `numbers`; the type of request i goes to `kinds[i]` and its latency to `latency[i]`; in order of their
    ends latencies go to `log` and numbers to `order`.
    FULL: the table of visits must grow first, then the call is repeated.
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
            request = numbers[g.arrived]
            draw = uniform(key(g.seed, request, TYPE_PLACE))
            kind = 0
            while shares[kind] < draw:
                kind += 1
            kinds[request] = kind
            v = send(glob, cont, bw, local, cpus, vis, places, service, dirty, roots[kind], -1, request, t)
            vis[v].at = t
            g.arrived += 1
            g.in_flight += 1
        else:
            own_event(glob, cont, bw, local, cpus, vis, places, stages, service, dirty, latency, log, order, c, t)
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
    order: Any, c: int, t: float,
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
        ended(glob, cont, bw, local, cpus, vis, places, stages, service, dirty, latency, log, order, v, t)


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
