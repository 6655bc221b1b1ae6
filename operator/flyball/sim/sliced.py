"""CPU bandwidth with the kernel's per-CPU accounts: the level `sliced`.

A CPU that runs a group draws slices of 5 ms from the group's pool, and finds out that it has run dry at the next scheduler tick or when a visit
ends (so that it may overrun, and owes the difference). It keeps 1 ms when it goes idle, and is stopped when the pool is empty. The period timer pays
debts first, in the order in which CPUs were stopped; the slack timer hands on what idle CPUs gave back. Two groups a container, its own and its
pod's: a CPU runs only while neither is stopped there, and the pod's stopping does not show in the container's counters. Visits share the CPU that
they woke on; a CPU that falls idle pulls one from a busier CPU.
Source: Linux 6.1 kernel/sched/fair.c (`__assign_cfs_rq_runtime`, `distribute_cfs_runtime`, `__return_cfs_rq_runtime`, `do_sched_cfs_slack_timer`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flyball.sim.heaps import insert, pop
from flyball.sim.jit import jit
from flyball.sim.tables import PERIOD

INF = math.inf
SLICE = 0.005  # sched_cfs_bandwidth_slice_us
KEPT = 0.001  # min_cfs_rq_runtime
GRAIN = 1e-9  # a stopped queue is paid until 1 ns above its debt
DRY = 1e-12
SLACK_DELAY = 0.005  # cfs_bandwidth_slack_period
NEAR_END = 0.002  # min_bandwidth_expiration: so shortly before a period's end nothing is handed on
WANDERS = 64
"""Of 256 wake-ups so many take any idle CPU instead of the last one: the kernel's choice depends on caches and history."""
S13, S7, S17 = np.uint64(13), np.uint64(7), np.uint64(17)


@jit
def consume(cont: Any, bw: Any, local: Any, cpus: Any, c: int, each: float) -> None:
    """Charge `each` CPU seconds to every CPU that runs the container, at both groups."""
    k = cont[c]
    pod = c + len(cont)
    for i in range(k.used):
        cpu = cpus[c, i]
        if local[c, cpu].sequence == 0 and local[pod, cpu].sequence == 0:
            local[c, cpu].v += each / local[c, cpu].n * k.speed
            if bw[c].quota < INF:
                local[c, cpu].rem -= each
            if bw[pod].quota < INF:
                local[pod, cpu].rem -= each


@jit
def pay(bw: Any, local: Any, g: int, cpu: int, t: float) -> bool:
    """A CPU whose own account is used up draws a slice from the pool; whether it has runtime afterwards."""
    b = bw[g]
    own = local[g, cpu]
    if b.quota == INF or own.rem > DRY:
        return True
    if b.timer == INF:
        end: float = b.phase + (math.floor((t - b.phase) / PERIOD) + 1.0) * PERIOD
        b.timer = end if end > t else end + PERIOD
    if b.pool > 0.0:
        got = min(b.pool, SLICE - own.rem)
        b.pool -= got
        own.rem += got
        b.idle = 0
    return own.rem > DRY  # type: ignore[no-any-return]


@jit
def draw(bw: Any, local: Any, g: int, cpu: int, t: float) -> None:
    """As `pay`, and the CPU is stopped when there was nothing to draw."""
    own = local[g, cpu]
    if own.sequence == 0 and not pay(bw, local, g, cpu, t):
        own.sequence = bw[g].sequence
        bw[g].sequence += 1
        bw[g].throttled += 1


@jit
def give_back(bw: Any, local: Any, g: int, cpu: int, t: float) -> None:
    """A CPU that goes idle pays what it has overrun, and returns what it has above 1 ms."""
    b = bw[g]
    own = local[g, cpu]
    pay(bw, local, g, cpu, t)
    if b.quota == INF or own.rem <= KEPT:
        return
    b.pool += own.rem - KEPT
    own.rem = KEPT
    if b.pool > SLICE and b.throttled > 0 and b.slack_at == INF and b.timer - t > SLACK_DELAY + NEAR_END:
        b.slack_at = t + SLACK_DELAY


