"""The comparison's rules: what a kept result depends on, what each policy may read, and that cells held out decide nothing elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flyball.sim.policies import Static
from flyball.sim.policy import Facts, Quotas, Samples, SlowObservation
from flyball.slo import Ledger, Objective
from tests.benchmarks.cpu import candidates, kept, plan, report
from tests.benchmarks.cpu.candidates import Candidate, code, settings
from tests.benchmarks.cpu.cells import CONTENTION, LAGS, SLACKS, VARIED, Cell, cells, variants
from tests.benchmarks.cpu.disturbances import GAP_SECONDS, ONSET, Deaf, echo
from tests.benchmarks.cpu.plan import FULL, ONE_TARGET, PER_CELL, UNTUNED, Row
from tests.benchmarks.cpu.runs import Score
from tests.benchmarks.cpu.summary import summary

CELL = Cell("social-network/diurnal", "social-network", "diurnal", False, 20.0)
SCORE = Score(True, 10.0, 5.0, 11.0, 0.005, 2, 180, 1.2, 0.004, 9.0, 10.0, 0.5, 1.0, 20.0, 3.0, (10.0, 9.0), (0.8, 1.1))


def row(policy: str, cores: float, tuning: str, *, trace: str = "diurnal", holdout: bool = False, burst: bool = False, variant: str = "") -> Row:
    return Row("a", trace, holdout, policy, (0.5,), tuning, burst, "H", True, 1, replace(SCORE, cores=cores), variant)


def test_a_kept_result_is_found_by_its_parts_and_by_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path / "deep")
    here = kept.place("score", ["a", 1])
    assert kept.read(here) is None
    kept.keep(here, {"cores": 1.5})
    assert kept.read(kept.place("score", ["a", 1])) == {"cores": 1.5}
    assert kept.read(kept.place("score", ["a", 2])) is None
    assert [path.name for path in (tmp_path / "deep").iterdir()] == [here.name]


def test_when_the_time_is_over_what_is_kept_is_still_found_and_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    kept.keep(kept.place("score", ["a"]), 1)
    monkeypatch.setattr(kept, "SECONDS", -1.0)
    assert kept.read(kept.place("score", ["a"])) == 1
    with pytest.raises(kept.OutOfTime):
        kept.read(kept.place("score", ["b"]))


@pytest.mark.parametrize("kind", candidates.FILES)
def test_a_change_of_the_product_makes_its_own_results_anew_and_no_peers(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    package = tmp_path / "operator" / "flyball"
    for folder in ("sim/policies", "cpu", "slo"):
        (package / folder).mkdir(parents=True)
    for name in {name for names in candidates.FILES.values() for name in names}:
        (package / "sim" / "policies" / name).write_text(name)
    for name in ("sim/bridge.py", "sim/engine.py", "cpu/captain.py", "slo/budget.py"):
        (package / name).write_text(name)
    monkeypatch.setattr(candidates, "ROOT", tmp_path)
    request.addfinalizer(code.cache_clear)
    request.addfinalizer(candidates.engine.cache_clear)

    def now() -> str:
        code.cache_clear()
        candidates.engine.cache_clear()
        return code(kind)

    before = now()
    for name in ("cpu/captain.py", "slo/budget.py", "sim/bridge.py", "sim/policies/flyball.py"):
        (package / name).write_text("another")
    assert (now() == before) == (kind not in candidates.OURS)
    before = now()
    (package / "sim" / "engine.py").write_text("another")
    assert now() != before


def test_every_policy_of_the_full_scope_names_the_files_it_depends_on() -> None:
    for kind in (*FULL.tuned, *FULL.untuned, *FULL.pairs):
        assert len(code(kind)) == 128


def test_autothrottle_reads_its_minute_at_its_end_and_all_others_late() -> None:
    theirs, ours = (settings(Candidate(kind), CELL, burst=False) for kind in ("autothrottle", "flyball"))
    assert (theirs.lag_seconds, theirs.scrape_seconds, theirs.lookback_seconds) == (0.0, 1.0, 60.0)
    assert (ours.lag_seconds, ours.scrape_seconds) == (15.0, 15.0)
    assert settings(Candidate("flyball"), replace(CELL, lag=180.0), burst=False).lag_seconds == 180.0
    assert settings(Candidate("flyball"), replace(CELL, contention=0.8), burst=True).contention


def test_one_thing_is_varied_at_a_time_on_tuning_cells_alone() -> None:
    made = variants()
    assert {cell.application for cell in made} == {VARIED} and not any(cell.holdout for cell in made)
    plain = {cell.trace: cell for cell in cells(holdout=False) if cell.application == VARIED}
    changed = [
        [getattr(cell, name) for name in ("contention", "lag", "slack") if getattr(cell, name) != getattr(plain[cell.trace], name)] for cell in made
    ]
    assert all(len(its) == 1 for its in changed)
    assert sorted({its[0] for its in changed}) == sorted({*CONTENTION, *LAGS, *SLACKS})
    assert len({(cell.trace, cell.variant) for cell in made}) == len(made) and all(cell.variant for cell in made)


def test_a_varied_cell_counts_in_its_own_keys_alone() -> None:
    rows = [row("flyball", 8.0, UNTUNED), row("k8s-cpu", 10.0, PER_CELL)]
    varied = [
        row("flyball", 9.0, UNTUNED, burst=True, variant="nodes 80 % full"),
        row("k8s-cpu", 10.0, PER_CELL, burst=True, variant="nodes 80 % full"),
    ]
    figures = summary(rows + varied)
    assert figures["saving_vs_tuned_per_cell_mean_percent"] == pytest.approx(20.0)
    assert figures["class_burst_saving_vs_tuned_per_cell_mean_percent"] is None
    assert figures["nodes_80_percent_full_saving_vs_tuned_per_cell_mean_percent"] == pytest.approx(10.0)
    assert figures["nodes_80_percent_full_met_share"] == 1.0


def test_the_page_shows_each_saving_beside_what_it_is_against_and_each_figure_beside_what_was_asked() -> None:
    rows = [
        row("flyball", 9.0, UNTUNED),
        row("k8s-cpu-fast", 10.0, PER_CELL),
        row("k8s-cpu-fast", 12.0, ONE_TARGET),
        row("autothrottle", 8.0, UNTUNED),
    ]
    (line,) = report.short(rows)
    assert dict(zip(report.SHORT, line, strict=True)).items() >= {
        "Flyball": "9.00", "(a)": "10.00 (+10.0 %)", "(b)": "12.00 (+25.0 %)", "Autothrottle": "8.00 (-12.5 %)", "oracle pair": "-",
    }.items()  # fmt: skip
    said = {key: (asked, met) for key, _, asked, met in report.judged(summary(rows))}
    assert said["`saving_vs_tuned_per_cell_mean_percent`"] == (">= 8", "yes")
    assert said["`cores_ratio_vs_autothrottle_h`"] == ("<= 0.87", "no")
    assert said["`long_run_hours_over_percent`"] == ("<= 1", "")  # not run: neither met nor missed


def test_a_loss_to_any_other_peer_is_said_where_it_met_the_objective() -> None:
    ours, static = row("flyball", 10.0, UNTUNED), row("static", 9.9, PER_CELL)
    assert report.losses([ours, static]) == ["a/diurnal: Flyball uses 1.0 % more cores than static."]
    assert (
        report.losses([ours, replace(static, met=False)]) == report.losses([ours, replace(static, policy="flyball-bandit")]) == report.losses([ours])
    )


def test_a_pair_is_compared_on_the_seeds_that_it_was_run_on() -> None:
    ours = [replace(row("flyball", cores, UNTUNED), seed=seed) for seed, cores in ((1, 8.0), (2, 20.0))]
    figures = summary([*ours, row("paper-pair", 10.0, PER_CELL)])
    assert figures["cores_ratio_vs_oracle_pair"] == pytest.approx(0.8)
    assert figures["cores_ratio_vs_oracle_pair_ours"] is None


def test_cells_held_out_do_not_choose_the_kind_of_the_one_target() -> None:
    rows = [row("flyball", 8.0, UNTUNED), row("k8s-cpu", 10.0, ONE_TARGET), row("k8s-cpu-fast", 12.0, ONE_TARGET)]
    held = [row("k8s-cpu", 99.0, ONE_TARGET, trace="bursty", holdout=True), row("k8s-cpu-fast", 1.0, ONE_TARGET, trace="bursty", holdout=True)]
    assert summary(rows)["saving_vs_one_target_mean_percent"] == pytest.approx(20.0)
    assert summary(rows + held)["saving_vs_one_target_mean_percent"] == pytest.approx(20.0)


def test_the_one_target_is_the_lowest_that_a_cell_of_the_call_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def fake(cell: Cell, candidate: Candidate, scope: plan.Scope, **_: object) -> list[Row]:
        asked.append((cell.trace, candidate.params[0]))
        return []

    monkeypatch.setattr(plan, "runs", fake)
    rows = [replace(row("k8s-cpu", 1.0, PER_CELL, trace=trace), parameters=(target,)) for trace, target in (("diurnal", 0.8), ("noisy", 0.7))]
    plan.one_target([CELL, replace(CELL, trace="noisy")], rows, FULL)
    assert asked == [("diurnal", 0.7), ("noisy", 0.7)]


def test_a_scope_can_be_cut_to_some_policies_and_to_what_random_applications_need() -> None:
    fast = FULL.only(["k8s-cpu-fast", "paper-pair"])
    assert (fast.tuned, fast.untuned, fast.pairs) == (("k8s-cpu-fast",), (), ("paper-pair",))
    random = FULL.of(Cell("random-01/noisy", "random-01", "noisy", True, 5.0))
    assert (random.tuned, random.untuned, random.pairs, random.seeds) == (("k8s-cpu", "k8s-cpu-fast"), ("flyball",), (), (1,))
    assert fast.of(Cell("random-01/noisy", "random-01", "noisy", True, 5.0)).tuned == ("k8s-cpu-fast",)
    assert FULL.of(CELL) is FULL


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (replace(CELL, contention=0.8), [("k8s-cpu", True), ("k8s-cpu-fast", True), ("flyball", True)]),
        (replace(CELL, slack=1.5), [("k8s-cpu", False), ("k8s-cpu-fast", False), ("flyball", False)]),
        (replace(CELL, lag=60.0), [("flyball", False)]),
    ],
    ids=["contention", "slack", "lag"],
)
def test_baselines_are_tuned_to_a_change_that_concerns_them(cell: Cell, expected: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, bool]] = []

    def tuned(cell: Cell, kind: str, scope: plan.Scope, *, burst: bool, objective: str) -> list[Row]:
        asked.append((kind, burst))
        assert scope.seeds == (1,) and objective == "H"
        return []

    def runs(cell: Cell, candidate: Candidate, scope: plan.Scope, *, burst: bool, **_: object) -> list[Row]:
        return tuned(cell, candidate.kind, scope, burst=burst, objective="H")

    monkeypatch.setattr(plan, "tuned", tuned)
    monkeypatch.setattr(plan, "runs", runs)
    plan.of_variant(cell, FULL)
    assert asked == expected


class Listener(Static):
    """Keeps what it was told."""

    def __init__(self) -> None:
        super().__init__(1.0)
        self.heard: list[float] = []

    def start(self, facts: Facts) -> Quotas | None:
        return None

    def fast(self, samples: Samples) -> Quotas | None:
        return None

    def slow(self, observation: SlowObservation) -> None:
        self.heard.append(observation.total)


def test_while_prometheus_is_away_a_policy_reads_nothing(observation: Callable[[float], SlowObservation]) -> None:
    listener = Listener()
    deaf = Deaf(listener)
    for now in (ONSET - 15.0, float(ONSET), ONSET + GAP_SECONDS - 15.0, float(ONSET + GAP_SECONDS)):
        deaf.slow(observation(now))
    assert [math.isnan(value) for value in listener.heard] == [False, True, True, False]


@pytest.fixture
def observation() -> Callable[[float], SlowObservation]:
    budget = Ledger(Objective("requests", 0.99, 0.1, 3600.0)).budget(1_800_000_000.0)
    one = np.ones(1)
    return lambda now: SlowObservation(now, 10.0, 10.0, 1.0, 0.05, 60.0, 20.0, budget, one, one, one, one)


def test_an_echo_is_a_change_when_the_bad_minute_leaves_the_hour() -> None:
    total = np.full(ONSET + 5 * 3600, 10.0)
    assert echo(total) == pytest.approx(0.0)
    total[ONSET + 3600 :] = 8.0
    assert echo(total) == pytest.approx(-20.0)
    assert echo(total[: ONSET + 1800]) is None
