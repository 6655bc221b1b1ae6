"""What the comparison runs: which policies on a cell, tuned how, and the row that each run becomes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace

from flyball.sim.policies.bandit import LADDER
from tests.benchmarks.cpu.candidates import Candidate
from tests.benchmarks.cpu.cells import Cell
from tests.benchmarks.cpu.page import figures_of, parameters, renewed
from tests.benchmarks.cpu.runs import Score, score, where
from tests.benchmarks.cpu.tune import Span, cheapest, staircase

SPANS = {
    "k8s-cpu": Span(0.10, 1.50),
    "k8s-cpu-fast": Span(0.10, 1.50),
    "vpa": Span(10.0, 1.0, 0.05),
    "static": Span(1.0, 0.05),
    "cpu-burst": Span(1.0, 0.05),
}
"""Of a peer's parameter."""
THRESHOLDS = ("k8s-cpu", "k8s-cpu-fast")
WITH_BURST = (*THRESHOLDS, "cpu-burst")
"""Peers compared under the burst allowance as well: CPUBurst's rule has one of its own."""
FIRST_SEED_ONLY = ("vpa", "static", "cpu-burst", "autothrottle-no-warm-up", "paper-pair", "our-pair")
"""Far from the best wherever they were looked at, or searched for on that seed alone: one says enough."""
SEARCH_SECONDS = 3900
"""Length of the runs that a search begins with: an hour beyond the settling."""
PER_CELL, ONE_TARGET, UNTUNED = "per-cell", "one-target", "none"


@dataclass(frozen=True, slots=True)
class Scope:
    """How much is run."""

    seconds: int
    seeds: tuple[int, ...]
    tuned: tuple[str, ...]
    untuned: tuple[str, ...]
    pairs: tuple[str, ...] = ()
    minutes_objective: bool = False
    classes: tuple[bool, ...] = (False, True)
    """Without the burst allowance, and with it."""

    def only(self, kinds: Sequence[str]) -> Scope:
        """The same, of these policies alone."""
        tuned, untuned, pairs = (tuple(kind for kind in its if kind in kinds) for its in (self.tuned, self.untuned, self.pairs))
        return replace(self, tuned=tuned, untuned=untuned, pairs=pairs)

    def of(self, cell: Cell) -> Scope:
        """What of it is run on a cell: on random applications the baselines and ours on one seed, since inference draws from applications, and
        without the burst allowance, which the inference is about."""
        if not cell.application.startswith("random-"):
            return self
        return replace(self.only((*THRESHOLDS, "flyball")), seeds=self.seeds[:1], minutes_objective=False, classes=(False,))

    def seeds_of(self, kind: str) -> tuple[int, ...]:
        return self.seeds[:1] if kind in FIRST_SEED_ONLY else self.seeds


FULL = Scope(
    3 * 3600,
    (1, 2, 3),
    tuple(SPANS),
    ("flyball", "flyball-every-minute", "flyball-bandit", "autothrottle", "autothrottle-no-warm-up"),
    ("paper-pair", "our-pair"),
    minutes_objective=True,
)
QUICK = Scope(SEARCH_SECONDS, (1,), ("k8s-cpu-fast",), ("flyball", "autothrottle-no-warm-up"))


@dataclass(frozen=True, slots=True)
class Row:
    """One run of one policy."""

    application: str
    trace: str
    holdout: bool
    policy: str
    parameters: tuple[float, ...]
    tuning: str
    burst: bool
    objective: str
    met: bool
    seed: int
    score: Score = field(repr=False)
    variant: str = ""
    key: str = ""
    """Name under which the score is kept."""

    def as_json(self) -> dict[str, object]:
        """Keys as the report has them; what is not known is null."""
        row = {key: value for key, value in asdict(self).items() if key not in ("score", "burst")}
        marked = {"renewed": True} if renewed(self.key) else {}
        return row | {"class": "burst" if self.burst else "no-burst"} | figures_of(self.score) | marked


def of_cell(cell: Cell, scope: Scope) -> list[Row]:
    """Everything on a cell that needs no other cell."""
    rows: list[Row] = []
    for burst in scope.classes:
        kinds = scope.tuned if not burst else tuple(kind for kind in scope.tuned if kind in WITH_BURST)
        for kind in kinds:
            rows += tuned(cell, kind, scope, burst=burst, objective="H")
        if scope.minutes_objective and not burst and "k8s-cpu-fast" in scope.tuned:
            rows += tuned(cell, "k8s-cpu-fast", scope, burst=False, objective="M")
        for kind in scope.pairs if not burst else ():
            rows += pair(cell, kind, scope)
        for kind in scope.untuned if not burst else tuple(kind for kind in scope.untuned if kind == "flyball"):
            rows += runs(cell, Candidate(kind), scope, burst=burst, objective="H", tuning=UNTUNED)
    return rows


