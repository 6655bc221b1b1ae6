"""What the worker's process is given in the tests; on its own, since that process imports it by name."""

from __future__ import annotations

import os
import signal
import threading

READY: list[bool] = []


def whoami(*arguments: object) -> tuple[int, tuple[object, ...]]:
    return os.getpid(), arguments


def priority() -> int:
    return os.nice(0)


def prepared() -> None:
    """Takes longer than the limit of the test that asks for it."""
    threading.Event().wait(0.05)
    READY.append(True)


def is_prepared() -> bool:
    return bool(READY)


def raises() -> None:
    raise ArithmeticError("no fit")


def dies() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hangs() -> None:
    threading.Event().wait()


def parent() -> None:
    """A process that makes a worker, tells its number, and goes on until it is killed."""
    import asyncio  # noqa: PLC0415

    from flyball.crosscheck.worker import Worker  # noqa: PLC0415

    number, _ = asyncio.run(Worker().run(whoami))
    print(number, flush=True)
    hangs()


if __name__ == "__main__":
    parent()
