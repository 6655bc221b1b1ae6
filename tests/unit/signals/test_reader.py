"""The reader of an objective while an application changes its buckets: what was counted before stays as it was counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import cast

import aiohttp

from flyball.signals import ObjectiveReader, Prometheus, Series, indicators
from flyball.signals.reader import REDISCOVER_SECONDS
from flyball.slo import Objective

NOW, HOUR = 1_800_000_000.0, 3600.0
OLD, NEW = ("0.1", "0.25", "+Inf"), ("0.1", "0.2", "0.25", "+Inf")


class Server(Prometheus):
    """So many pods of each version, by time; counters of which nothing is asked but their names."""

    def __init__(self) -> None:
        super().__init__("http://prometheus", cast(aiohttp.ClientSession, None))
        self.pods: Mapping[float, tuple[int, int]] = {}
        """From this time on: pods of the old and of the new version."""
        self.ranges: list[str] = []

    async def instant(self, expression: str, at: float) -> list[Series]:
        if expression.startswith("count by (le)"):
            return self._bounds([at])
        return [Series({"of": of}, ((at, 10.0),)) for of in ("newest", "good", "total") if f'"{of}"' in expression]

    async def range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        self.ranges.append(expression)
        if expression.startswith("count by (le)"):
            return self._bounds([start + number * step for number in range(int((end - start) / step + 1.001))])
        return []

    def _bounds(self, times: list[float]) -> list[Series]:
        found: dict[str, list[tuple[float, float]]] = {}
        for at in times:
            old, new = self.pods[max(since for since in self.pods if since <= at)]
            for le in NEW:
                if count := old * (le in OLD) + new:
                    found.setdefault(le, []).append((at, float(count)))
        return [Series({"le": le}, tuple(points)) for le, points in found.items()]


class Scene:
    def __init__(self, **window: float) -> None:
        self.server = Server()
        source = indicators.histogram("shop", "latency", False, {}, {})
        self.reader = ObjectiveReader(self.server, Objective("gateway", 0.99, 0.2, HOUR), source, 60.0)

    def good(self, now: float = NOW) -> str:
        """The expression of good requests after a look, window and matchers left out."""
        asyncio.run(self.reader.read(now))
        query = self.reader.query
        assert query is not None
        return query.good.replace('namespace="shop",', "").replace("[{window}s]", "")


BOTH = 'sum(max without (le) (increase(latency_bucket{le=~"0\\\\.1|0\\\\.2"})))'
NEW_ALONE = 'sum(increase(latency_bucket{le=~"0\\\\.2"}))'
OLD_ALONE = 'sum(increase(latency_bucket{le=~"0\\\\.1"}))'


def test_after_a_restart_cells_from_before_a_bucket_was_added_are_counted_by_the_bucket_of_then() -> None:
    scene = Scene()
    scene.server.pods = {0.0: (3, 0), NOW - 600: (0, 3)}
    assert scene.good() == BOTH
    assert any(BOTH.split("{", maxsplit=1)[0] in expression for expression in scene.server.ranges), "the cells are read so"
    assert scene.reader.query is not None
    assert (scene.reader.query.threshold_used, scene.reader.query.hint) == (0.2, None)


def test_during_a_rollout_old_and_new_pods_count_each_by_its_own() -> None:
    scene = Scene()
    scene.server.pods = {0.0: (3, 0), NOW + 60: (2, 1)}
    assert scene.good() == OLD_ALONE
    assert scene.good(NOW + REDISCOVER_SECONDS + 60) == BOTH


def test_once_the_old_version_has_left_the_window_its_bounds_are_read_no_more() -> None:
    scene = Scene()
    scene.server.pods = {0.0: (3, 0), NOW + 60: (0, 3)}
    scene.good()
    assert scene.good(NOW + REDISCOVER_SECONDS + 60) == BOTH
    assert scene.good(NOW + HOUR + REDISCOVER_SECONDS) == NEW_ALONE


def test_an_application_that_never_changed_is_read_by_one_bound() -> None:
    scene = Scene()
    scene.server.pods = {0.0: (0, 3)}
    assert scene.good() == NEW_ALONE
    assert len([expression for expression in scene.server.ranges if expression.startswith("count")]) == 1
    scene.good(NOW + REDISCOVER_SECONDS + 60)
    assert len([expression for expression in scene.server.ranges if expression.startswith("count")]) == 1, "the past is looked up once"