def of_variant(cell: Cell, scope: Scope) -> list[Row]:
    """A cell with one thing changed, on the first seed: the product, and the baselines tuned to it where the change concerns them. Nodes with little
    room are compared with the burst allowance on both sides."""
    scope = replace(scope, seeds=scope.seeds[:1])
    burst = cell.contention > 0
    rows: list[Row] = []
    if cell.contention or cell.slack:
        for kind in scope.tuned:
            if kind in THRESHOLDS:
                rows += tuned(cell, kind, scope, burst=burst, objective="H")
    if "flyball" in scope.untuned:
        rows += runs(cell, Candidate("flyball"), scope, burst=burst, objective="H", tuning=UNTUNED)
    return rows


def tuned(cell: Cell, kind: str, scope: Scope, *, burst: bool, objective: str) -> list[Row]:
    """A peer at the cheapest parameter that meets the objective on all seeds of the cell; no rows where none does."""
    seeds, short = scope.seeds_of(kind), min(SEARCH_SECONDS, scope.seconds)

    def meets(value: float, seeds: Sequence[int], seconds: int) -> bool:
        return all(score(Candidate(kind, (value,)), cell, seed, burst=burst, seconds=seconds).meets(objective) for seed in seeds)

    def search() -> tuple[float, ...] | None:
        best = cheapest(lambda value: meets(value, seeds[:1], short), SPANS[kind])
        if scope.seconds > short or len(seeds) > 1:
            best = cheapest(lambda value: meets(value, seeds, scope.seconds), SPANS[kind], SPANS[kind].safe if best is None else best)
        return None if best is None else (best,)

    return _at_its_best(cell, kind, scope, search, burst=burst, objective=objective)


def pair(cell: Cell, kind: str, scope: Scope) -> list[Row]:
    """The best fixed pair in hindsight, without burst, searched on short runs of the first seed; one that then misses on the whole shows as such."""

    def cost(heavy: float, light: float) -> float:
        got = score(Candidate(kind, (heavy, light)), cell, scope.seeds[0], burst=False, seconds=min(SEARCH_SECONDS, scope.seconds))
        return got.cores if got.meets("H") else math.inf

    return _at_its_best(cell, kind, scope, lambda: staircase(cost, LADDER), burst=False, objective="H")


def _at_its_best(
    cell: Cell, kind: str, scope: Scope, search: Callable[[], tuple[float, ...] | None], *, burst: bool, objective: str
) -> list[Row]:  # fmt: skip
    """Rows of a peer at what the page knows of this very cell, and else at what a search finds."""
    best = parameters(cell, kind, scope.seeds_of(kind), burst=burst, objective=objective, tuning=PER_CELL, seconds=scope.seconds) or search()
    return [] if best is None else runs(cell, Candidate(kind, best), scope, burst=burst, objective=objective, tuning=PER_CELL)


def one_target(cells: Sequence[Cell], rows: Sequence[Row], scope: Scope) -> list[Row]:
    """K8s-CPU and Fast at one target for all cells of an application: the lowest that any of them called for."""
    made: list[Row] = []
    for kind in THRESHOLDS:
        for burst in (False, True):
            called = [
                row.parameters[0] for row in rows if (row.policy, row.burst, row.objective, row.tuning) == (kind, burst, "H", PER_CELL)
            ]  # fmt: skip
            if called:
                candidate = Candidate(kind, (min(called),))
                for cell in cells:
                    made += runs(cell, candidate, scope, burst=burst, objective="H", tuning=ONE_TARGET)
    return made


def runs(cell: Cell, candidate: Candidate, scope: Scope, *, burst: bool, objective: str, tuning: str) -> list[Row]:
    """A row a seed."""
    rows = []
    about = (cell.application, cell.trace, cell.holdout, candidate.kind, candidate.params, tuning, burst, objective)
    for seed in scope.seeds_of(candidate.kind):
        got = score(candidate, cell, seed, burst=burst, seconds=scope.seconds)
        key = where(candidate, cell, seed, burst=burst, seconds=scope.seconds).stem
        rows.append(Row(*about, got.meets(objective), seed, got, cell.variant, key))
    return rows
