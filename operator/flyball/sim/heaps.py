"""The two queues of the engine: pairing heaps inside the table of visits, and a tournament over the containers' next events."""

from __future__ import annotations

from typing import Any

from flyball.sim.jit import inlined, jit


@inlined
def meld(vis: Any, a: int, b: int) -> int:
    """Root of two heaps joined; -1 stands for an empty one. Ties go to `a`."""
    if a < 0:
        return b
    if b < 0:
        return a
    if vis[b].key < vis[a].key:
        a, b = b, a
    vis[b].sibling = vis[a].child
    vis[a].child = b
    return a


@inlined
def insert(vis: Any, root: int, v: int) -> int:
    """Root after `v`, whose key is set, has joined."""
    vis[v].child = -1
    vis[v].sibling = -1
    return meld(vis, root, v)


@inlined
def pop(vis: Any, root: int) -> int:
    """Root after the smallest, `root` itself, has left: children melded in pairs, then from right to left."""
    pairs = -1
    v = vis[root].child
    while v >= 0:
        first = v
        second = vis[first].sibling
        vis[first].sibling = -1
        v = -1
        if second >= 0:
            v = vis[second].sibling
            vis[second].sibling = -1
        joined = meld(vis, first, second)
        vis[joined].sibling = pairs
        pairs = joined
    out = -1
    while pairs >= 0:
        following = vis[pairs].sibling
        vis[pairs].sibling = -1
        out = meld(vis, out, pairs)
        pairs = following
    return out


@inlined
def renew(when: Any, winner: Any, c: int) -> None:
    """Play the matches of container `c` again after `when[c]` changed. `winner[1]` is the container with the earliest event."""
    size = len(winner) // 2
    i = (size + c) // 2
    while i >= 1:
        left = winner[2 * i]
        right = winner[2 * i + 1]
        winner[i] = right if when[right] < when[left] else left
        i //= 2


@jit
def renew_all(when: Any, winner: Any) -> None:
    """Play all matches."""
    size = len(winner) // 2
    for c in range(size):
        winner[size + c] = c
    for i in range(size - 1, 0, -1):
        left = winner[2 * i]
        right = winner[2 * i + 1]
        winner[i] = right if when[right] < when[left] else left
