"""List and watch against a server: in step through restarts, expiry, deletions and what cannot be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from flyball.agent import apiclient, reflector
from flyball.agent.apiclient import ApiClient, ApiError
from flyball.agent.pods import MalformedObject
from flyball.agent.reflector import Key, Reflector, pause_seconds
from tests.unit.agent.fake_api import PATH, FakeApi, thing


class Cache:
    """A sink that remembers."""

    def __init__(self) -> None:
        self.views: dict[str, Any] = {}
        self.heard: list[float] = []

    def seen(self, view: dict[str, Any]) -> None:
        self.views[view["metadata"]["name"]] = view["spec"]

    def gone(self, key: Key) -> None:
        self.views.pop(key[1], None)


def parse(raw: dict[str, Any]) -> dict[str, Any]:
    if raw["spec"].get("bad"):
        raise MalformedObject("nothing good")
    return raw


@pytest.fixture
async def api() -> AsyncIterator[FakeApi]:
    api = FakeApi()
    yield api
    await api.stop()


@pytest.fixture
async def client(api: FakeApi, tmp_path: Path) -> AsyncIterator[ApiClient]:
    (tmp_path / "token").write_text("one\n")
    async with ApiClient(await api.start(), tmp_path / "token", tmp_path / "ca.crt") as client:
        yield client


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
async def running(client: ApiClient, cache: Cache, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[], Reflector[Any]]]:
    monkeypatch.setattr(reflector, "BACKOFF_FIRST", 0.01)
    monkeypatch.setattr(reflector, "RELIST_SECONDS", 0.01)
    tasks: list[asyncio.Task[None]] = []

    def start() -> Reflector[Any]:
        made = Reflector(client, PATH, parse, cache, cache.heard.append, 30.0, {"fieldSelector": "spec.nodeName=n"})
        tasks.append(asyncio.create_task(made.run()))
        return made

    yield start
    for task in tasks:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def until(done: Callable[[], bool]) -> None:
    """Give the loop's other tasks their turns until `done`; the server is on the same loop."""
    for _ in range(1000):
        if done():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("not within 5 s")


async def test_a_list_of_several_pages_and_then_events(api: FakeApi, cache: Cache, running: Callable[[], Reflector[Any]]) -> None:
    api.page_size = 2
    api.put(*(thing(name) for name in "abcde"))
    made = running()
    await asyncio.wait_for(made.synced.wait(), 5)
    assert sorted(cache.views) == list("abcde")
    await api.send("ADDED", thing("f", 2, x=1), split=True)
    await api.send("MODIFIED", thing("a", 3, x=2))
    await api.send("DELETED", thing("b", 4))
    await until(lambda: "b" not in cache.views)
    assert cache.views["f"] == {"x": 1}
    assert cache.views["a"] == {"x": 2}
    assert all(query["fieldSelector"] == "spec.nodeName=n" for _, query in api.seen)


async def test_a_watch_that_ends_is_taken_up_where_it_was(api: FakeApi, cache: Cache, running: Callable[[], Reflector[Any]]) -> None:
    running()
    await api.send("BOOKMARK", thing("", 77))
    await until(lambda: len(cache.heard) >= 2)
    api.end_watches()
    await asyncio.wait_for(api.watching.wait(), 5)
    assert [query.get("resourceVersion") for _, query in api.seen] == [None, "1", "77"]


async def test_an_expired_watch_lists_again_and_drops_what_is_gone(api: FakeApi, cache: Cache, running: Callable[[], Reflector[Any]]) -> None:
    api.put(thing("a"), thing("b"))
    running()
    await asyncio.wait_for(api.watching.wait(), 5)
    del api.objects["b"]
    await api.send("ERROR", {"kind": "Status", "code": 410, "message": "too old"})
    await until(lambda: list(cache.views) == ["a"])


