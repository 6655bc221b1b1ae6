"""The comparison on paper: a table for the terminal, cpu.json, and docs/benchmarks/cpu.md with its plots."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from flyball.cli.table import table
from tests.benchmarks.cpu import svg
from tests.benchmarks.cpu.plan import ONE_TARGET, PER_CELL, THRESHOLDS, UNTUNED, Row
from tests.benchmarks.cpu.summary import COMPARED, OURS, Beside, beside, best, mean_cores, one_target, savings

HEADER = ("application", "trace", "class", "policy", "tuned", "H", "M", "cores", "used", "requested", "worst hour %", "minutes over", "worst p99")
SHORT = ("application", "trace", "class", "Flyball", "(a)", "(b)", "Autothrottle", "oracle pair", "worst hour %", "minutes over")
BESIDE = ("autothrottle", "paper-pair")
VARIANTS = ("flyball-every-minute", "flyball-bandit")
ASKED: dict[str, tuple[bool, float]] = {
    "objective_met_share": (True, 1.0),
    "objective_m_met_share": (True, 1.0),
    "saving_vs_tuned_per_cell_mean_percent": (True, 8.0),
    "saving_vs_tuned_per_cell_min_percent": (True, -2.0),
    "saving_vs_one_target_mean_percent": (True, 17.0),
    "saving_with_burst_vs_one_target_mean_percent": (True, 30.0),
    "class_burst_saving_vs_one_target_mean_percent": (True, 10.0),
    "class_burst_saving_vs_tuned_per_cell_mean_percent": (True, 5.0),
    "cores_ratio_vs_autothrottle_h": (False, 0.87),
    "cores_ratio_vs_autothrottle_m": (False, 0.92),
    "cores_ratio_vs_oracle_pair": (False, 1.0),
    "cores_ratio_vs_oracle_pair_ours": (False, 1.03),
    "first_hour_met_share": (True, 1.0),
    "from_zero_cores_ratio": (False, 1.05),
    "long_run_hours_over_percent": (False, 1.0),
    "worst_minute_within_3_share": (True, 1.0),
    "random_apps_saving_ci90_low_percent": (True, 0.0),
    **{f"nodes_{share}_percent_full_met_share": (True, 1.0) for share in (60, 80, 95)},
    **{f"nodes_{share}_percent_full_saving_vs_tuned_per_cell_mean_percent": (True, 5.0) for share in (60, 80, 95)},
    **{f"signals_{seconds}_s_late_met_share": (True, 1.0) for seconds in (60, 180)},
    **{f"slack_{slack}_met_share": (True, 1.0) for slack in ("1_5", "2_5", "4")},
}
"""What the figures were to reach: at least (True) or at most (False)."""
BASELINES = {"k8s-cpu": "K8s-CPU", "k8s-cpu-fast": "K8s-CPU-Fast"}
TUNINGS = {PER_CELL: "per cell", ONE_TARGET: "one target", UNTUNED: ""}


def lines(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """A line for each policy on each cell: means over seeds, the worst of them for the objective."""
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.application, row.trace, row.variant, row.burst, row.tuning, row.policy, row.objective), []).append(row)
    made = []
    for its in groups.values():
        first, scores = its[0], [row.score for row in its]
        parameters = "/".join(f"{value:.2f}" for value in first.parameters)
        made.append(
            (
                first.application, ", ".join(filter(None, (first.trace, first.variant))), "burst" if first.burst else "",
                f"{first.policy} {parameters}".strip(),
                TUNINGS[first.tuning] + (" (M)" if first.objective == "M" else ""), _yes(all(score.meets("H") for score in scores)),
                _yes(all(score.meets("M") for score in scores)), _mean([score.cores for score in scores]),
                _mean([score.cores_used for score in scores]),
                _mean([score.requested_cores for score in scores]), f"{100 * max(score.worst_hour for score in scores):.2f}",
                str(max(score.minutes_over for score in scores)), _worst([score.worst_minute_ratio for score in scores]),
            )
        )  # fmt: skip
    return made


def short(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """A line for each cell as it is, class by class: cores of ours, of the best peers, and what ours saves against them."""
    rows = [row for row in rows if not row.variant]
    made = []
    for burst in (False, True):
        ours, theirs, one = mean_cores(rows, OURS, burst=burst), best(rows, PER_CELL, burst=burst), one_target(rows, burst=burst)
        others = [beside(rows, policy, burst=burst) for policy in BESIDE]
        for cell, cores in ours.items():
            its = [row.score for row in rows if (row.policy, row.burst, row.application, row.trace) == (OURS, burst, *cell)]
            found = [Beside(cores, peer[cell]) if cell in peer else None for peer in (theirs, one)] + [peer.get(cell) for peer in others]
            against = [f"{one.theirs:.2f} ({100 * (1 - one.ratio):+.1f} %)" if one else "-" for one in found]
            worst = f"{100 * max(score.worst_hour for score in its):.2f}"
            made.append((*cell, "burst" if burst else "", f"{cores:.2f}", *against, worst, str(max(score.minutes_over for score in its))))
    return made


def judged(figures: Mapping[str, float | None]) -> list[tuple[str, ...]]:
    """Each figure with what was asked of it, and whether it is met."""
    made = []
    for key, value in figures.items():
        asked = ASKED.get(key.removesuffix("_holdout"))
        bound = "" if asked is None else f"{'>=' if asked[0] else '<='} {asked[1]:g}"
        met = "" if asked is None or value is None else _yes(value >= asked[1] if asked[0] else value <= asked[1])
        made.append((f"`{key}`", _figure(value), bound, met))
    return made


def unmet(figures: Mapping[str, float | None]) -> list[str]:
    """Sentences on figures that miss what was asked of them."""
    return [f"{key} is {value} where {bound} was asked." for key, value, bound, met in judged(figures) if met == _yes(False)]


def losses(rows: Sequence[Row]) -> list[str]:
    """Sentences on what fell short, or one that says that nothing did."""
    said = [f"{variant}: the baselines meet the objective at no target." for variant in _unmet_by_baselines(rows)]
    rows = [row for row in rows if not row.variant]
    if not any(row.policy == OURS for row in rows):
        return ["Flyball was not among the policies that were run."]
    for burst in (False, True):
        name = "with burst" if burst else "without burst"
        for cell, saving in savings(mean_cores(rows, OURS, burst=burst), best(rows, PER_CELL, burst=burst)).items():
            if saving < 0:
                said.append(f"{'/'.join(cell)} {name}: Flyball uses {-saving:.1f} % more cores than the peer tuned in hindsight.")
    for policy in dict.fromkeys(row.policy for row in rows if row.objective == "H" and row.policy not in (*THRESHOLDS, *VARIANTS, OURS)):
        for burst in (False, True):
            for cell, two in beside(rows, policy, burst=burst, met=True).items():
                if two.ratio > 1:
                    name = " with burst" if burst else ""
                    said.append(f"{'/'.join(cell)}{name}: Flyball uses {100 * (two.ratio - 1):.1f} % more cores than {policy}.")
    for row in rows:
        if row.policy == OURS and not row.met:
            name = "with burst" if row.burst else "without burst"
            share = 100 * row.score.worst_hour
            said.append(f"{row.application}/{row.trace} {name}, seed {row.seed}: Flyball's worst hour has {share:.2f} % slow requests (1 allowed).")
    return said or ["No cell is worse than the tuned peer and none misses its objective."]


def _unmet_by_baselines(rows: Sequence[Row]) -> list[str]:
    """Changes under which baselines were tuned and none could be."""
    tuned = {row.variant for row in rows if row.tuning == PER_CELL}
    return [variant for variant in dict.fromkeys(row.variant for row in rows) if variant in COMPARED and tuned & COMPARED and variant not in tuned]


def _baselines(rows: Sequence[Row]) -> str:
    """Which Kubernetes baselines (a) and (b) choose from, on cells that were chosen on and on those held out."""
    said = []
    for holdout, where in ((False, ""), (True, " on cells held out")):
        kinds = [kind for kind in THRESHOLDS if any(row.policy == kind and row.holdout == holdout and not row.variant for row in rows)]
        names = [BASELINES[kind] for kind in kinds]
        if names:
            said.append((f"the cheaper of {' and '.join(names)}" if len(names) > 1 else names[0]) + where)
    return ", ".join(said) or "none was run"


def _renewed(rows: Sequence[Row]) -> list[str]:
    """What is to be known of rows that were not run again after a change of code."""
    marked = [row for row in rows if row.as_json().get("renewed")]
    if not marked:
        return []
    counts = {policy: sum(row.policy == policy for row in marked) for policy in dict.fromkeys(row.policy for row in marked)}
    listed = ", ".join(f"{count} of {policy}" for policy, count in counts.items())
    return [
        "",
        f"After changes of code that concern none of these figures {listed} were not run again; a sample was, and agreed to the last bit (`renew`).",
    ]


def terminal(rows: Sequence[Row], figures: Mapping[str, float | None]) -> str:
    text = [table(HEADER, lines(rows)), "", table(("summary", "value"), [(key, _figure(value)) for key, value in figures.items()])]
    return "\n".join([*text, "", *unmet(figures), *losses(rows)])


def write_json(path: Path, rows: Sequence[Row], figures: Mapping[str, float | None], scope: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"scope": scope, "summary": figures, "rows": [row.as_json() for row in rows]}
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_page(folder: Path, rows: Sequence[Row], figures: Mapping[str, float | None], scope: Mapping[str, object]) -> None:
    """docs/benchmarks/cpu.md and its plots. Generated: edit this file, not the page."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cpu-savings.svg").write_text(svg.bars("Cores saved, %", _bars(rows)))
    example = _example(rows)
    if example:
        (folder / "cpu-run.svg").write_text(svg.curves(*example))
    page = [
        "# CPU control compared",
        "",
        f"Generated by `{scope.get('command', 'make bench SUITE=cpu')}`; the rules are those of `tests/benchmarks/cpu`.",
        "Figures of what was not run are missing. `FROM_PAGE=1`: rows that nothing has changed for were taken over from this page as it was before.",
        *_renewed(rows),
        "",
        "Scope: " + ", ".join(f"{key} {value}" for key, value in scope.items() if key != "command") + ".",
        "",
        "H: at most 1 % slow requests in every minute-aligned sliding hour. M: H, and at most 5 % of minutes with their own p99 over the objective.",
        "All policies share one grant per container, twice its peak. `per cell`: tuned in hindsight to .01 on that application and trace, all seeds;",
        "`one target`: the lowest target that any trace of the application called for. `..._m_all_cells`: the variant for M against Autothrottle on",
        "all cells, whoever has more minutes over in one of them, with the minutes of both; without it those cells alone in which ours has no more.",
        "`use_saving...`: what quotas equal to the CPU time used would save. `named_apps...`: without the random applications. `from_zero...`:",
        "minutes 20 to 60 against the same minutes of the trace an hour later, on so many runs.",
        "",
        "![Savings](cpu-savings.svg)",
        "",
        *_table(("figure", "value", "asked", "met"), judged(figures)),
        "",
        "## Cell by cell",
        "",
        f"Mean cores, and in brackets what Flyball saves against them. (a): {_baselines(rows)}, tuned to the cell in hindsight;",
        "(b): at the one target that is safe on all of the application's traces; Autothrottle after its twelve hours of warm-up; oracle pair: the",
        "best fixed pair of targets in hindsight under the paper's Captain, against Flyball on the pair's seed. Flyball begins from zero knowledge",
        "and has no parameter of a cell.",
        "",
        *_table(SHORT, short(rows)),
        "",
        "## Where it falls short",
        "",
        *(f"- {sentence}" for sentence in (*unmet(figures), *losses(rows))),
        "",
        "Why, and what was tried: [the captain](../designs/0008-cpu-control.md), [the tower](../designs/0004-tower.md).",
        "",
        *(["## One run", "", "![Cores and latency of one run](cpu-run.svg)", ""] if example else []),
        "## All rows",
        "",
        *_table(HEADER, lines(rows)),
    ]
    (folder / "cpu.md").write_text("\n".join(page) + "\n")


