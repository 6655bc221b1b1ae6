"""CPU bandwidth with the kernel's per-CPU accounts: the level `sliced`.

A CPU that runs a group draws slices of 5 ms from the group's pool, finds out that it has run dry at the next scheduler tick (so that it may overrun
and owes the difference), keeps 1 ms when it goes idle, and is stopped when the pool is empty. The period timer pays debts first, in the order in
which CPUs were stopped; the slack timer hands on what idle CPUs gave back. Two groups a container, its own and its pod's: a CPU runs only while
neither is stopped there, and the pod's stopping does not show in the container's counters.
Source: Linux 6.1 kernel/sched/fair.c (`__assign_cfs_rq_runtime`, `distribute_cfs_runtime`, `__return_cfs_rq_runtime`, `do_sched_cfs_slack_timer`).
Which idle CPU a waking thread gets is drawn at random: ours, the kernel's choice depends on caches and history.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from flyball.sim.jit import jit
from flyball.sim.tables import PERIOD

INF = math.inf
SLICE = 0.005  # sched_cfs_bandwidth_slice_us
KEPT = 0.001  # min_cfs_rq_runtime
GRAIN = 1e-9  # a stopped queue is paid until 1 ns above its debt
DRY = 1e-12
SLACK_DELAY = 0.005  # cfs_bandwidth_slack_period
NEAR_END = 0.002  # min_bandwidth_expiration: so shortly before a period's end nothing is handed on
S13, S7, S17 = np.uint64(13), np.uint64(7), np.uint64(17)


@jit
def consume(cont: Any, bw: Any, local: Any, cpus: Any, c: int, each: float) -> None:
    """Charge `each` CPU seconds to every CPU that runs the container, at both groups."""
    k = cont[c]
    pod = c + len(cont)
    for i in range(k.used):
        cpu = cpus[c, i]
        if local[c, cpu].sequence == 0 and local[pod, cpu].sequence == 0:
            if bw[c].quota < INF:
                local[c, cpu].rem -= each
            if bw[pod].quota < INF:
                local[pod, cpu].rem -= each


@jit
def draw(bw: Any, local: Any, g: int, cpu: int, t: float) -> None:
    """A CPU whose own account is used up draws a slice; where there is nothing to draw it is stopped."""
    b = bw[g]
    own = local[g, cpu]
    if b.quota == INF or own.sequence != 0 or own.rem > DRY:
        return
    if b.timer == INF:
        end: float = b.phase + (math.floor((t - b.phase) / PERIOD) + 1.0) * PERIOD
        b.timer = end if end > t else end + PERIOD
    if b.pool > 0.0:
        got = min(b.pool, SLICE - own.rem)
        b.pool -= got
        own.rem += got
        b.idle = 0
    if own.rem <= DRY:
        own.sequence = b.sequence
        b.sequence += 1
        b.throttled += 1


@jit
def give_back(bw: Any, local: Any, g: int, cpu: int, t: float) -> None:
    """A CPU that has gone idle returns what it has above 1 ms."""
    b = bw[g]
    own = local[g, cpu]
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
def staff(cont: Any, bw: Any, local: Any, cpus: Any, c: int, t: float) -> None:
    """As many CPUs as there are runnable visits, up to what the container may use: wake idle ones, let running ones go idle."""
    k = cont[c]
    pod = c + len(cont)
    needed = min(k.n, k.cpus)
    while k.used < needed:
        chosen = k.used + _below(cont, c, k.cpus - k.used)
        cpu = cpus[c, chosen]
        cpus[c, chosen] = cpus[c, k.used]
        cpus[c, k.used] = cpu
        k.used += 1
        draw(bw, local, c, cpu, t)
        draw(bw, local, pod, cpu, t)
    while k.used > needed:
        # The visit that ended ran somewhere: on a CPU that is not stopped.
        start = _below(cont, c, k.used)
        chosen = start
        for i in range(k.used):
            place = (start + i) % k.used
            cpu = cpus[c, place]
            if local[c, cpu].sequence == 0 and local[pod, cpu].sequence == 0:
                chosen = place
                break
        k.used -= 1
        cpu = cpus[c, chosen]
        cpus[c, chosen] = cpus[c, k.used]
        cpus[c, k.used] = cpu
        give_back(bw, local, c, cpu, t)
        give_back(bw, local, pod, cpu, t)
    k.running = 0
    for i in range(k.used):
        cpu = cpus[c, i]
        if local[c, cpu].sequence == 0 and local[pod, cpu].sequence == 0:
            k.running += 1


@jit
def next_event(glob: Any, cont: Any, bw: Any, local: Any, cpus: Any, c: int) -> float:
    """The earliest of the timers of both groups and the tick at which a CPU is seen to have run dry."""
    k = cont[c]
    containers = len(cont)
    at = INF
    smallest = INF
    for level in range(2):
        g = c + level * containers
        b = bw[g]
        if b.quota < INF:
            at = min(at, b.timer, b.slack_at)
            for i in range(k.used):
                cpu = cpus[c, i]
                if local[c, cpu].sequence == 0 and local[c + containers, cpu].sequence == 0:
                    smallest = min(smallest, local[g, cpu].rem)
    if k.rate > 0.0 and smallest < INF:
        dry = k.last + max(0.0, smallest) * k.running / k.rate
        tick = math.ceil(dry / glob[0].tick - 1e-6) * glob[0].tick
        if tick <= k.last + 1e-9:
            tick += glob[0].tick
        at = min(at, tick)
    return at


@jit
def _below(cont: Any, c: int, n: int) -> int:
    """A number from 0 to n - 1 from the container's own stream (xorshift64)."""
    x = cont[c].rng
    x ^= x << S13
    x ^= x >> S7
    x ^= x << S17
    cont[c].rng = x
    return np.int64(x % np.uint64(n))  # type: ignore[return-value]
