"""The work queue: each key once, never two workers on one key, retries with growing delay."""

from __future__ import annotations

import asyncio

from hypothesis import example, given
from hypothesis import strategies as st

from flyball.runtime.queue import BACKOFF_MOST, WorkQueue
from tests.unit.faketime import clock, run


def queue() -> WorkQueue[str]:
    return WorkQueue(clock)


def test_a_key_that_is_asked_for_thrice_is_worked_on_once() -> None:
    async def main() -> None:
        keys = queue()
        for _ in range(3):
            keys.add("shop")
        assert await keys.take() == "shop"
        keys.done("shop")
        assert len(keys) == 0

    run(main())


def test_a_key_that_is_asked_for_while_it_is_worked_on_comes_again_and_not_before_it_is_given_back() -> None:
    async def main() -> None:
        keys = queue()
        keys.add("shop")
        await keys.take()
        keys.add("shop")
        taken = asyncio.create_task(keys.take())
        await asyncio.sleep(5)
        assert not taken.done(), "two workers on one key"
        keys.done("shop")
        assert await taken == "shop"

    run(main())


def test_keys_come_in_the_order_in_which_they_are_due() -> None:
    async def main() -> None:
        keys, begun = queue(), clock()
        keys.add("late", 10)
        keys.add("soon", 2)
        keys.add("now")
        assert [(await keys.take(), clock() - begun) for _ in range(3)] == [("now", 0), ("soon", 2), ("late", 10)]

    run(main())


def test_the_soonest_time_that_anyone_asked_for_counts() -> None:
    async def main() -> None:
        keys, begun = queue(), clock()
        keys.add("shop", 60)
        keys.add("shop", 5)
        keys.add("shop", 30)
        await keys.take()
        assert clock() - begun == 5
        keys.done("shop")
        assert len(keys) == 0

    run(main())


def test_a_waiting_worker_hears_of_a_key_that_is_due_sooner() -> None:
    async def main() -> None:
        keys, begun = queue(), clock()
        keys.add("later", 60)
        taken = asyncio.create_task(keys.take())
        await asyncio.sleep(1)
        keys.add("sooner", 1)
        assert await taken == "sooner"
        assert clock() - begun == 2

    run(main())


def test_failures_are_retried_with_growing_delay_and_success_forgets_them() -> None:
    async def delays(count: int, keys: WorkQueue[str]) -> list[float]:
        found = []
        for _ in range(count):
            begun = clock()
            await keys.take()
            found.append(clock() - begun)
            keys.done("shop", failed=True)
        return found

    async def main() -> None:
        keys = queue()
        keys.add("shop")
        assert await delays(10, keys) == [0, 0.5, 1, 2, 4, 8, 16, 32, BACKOFF_MOST, BACKOFF_MOST]
        await keys.take()
        keys.done("shop", again_in=0)
        assert await delays(2, keys) == [0, 0.5]

    run(main())


def test_a_key_is_taken_again_after_the_time_that_its_worker_asked_for() -> None:
    async def main() -> None:
        keys, begun = queue(), clock()
        keys.add("shop")
        await keys.take()
        keys.done("shop", again_in=15)
        await keys.take()
        assert clock() - begun == 15

    run(main())


def test_a_forgotten_key_does_not_come_again() -> None:
    async def main() -> None:
        keys = queue()
        keys.add("shop", 1)
        keys.add("cart", 2)
        keys.forget("shop")
        assert await keys.take() == "cart"

    run(main())


@example(asked=[("a", 1e-13)], workers=1)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 100)), max_size=30), st.integers(1, 4))
def test_every_key_that_is_asked_for_is_worked_on_and_never_by_two_workers(asked: list[tuple[str, float]], workers: int) -> None:
    async def main() -> None:
        keys, active, seen = queue(), set(), set()

        async def work() -> None:
            while True:
                key = await keys.take()
                assert key not in active
                active.add(key)
                await asyncio.sleep(3)
                active.remove(key)
                seen.add(key)
                keys.done(key)

        for key, delay in asked:
            keys.add(key, delay)
        running = [asyncio.create_task(work()) for _ in range(workers)]
        await asyncio.sleep(1000)
        assert seen == {key for key, _ in asked}
        for task in running:
            assert not task.done()
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    run(main())


def test_keys_that_are_due_within_the_time_given_come_along_and_no_more_than_wanted() -> None:
    async def main() -> None:
        keys, begun = queue(), clock()
        for name, delay in [("first", 5), ("second", 5.1), ("third", 5.2), ("late", 6)]:
            keys.add(name, delay)
        assert await keys.take_due(2, early=0.5) == ["first", "second"]
        assert clock() - begun == 5
        assert await keys.take_due(8, early=0.5) == ["third"]
        assert await keys.take_due(8) == ["late"]
        keys.add("third")
        keys.done("third")
        assert await keys.take_due(8) == ["third"], "asked for while it was worked on"

    run(main())