def _bars(rows: Sequence[Row]) -> list[tuple[str, list[tuple[str, float]]]]:
    """Per cell: savings against (a) and (b), and of the product row against (b)."""
    ours, with_burst = mean_cores(rows, OURS, burst=False), mean_cores(rows, OURS, burst=True)
    one = one_target(rows, burst=False)
    series = {
        "against (a), tuned per cell": savings(ours, best(rows, PER_CELL, burst=False)),
        "against (b), one safe target": savings(ours, one),
        "with burst against (b) without": savings(with_burst, one),
    }
    cells = sorted({cell for its in series.values() for cell in its})
    return [("/".join(cell), [(name, its[cell]) for name, its in series.items() if cell in its]) for cell in cells]


def _example(rows: Sequence[Row]) -> tuple[str, list[tuple[str, Sequence[float]]], list[tuple[str, Sequence[float]]]] | None:
    """Cores and p99 by minute of the first cell: ours, and the tuned fast peer; of neither when its row was taken over without its minutes."""
    wanted = ((OURS, UNTUNED), ("k8s-cpu-fast", PER_CELL))
    first = (rows[0].application, rows[0].trace, rows[0].seed)
    shown = [row for row in rows if not row.burst and row.objective == "H" and (row.policy, row.tuning) in wanted]
    shown = [row for row in shown if (row.application, row.trace, row.seed) == first and row.score.quota_by_minute]
    if not shown:
        return None
    title = f"{rows[0].application}, {rows[0].trace}, seed {rows[0].seed}"
    cores = [(row.policy, row.score.quota_by_minute) for row in shown]
    return title, cores, [(row.policy, row.score.p99_by_minute) for row in shown]


def _table(header: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(header) + " |", "|" + "---|" * len(header), *("| " + " | ".join(line) + " |" for line in body)]


def _yes(met: bool) -> str:
    return "yes" if met else "no"


def _mean(values: Sequence[float]) -> str:
    return f"{float(np.mean(values)):.2f}" if all(map(math.isfinite, values)) else "-"


def _worst(values: Sequence[float]) -> str:
    return f"{max(values):.2f}" if all(map(math.isfinite, values)) else "-"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
