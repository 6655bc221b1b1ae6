"""CPU of one container: processor sharing among its runnable visits, the CFS quota per period, and the node's cores shared by weight.

The level `fluid` is here: the pool of a group is used up as its visits run, refilled at the end of each period, and an empty pool stops them until
then. Counters count as the kernel's do (`nr_periods` only while active, the first idle period included; `nr_throttled` when a period ends with the
group stopped). Source: Linux 6.1 kernel/sched/fair.c and Documentation/scheduler/sched-bwc.rst. `sliced` refines it.
"""

from __future__ import annotations

import math
from typing import Any

from flyball.sim.heaps import renew
from flyball.sim.jit import inlined, jit
from flyball.sim.sliced import consume, next_event, running, vacate
from flyball.sim.tables import PERIOD

INF = math.inf
EMPTY = 1e-8
"""CPU seconds of pool that count as none. The kernel's grain is 1 ns; ten of them leave room for what a double resolves after 21 days at 32 cores."""


@inlined
def catch_up(glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, c: int, t: float) -> None:
    """Bring a container's accounts up to `t`."""
    k = cont[c]
    elapsed = t - k.last
    k.last = t
    if elapsed <= 0.0:
        return
    k.waited += (k.n - k.rate) * elapsed
    if k.rate <= 0.0:
        return
    done = k.rate * elapsed
    k.usage += done
    if glob[0].sliced != 0:
        consume(cont, bw, local, cpus, c, done / k.running)
    else:
        k.v += done / k.n * k.speed
        b = bw[c]
        b.idle = 0
        if b.quota < INF:
            b.pool -= done


@inlined
def end_of_period(bw: Any, c: int) -> None:
    """Level fluid: the period timer fires."""
    b = bw[c]
    b.nr_periods += 1
    b.pool = min(b.pool + b.quota, b.quota + b.burst)
    b.timer += PERIOD
    if b.throttled != 0:
        b.nr_throttled += 1
        b.throttled = 0
        b.idle = 0
    elif b.idle != 0:
        b.timer = INF
    else:
        b.idle = 1


@inlined
def next_end(bw: Any, g: int, t: float) -> float:
    """When the group's next period ends: the timer keeps its phase while it stands still."""
    phase = bw[g].phase
    end: float = phase + (math.floor((t - phase) / PERIOD) + 1.0) * PERIOD
    return end if end > t else end + PERIOD


@inlined
def settle(glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, node: Any, members: Any, vis: Any, when: Any, winner: Any, c: int, t: float) -> None:
    """After visits came or went, or a period ended: who runs, how fast, and when the container's next event is. Its accounts are up to date."""
    k = cont[c]
    if glob[0].sliced != 0:
        if k.vacant >= 0:
            vacate(cont, bw, local, cpus, vis, c, t)
        k.running = running(cont, local, cpus, c)
        wanted = float(k.running)
    else:
        b = bw[c]
        wanted = float(min(k.n, k.cpus))
        if k.n > 0 and b.quota < INF:
            if b.timer == INF:
                b.timer = next_end(bw, c, t)
            if b.pool <= EMPTY:
                b.throttled = 1
            if b.throttled != 0:
                wanted = 0.0
    if glob[0].contention != 0:
        machine = node[k.node]
        before = machine.wanted
        machine.wanted += wanted - k.wanted
        k.wanted = wanted
        if before > machine.cores or machine.wanted > machine.cores:
            share_out(glob, cont, bw, local, cpus, node, members, vis, when, winner, k.node, c, t)
            return
    k.wanted = wanted
    k.rate = wanted
    schedule(glob, cont, bw, local, cpus, vis, when, winner, c)


@jit
def share_out(
    glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, node: Any, members: Any, vis: Any, when: Any, winner: Any, n: int, changed: int, t: float
) -> None:
    """Divide a node's cores by weight among the containers that want some: nobody gets more than it wants, and what it leaves goes to the others."""
    machine = node[n]
    left = machine.cores
    weights = 0.0
    for i in range(machine.first, machine.first + machine.count):
        k = cont[members[i]]
        k.next_rate = -1.0
        if k.wanted > 0.0:
            weights += k.weight
        else:
            k.next_rate = 0.0
    content = True
    while content and weights > 0.0:
        content = False
        fair = left / weights
        for i in range(machine.first, machine.first + machine.count):
            k = cont[members[i]]
            if k.next_rate < 0.0 and k.wanted <= k.weight * fair:
                k.next_rate = k.wanted
                left -= k.wanted
                weights -= k.weight
                content = True
    for i in range(machine.first, machine.first + machine.count):
        other = members[i]
        k = cont[other]
        rate = k.next_rate if k.next_rate >= 0.0 else k.weight * left / weights
        if rate != k.rate or other == changed:
            catch_up(glob, cont, bw, local, cpus, other, t)
            k.rate = rate
            schedule(glob, cont, bw, local, cpus, vis, when, winner, other)


@inlined
def schedule(glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, vis: Any, when: Any, winner: Any, c: int) -> None:
    """Note the time of a container's next event, at its present rate."""
    k = cont[c]
    if glob[0].sliced != 0:
        at = min(k.background_at, next_event(glob, cont, bw, local, cpus, vis, c))
    else:
        k.finish_at = INF
        if k.n > 0 and k.rate > 0.0:
            k.finish_at = k.last + max(0.0, vis[k.root].key - k.v) * k.n / (k.rate * k.speed)
        at = min(k.finish_at, k.background_at)
        b = bw[c]
        if b.quota < INF:
            at = min(at, b.timer)
            if k.rate > 0.0:
                at = min(at, k.last + b.pool / k.rate)
    when[c] = at
    renew(when, winner, c)