async def test_a_history_that_expires_again_and_again_is_not_listed_without_a_pause(api: FakeApi, client: ApiClient, cache: Cache) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(3600 if len(pauses) == 6 else 0)

    api.refuse = [410] * 6
    reflecting = asyncio.create_task(Reflector(client, PATH, parse, cache, cache.heard.append, 30.0, sleep=sleep).run())
    await until(lambda: len(pauses) == 6 or not api.refuse)
    reflecting.cancel()
    assert len(pauses) == len(api.seen) == 6
    assert all(pause >= 0.25 * 2**number for number, pause in enumerate(pauses[:5]))


@pytest.mark.parametrize(
    ("failures", "chance", "expired", "pause"),
    [
        (0, 0.0, False, 0.25),
        (0, 1.0, False, 0.75),
        (0, 0.0, True, 0.25),
        (0, 1.0, True, 5.75),
        (3, 0.5, False, 4.0),
        (3, 0.5, True, 6.5),
        (5, 0.5, False, 15.0),
        (100_000, 1.0, True, 27.5),
    ],
)
def test_pauses_double_up_to_a_bound_and_after_an_expiry_agents_are_spread(failures: int, chance: float, expired: bool, pause: float) -> None:
    assert pause_seconds(failures, chance, expired=expired) == pytest.approx(pause)


async def test_lists_are_of_the_newest_state_and_never_of_a_cache_that_may_lag(
    api: FakeApi, cache: Cache, running: Callable[[], Reflector[Any]]
) -> None:
    running()
    await asyncio.wait_for(api.watching.wait(), 5)
    await api.send("ERROR", {"kind": "Status", "code": 410, "message": "too old"})
    await until(lambda: len([query for _, query in api.seen if "watch" not in query]) == 2)
    assert all("resourceVersion" not in query for _, query in api.seen if "watch" not in query)


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_a_refusal_is_tried_again(api: FakeApi, cache: Cache, running: Callable[[], Reflector[Any]], status: int) -> None:
    api.put(thing("a"))
    api.refuse = [status, status]
    made = running()
    await asyncio.wait_for(made.synced.wait(), 5)
    assert list(cache.views) == ["a"]


async def test_a_watch_that_fails_for_an_unknown_reason_lists_again(api: FakeApi, cache: Cache, running: Callable[[], Reflector[Any]]) -> None:
    api.put(thing("a"))
    running()
    await asyncio.wait_for(api.watching.wait(), 5)
    api.put(thing("b"))
    await api.send("ERROR", {"kind": "Status", "code": 500, "message": "lost some"})
    await until(lambda: "b" in cache.views)


async def test_what_cannot_be_read_is_passed_over_and_no_longer_acted_on(api: FakeApi, cache: Cache, running: Callable[[], Reflector[Any]]) -> None:
    api.put(thing("a"), thing("b", bad=True))
    running()
    await asyncio.wait_for(api.watching.wait(), 5)
    assert list(cache.views) == ["a"]
    await api.send("MODIFIED", thing("a", 2, bad=True))
    await until(lambda: not cache.views)


async def test_a_token_that_rotated_is_used(api: FakeApi, client: ApiClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await client.get(PATH, limit="1")
    (tmp_path / "token").write_text("two\n")
    monkeypatch.setattr(apiclient, "TOKEN_SECONDS", -1.0)
    await client.get(PATH, limit="1")
    assert [authorization for authorization, _ in api.seen] == ["Bearer one", "Bearer two"]


async def test_errors_are_sentences(api: FakeApi, client: ApiClient, tmp_path: Path) -> None:
    api.refuse = [403]
    with pytest.raises(ApiError, match="403 from /api/v1/things: not today") as caught:
        await client.get(PATH)
    assert caught.value.status == 403
    (tmp_path / "token").unlink()
    async with ApiClient("http://127.0.0.1:9", tmp_path / "token", tmp_path / "ca.crt") as lost:
        with pytest.raises(ApiError, match="cannot read the token"):
            await lost.get(PATH)
    (tmp_path / "token").write_text("x")
    async with ApiClient("http://127.0.0.1:9", tmp_path / "token", tmp_path / "ca.crt") as lost:
        with pytest.raises(ApiError, match="no answer from"):
            await lost.get(PATH)
