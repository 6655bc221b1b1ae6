"""Freshness, journal, settings, metrics, endpoints."""

from __future__ import annotations

import math
from dataclasses import fields
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from flyball.agent.freshness import Freshness
from flyball.agent.journal import POD, Entry, Journal, WeightEntry
from flyball.agent.server import HEALTHY_INTERVALS, READY_INTERVALS, Health, Server
from flyball.agent.settings import Settings, SettingsError, help_texts
from flyball.agent.tally import KEEP_SECONDS, Tallies
from flyball.agent.watches import parse_lease

ENTRY = Entry("uid-1", "app", "/sys/fs/cgroup/cpu/x", 100_000, 100_000)


class TestFreshness:
    def test_a_lease_never_seen_is_old(self) -> None:
        freshness = Freshness(300.0)
        assert not freshness.fresh(0.0)
        assert freshness.age(0.0) == math.inf

    def test_it_ages_by_the_monotonic_clock_from_the_last_change(self) -> None:
        freshness = Freshness(300.0)
        freshness.seen("a", 0.0, 1000.0)
        freshness.seen("a", 0.0, 1299.0)
        assert freshness.fresh(1299.0)
        assert not freshness.fresh(1300.0)
        freshness.seen("b", 9999.0, 1300.0)
        assert freshness.fresh(1301.0), "a change seen counts, whatever the clocks say"

    def test_at_the_first_sight_its_own_time_counts(self) -> None:
        freshness = Freshness(300.0)
        freshness.seen("a", 290.0, 1000.0)
        assert freshness.fresh(1009.0)
        assert not freshness.fresh(1010.0)

    def test_a_clock_that_is_behind_cannot_prolong_it(self) -> None:
        freshness = Freshness(300.0)
        freshness.seen("a", -5000.0, 1000.0)
        assert not freshness.fresh(1300.0)

    def test_a_deleted_lease_is_old_at_once(self) -> None:
        freshness = Freshness(300.0)
        freshness.seen("a", 0.0, 1000.0)
        freshness.gone()
        assert not freshness.fresh(1000.0)

    def test_only_a_renewal_is_a_change(self) -> None:
        lease = {"metadata": {"resourceVersion": "1"}, "spec": {"holderIdentity": "op", "renewTime": "2026-01-01T12:00:00.000000Z"}}
        touched = lease | {"metadata": {"resourceVersion": "2"}}
        renewed = lease | {"spec": {"holderIdentity": "op", "renewTime": "2026-01-01T12:00:30.000000Z"}}
        assert parse_lease(lease) == parse_lease(touched) != parse_lease(renewed)
        assert parse_lease({}).renewed == 0.0


class TestJournal:
    def test_what_is_recorded_is_read_by_the_next_agent_and_forgotten_when_told(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path / "run" / "flyball")
        assert journal.entries() == []
        journal.record(ENTRY)
        journal.record(Entry("uid-1", "other", "/y", 5000, 100_000))
        journal.record(ENTRY)
        assert Journal(journal.folder).entries() == [ENTRY, Entry("uid-1", "other", "/y", 5000, 100_000)]
        journal.forget("uid-1", "other")
        journal.forget("uid-1", "other")
        assert journal.entries() == [ENTRY]

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 2}', '{"version": 1, "uid": "x"}'])
    def test_a_torn_or_foreign_entry_is_reported_and_passed_over(self, tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture) -> None:
        journal = Journal(tmp_path)
        journal.record(ENTRY)
        (tmp_path / "torn.lowered.json").write_text(text)
        assert journal.entries() == [ENTRY]
        assert "torn.lowered.json" in caplog.text

    def test_quota_and_weight_of_a_name_and_the_pods_own_are_kept_apart(self, tmp_path: Path) -> None:
        journal = Journal(tmp_path)
        weights = [WeightEntry("uid-1", "app", "/x/y", 1024), WeightEntry("uid-1", POD, "/x", 2048)]
        for entry in (ENTRY, *weights):
            journal.record(entry)
        assert set(Journal(tmp_path).entries()) == {ENTRY, *weights}
        journal.forget("uid-1", "app", WeightEntry)
        assert set(journal.entries()) == {ENTRY, weights[1]}

    def test_a_draft_that_was_not_finished_is_no_entry(self, tmp_path: Path) -> None:
        (tmp_path / "uid-1.app.lowered.new").write_text("{}")
        assert Journal(tmp_path).entries() == []


class TestSettings:
    def test_each_field_says_what_it_is(self) -> None:
        assert set(help_texts()) == {item.name for item in fields(Settings)}
        assert all(len(text) > 15 for text in help_texts().values())

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"node_name": ""}, "node_name is empty"),
            ({"tick_seconds": 0.0}, "tick_seconds must be greater than 0"),
            ({"lease_timeout_seconds": -1.0}, "lease_timeout_seconds must be greater"),
            ({"settle_seconds": -1.0}, "settle_seconds must not be negative"),
            ({"log_format": "xml"}, "log_format must be text or json"),
            ({"log_level": "loud"}, "log_level must be"),
        ],
    )
    def test_a_wrong_value_is_refused_with_its_name(self, wrong: dict[str, Any], sentence: str) -> None:
        with pytest.raises(SettingsError, match=sentence):
            Settings(**({"node_name": "n"} | wrong))