@jit
def distribute(cont: Any, bw: Any, local: Any, cpus: Any, c: int, g: int) -> None:
    """Pay the debts of stopped CPUs, the longest stopped first, as far as the pool goes."""
    b = bw[g]
    while b.throttled > 0 and b.pool > 0.0:
        oldest = -1
        for i in range(cont[c].used):
            cpu = cpus[c, i]
            if local[g, cpu].sequence > 0 and (oldest < 0 or local[g, cpu].sequence < local[g, oldest].sequence):
                oldest = cpu
        if oldest < 0:
            b.throttled = 0
            return
        own = local[g, oldest]
        paid = min(b.pool, GRAIN - own.rem)
        b.pool -= paid
        own.rem += paid
        if own.rem > DRY:
            own.sequence = 0
            b.throttled -= 1


@jit
def timers(glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, c: int, t: float) -> None:
    """All that is due at `t`: slack and period timers of both groups, and at a tick the CPUs that have run dry."""
    containers = len(cont)
    for level in range(2):
        g = c + level * containers
        b = bw[g]
        if b.quota == INF:
            continue
        if t >= b.slack_at:
            b.slack_at = INF
            if b.timer - t >= NEAR_END and b.pool > SLICE:
                distribute(cont, bw, local, cpus, c, g)
        if t >= b.timer:
            b.nr_periods += 1
            b.pool = min(b.pool + b.quota, b.quota + b.burst)
            b.timer += PERIOD
            if b.throttled > 0:
                b.nr_throttled += 1
                distribute(cont, bw, local, cpus, c, g)
                b.idle = 0
            elif b.idle != 0:
                b.timer = INF
            else:
                b.idle = 1
    ticks = t / glob[0].tick
    if abs(ticks - math.floor(ticks + 0.5)) < 1e-6:
        for i in range(cont[c].used):
            cpu = cpus[c, i]
            if local[c, cpu].sequence == 0 and local[c + containers, cpu].sequence == 0:
                draw(bw, local, c, cpu, t)
                draw(bw, local, c + containers, cpu, t)


@jit
def wake_up(cont: Any, bw: Any, local: Any, cpus: Any, vis: Any, c: int, v: int, work: float, t: float) -> None:
    """A visit wakes: on an idle CPU where there is one, else on the one with the fewest visits. It stays there until it is done or pulled away."""
    k = cont[c]
    if k.vacant >= 0:
        cpu = k.vacant  # the worker that has just ended a visit goes on with this one
        k.vacant = -1
    elif k.used < k.cpus:
        chosen = k.used  # the one that went idle last
        if _below(cont, c, 256) < WANDERS:
            chosen += _below(cont, c, k.cpus - k.used)
        cpu = cpus[c, chosen]
        cpus[c, chosen] = cpus[c, k.used]
        cpus[c, k.used] = cpu
        k.used += 1
        local[c, cpu].v = 0.0
        draw(bw, local, c, cpu, t)
        draw(bw, local, c + len(cont), cpu, t)
    else:
        cpu = cpus[c, 0]
        for i in range(1, k.used):
            if local[c, cpus[c, i]].n < local[c, cpu].n:
                cpu = cpus[c, i]
    k.n += 1
    _queue(local, vis, c, cpu, v, work)


@jit
def _queue(local: Any, vis: Any, c: int, cpu: int, v: int, work: float) -> None:
    own = local[c, cpu]
    vis[v].key = own.v + work
    own.root = insert(vis, own.root, v)
    own.n += 1


