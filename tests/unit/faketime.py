"""An event loop whose time is faked: what waits is skipped over at once, in order. Tests of minutes run in milliseconds.

For code that waits by the loop's clock and does no real input or output.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

RESOLUTION = 1e-6


class _Skipping(selectors.SelectSelector):
    """Returns at once and moves the loop's clock by what it was asked to wait."""

    def __init__(self, loop: FakeTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise AssertionError("everything waits, and for nothing that will happen")
            # Real time passes meanwhile; a wait too short for a float's last digit would otherwise never end.
            self._loop.now += max(timeout, RESOLUTION) if timeout else 0.0
        return ready


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """Begins at 1,000 seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Skipping(self))

    def time(self) -> float:
        return self.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` in faked time."""
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        return runner.run(main)


def clock() -> float:
    """The running loop's time, as a clock to give to what is tested."""
    return asyncio.get_running_loop().time()