class TestMetrics:
    def test_the_counters_and_gauges_of_the_contract_are_there_with_their_labels(self) -> None:
        tallies = Tallies("node-1")
        tally = tallies.of(("shop", "shop", "Deployment/cart", "high"))
        tally.quota_core_seconds, tally.quota, tally.writes = 12.5, 0.5, 3
        tally.weight = 0.25
        tally.releases["Shutdown"] += 1
        tally.states["controlled"] += 2
        tally.hands_off["Settling"] += 1
        tallies.ticked(0.004)
        registry = CollectorRegistry()
        registry.register(tallies)
        text = generate_latest(registry).decode()
        labels = 'group="high",node="node-1",slo="shop",slo_namespace="shop",workload="Deployment/cart"'
        for line in (
            f"flyball_agent_quota_core_seconds_total{{{labels}}} 12.5",
            f"flyball_agent_grant_core_seconds_total{{{labels}}} 0.0",
            f"flyball_agent_usage_core_seconds_total{{{labels}}} 0.0",
            f"flyball_agent_throttled_periods_total{{{labels}}} 0.0",
            f"flyball_agent_wall_periods_total{{{labels}}} 0.0",
            f"flyball_agent_waited_seconds_total{{{labels}}} 0.0",
            f"flyball_agent_weight_core_seconds_total{{{labels}}} 0.0",
            f"flyball_agent_request_core_seconds_total{{{labels}}} 0.0",
            f"flyball_agent_quota_cores{{{labels}}} 0.5",
            f"flyball_agent_weight_cores{{{labels}}} 0.25",
            f"flyball_agent_request_cores{{{labels}}} 0.0",
            f"flyball_agent_grant_cores{{{labels}}} 0.0",
            f"flyball_agent_target_ratio{{{labels}}} 0.0",
            f"flyball_agent_writes_total{{{labels}}} 3.0",
            f"flyball_agent_drift_total{{{labels}}} 0.0",
            "flyball_agent_releases_total{" + labels.replace(",slo=", ',reason="Shutdown",slo=') + "} 1.0",
            "flyball_agent_containers{" + labels.replace(",workload", ',state="controlled",workload') + "} 2.0",
            "flyball_agent_hands_off{" + labels.replace(",slo=", ',reason="Settling",slo=') + "} 1.0",
            'flyball_agent_ticks_late_total{node="node-1"} 0.0',
            'flyball_agent_tick_seconds_bucket{le="0.0025",node="node-1"} 0.0',
            'flyball_agent_tick_seconds_bucket{le="0.005",node="node-1"} 1.0',
            'flyball_agent_tick_seconds_count{node="node-1"} 1.0',
        ):
            assert line in text.splitlines()

    def test_a_reason_that_no_longer_applies_reads_zero_and_not_its_last_value(self) -> None:
        tallies = Tallies("n")
        tally = tallies.of(("a", "b", "c", "d"))
        tally.hands_off["Settling"] += 1
        tally.quota = tally.weight = 1.0
        tallies.begin()
        assert (tally.hands_off["Settling"], tally.quota, tally.weight) == (0, 0.0, 0.0)

    def test_a_workload_that_left_keeps_its_series_for_a_while(self) -> None:
        tallies = Tallies("n")
        tallies.of(("a", "b", "c", "d")).touched = 100.0
        tallies.prune(100.0 + KEEP_SECONDS)
        assert tallies.by_key
        tallies.prune(101.0 + KEEP_SECONDS)
        assert not tallies.by_key


class TestEndpoints:
    @pytest.mark.parametrize(
        ("synced", "behind", "ready", "healthy"),
        [(True, 0.0, 200, 200), (False, 0.0, 503, 200), (True, READY_INTERVALS + 1, 503, 200), (True, HEALTHY_INTERVALS + 1, 503, 503)],
    )
    async def test_ready_means_ticks_on_time_and_caches_filled(self, synced: bool, behind: float, ready: int, healthy: int) -> None:
        health = Health(1.0, lambda: synced)
        health.ticked -= behind
        server = Server(health, Tallies("n"))
        port = await server.start("127.0.0.1", 0)
        try:
            async with aiohttp.ClientSession() as session:
                statuses = []
                for path in ("readyz", "healthz", "metrics"):
                    async with session.get(f"http://127.0.0.1:{port}/{path}") as answer:
                        statuses.append(answer.status)
            assert statuses == [ready, healthy, 200]
        finally:
            await server.stop()
