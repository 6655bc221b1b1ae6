"""The process of its own, with real processes: it is kept, killed when it hangs, made anew when it died, and never outlives its parent."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from flyball.crosscheck import worker as module
from flyball.crosscheck.worker import Trouble, Worker
from tests.unit.crosscheck import jobs


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    its = Worker(limit_seconds=5.0)
    yield its
    its.close()


def ended(descriptor: int, seconds: float = 20.0) -> bool:
    """Whether the process behind a pidfd has ended; waits for it."""
    return bool(select.select([descriptor], [], [], seconds)[0])


async def test_one_process_serves_all_calls_at_the_lowest_priority(worker: Worker) -> None:
    first, given = await worker.run(jobs.whoami, 1, "two")
    second, _ = await worker.run(jobs.whoami)
    assert first == second == worker.pid != os.getpid()
    assert given == (1, "two")
    assert await worker.run(jobs.priority) == 19


async def test_what_the_call_raises_is_told_and_the_process_stays(worker: Worker) -> None:
    before, _ = await worker.run(jobs.whoami)
    with pytest.raises(Trouble, match="ArithmeticError: no fit") as caught:
        await worker.run(jobs.raises)
    assert caught.value.kind == "raised"
    assert (await worker.run(jobs.whoami))[0] == before


async def test_a_process_that_died_is_told_and_made_anew(worker: Worker) -> None:
    before, _ = await worker.run(jobs.whoami)
    with pytest.raises(Trouble) as caught:
        await worker.run(jobs.dies)
    assert caught.value.kind == "died"
    after, _ = await worker.run(jobs.whoami)
    assert after != before


async def test_a_process_that_hangs_is_killed_and_made_anew() -> None:
    worker = Worker(limit_seconds=5.0)
    before, _ = await worker.run(jobs.whoami)
    descriptor = os.pidfd_open(before)
    worker._limit = 0.2
    with pytest.raises(Trouble) as caught:
        await worker.run(jobs.hangs)
    assert caught.value.kind == "hung"
    assert ended(descriptor)
    os.close(descriptor)
    worker._limit = 5.0
    assert (await worker.run(jobs.whoami))[0] != before
    worker.close()


async def test_a_new_process_is_prepared_with_the_patience_for_a_start() -> None:
    worker = Worker(limit_seconds=0.001, prepare=jobs.prepared)
    with pytest.raises(Trouble) as caught:
        await worker.run(jobs.hangs)
    assert caught.value.kind == "hung"
    worker._limit = 5.0
    assert await worker.run(jobs.is_prepared)
    worker.close()


async def test_whoever_stops_waiting_ends_the_process(worker: Worker) -> None:
    number, _ = await worker.run(jobs.whoami)
    descriptor = os.pidfd_open(number)
    waiting = asyncio.create_task(worker.run(jobs.hangs))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended(descriptor)
    os.close(descriptor)


def test_a_parent_that_is_killed_leaves_no_process_behind() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.unit.crosscheck.jobs"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout
        descriptor = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        assert ended(descriptor)
        os.close(descriptor)


@pytest.mark.parametrize("error", [OSError(24, "Too many open files"), NotImplementedError("system provides too few semaphores")])
async def test_a_process_that_cannot_be_made_is_told_and_tried_again(error: Exception, monkeypatch: pytest.MonkeyPatch, worker: Worker) -> None:
    def none_left(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(module, "ProcessPoolExecutor", none_left)
        for _ in range(2):
            with pytest.raises(Trouble, match=r"cannot be made: .*[Tt]oo") as caught:
                await worker.run(jobs.whoami)
            assert caught.value.kind == "died"
    assert (await worker.run(jobs.whoami))[0] == worker.pid


async def test_a_process_whose_start_fails_is_no_process_for_the_next_call() -> None:
    worker = Worker(limit_seconds=5.0, prepare=jobs.raises)
    for _ in range(2):
        with pytest.raises(Trouble, match="cannot be started: ArithmeticError: no fit") as caught:
            await worker.run(jobs.whoami)
        assert caught.value.kind == "died", "not the call's own trouble"
        assert worker.pid is None
