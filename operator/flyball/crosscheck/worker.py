"""A process of its own for slow work: started when first asked, killed when it hangs, made anew when it died.

One call at a time, so that whoever calls decides what waits. The process has the lowest priority and ends with its parent, however that ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from typing import TypeVar

T = TypeVar("T")

LIMIT_SECONDS = 10.0
"""A hundred times what a fit takes."""
START_SECONDS = 60.0
"""A new process imports what it needs in 2 to 5 s where the CPU is free: not to be taken for a call that hangs."""
LEAST_NICE = 19


class Trouble(Exception):
    """The call gave no result; `kind` is hung, died or raised."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Worker:
    """The process. Not for two calls at once."""

    def __init__(self, limit_seconds: float = LIMIT_SECONDS, prepare: Callable[[], object] = os.getpid) -> None:
        """`prepare` is called first in each new process, with the patience for a start."""
        self._limit, self._prepare = limit_seconds, prepare
        self._pool: ProcessPoolExecutor | None = None
        self.pid: int | None = None

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """What the function gives in the other process (it and its arguments are pickled). Raises Trouble."""
        try:
            return await self._call(self._pool or await self._start(), self._limit, function, *arguments)
        except asyncio.CancelledError:
            self.close()
            raise

    async def _start(self) -> ProcessPoolExecutor:
        """A new process, prepared. Raises Trouble, and nothing is left of it then."""
        try:
            # Spawned, not forked: the operator has threads, and a fork would keep what they had locked.
            pool = self._pool = ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_begin)
        except (OSError, ImportError, NotImplementedError) as error:  # no descriptors left, no shared memory, no semaphores
            raise Trouble("died", f"its process cannot be made: {error}") from error
        try:
            self.pid = await self._call(pool, START_SECONDS, os.getpid)
            await self._call(pool, START_SECONDS, self._prepare)
        except Trouble as trouble:
            self.close()
            # No call's own trouble, whatever it was: the next call would meet it as well.
            raise Trouble("hung" if trouble.kind == "hung" else "died", f"its process cannot be started: {trouble}") from trouble
        return pool

    async def _call(self, pool: ProcessPoolExecutor, limit: float, function: Callable[..., T], *arguments: object) -> T:
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(pool, function, *arguments), limit)
        except TimeoutError as error:
            self.close()
            raise Trouble("hung", f"it had not ended after {limit:g} s, and was killed") from error
        except BrokenExecutor as error:
            self.pid = None  # gone, and its number may be another's
            self.close()
            raise Trouble("died", "its process ended; out of memory, perhaps") from error
        except Exception as error:  # whatever the function raised
            raise Trouble("raised", f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """End the process; the next call makes another."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._pool, self.pid = None, None


def _begin() -> None:
    """In the new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to both, and the parent ends us
    os.nice(LEAST_NICE)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed cannot end us, and waiting for work would never end."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)