@jit
def finish(cont: Any, bw: Any, local: Any, cpus: Any, vis: Any, c: int, t: float) -> int:
    """The visit that has had its CPU at `t`. Its CPU goes on with its others, or is vacant until the event is settled."""
    k = cont[c]
    pod = c + len(cont)
    place_of = 0
    while local[c, cpus[c, place_of]].finish_at > t:
        place_of += 1
    cpu = cpus[c, place_of]
    own = local[c, cpu]
    v: int = own.root
    own.root = pop(vis, v)
    own.v = vis[v].key
    own.n -= 1
    k.n -= 1
    if own.n > 0:
        draw(bw, local, c, cpu, t)
        draw(bw, local, pod, cpu, t)
        return v
    own.v = 0.0
    k.vacant = cpu
    return v


@jit
def vacate(cont: Any, bw: Any, local: Any, cpus: Any, vis: Any, c: int, t: float) -> None:
    """The CPU whose last visit has ended, and that got no other in the same moment, pulls one from a busier CPU or goes idle."""
    k = cont[c]
    pod = c + len(cont)
    cpu = k.vacant
    k.vacant = -1
    busiest = cpu
    for i in range(k.used):
        other = cpus[c, i]
        # What stands in a stopped queue cannot be pulled out of it.
        if local[c, other].n > local[c, busiest].n and local[c, other].sequence == 0 and local[pod, other].sequence == 0:
            busiest = other
    if local[c, busiest].n > 1:
        theirs = local[c, busiest]
        moved = theirs.root
        theirs.root = pop(vis, moved)
        theirs.n -= 1
        _queue(local, vis, c, cpu, moved, max(0.0, vis[moved].key - theirs.v))
        draw(bw, local, c, cpu, t)
        draw(bw, local, pod, cpu, t)
        return
    k.used -= 1
    place_of = 0
    while cpus[c, place_of] != cpu:
        place_of += 1
    cpus[c, place_of] = cpus[c, k.used]
    cpus[c, k.used] = cpu
    local[c, cpu].finish_at = INF
    give_back(bw, local, c, cpu, t)
    give_back(bw, local, pod, cpu, t)


@jit
def running(cont: Any, local: Any, cpus: Any, c: int) -> int:
    """CPUs that run the container: in use and not stopped."""
    count = 0
    for i in range(cont[c].used):
        cpu = cpus[c, i]
        if local[c, cpu].sequence == 0 and local[c + len(cont), cpu].sequence == 0:
            count += 1
    return count


@jit
def next_event(glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, vis: Any, c: int) -> float:
    """The earliest of: timers of both groups, the tick at which a CPU is seen to have run dry, a visit done (noted in `finish_at`)."""
    k = cont[c]
    pod = c + len(cont)
    at = INF
    for level in range(2):
        b = bw[c + level * len(cont)]
        if b.quota < INF:
            at = min(at, b.timer, b.slack_at)
    k.finish_at = INF
    each = k.rate / k.running if k.running > 0 else 0.0
    smallest = INF
    for i in range(k.used):
        cpu = cpus[c, i]
        own = local[c, cpu]
        own.finish_at = INF
        if each > 0.0 and own.sequence == 0 and local[pod, cpu].sequence == 0:
            own.finish_at = k.last + max(0.0, vis[own.root].key - own.v) * own.n / (each * k.speed)
            k.finish_at = min(k.finish_at, own.finish_at)
            if bw[c].quota < INF:
                smallest = min(smallest, own.rem)
            if bw[pod].quota < INF:
                smallest = min(smallest, local[pod, cpu].rem)
    if smallest < INF:
        dry = k.last + max(0.0, smallest) / each
        tick = math.ceil(dry / glob[0].tick - 1e-6) * glob[0].tick
        if tick <= k.last + 1e-9:
            tick += glob[0].tick
        at = min(at, tick)
    earliest: float = min(at, k.finish_at)
    return earliest


@jit
def _below(cont: Any, c: int, n: int) -> int:
    """A number from 0 to n - 1 from the container's own stream (xorshift64)."""
    x = cont[c].rng
    x ^= x << S13
    x ^= x >> S7
    x ^= x << S17
    cont[c].rng = x
    return np.int64(x % np.uint64(n))  # type: ignore[return-value]
