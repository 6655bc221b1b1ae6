"""The page and the text of `flyball forecast`: actual, forecast and band; replicas of each way of choosing them; skill by distance."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flyball.cli.table import table
from flyball.crosscheck.compared import Compared
from flyball.replicas.backtest import Backtest

WIDTH, HEIGHT, MARGIN = 960, 240, 46
POINTS = 1400
"""Points of a line: more than pixels adds nothing but bytes."""
COLOURS = ("#1b6ca8", "#c2571a", "#6b6b6b")
STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{padding:.25em .8em;text-align:right;border-bottom:1px solid #ddd}"
    "td:first-child,th:first-child{text-align:left}svg{width:100%;height:auto}text{font-size:12px;fill:#555}"
)


@dataclass(frozen=True, slots=True)
class Second:
    """What Theta on logs would have done, every 31 minutes."""

    horizons: Mapping[int, Compared]
    minutes: int
    """Minutes ahead at which both were asked for the same minutes: until a replica is ready."""
    count: int
    ours: float
    """Summed absolute error of the forecast over those minutes."""
    theirs: float

    @property
    def sentence(self) -> str:
        fits = max(its.count for its in self.horizons.values())
        return (
            f"Theta on logs (statsmodels, five-minute means), fitted anew at {fits} moments, has their skill in the last column; the others "
            "are over all minutes. "
            f"{self.minutes} min ahead, on the same {self.count} minutes, it erred {self.theirs / max(self.count, 1):.4g} "
            f"and the forecast {self.ours / max(self.count, 1):.4g}."
        )


def summary(result: Backtest, capacity: float, ready_after: float, quantile: float, second: Second | None = None) -> str:
    """The result as text."""
    parts = [result.verdict, ""]
    parts += [table(("AHEAD", "ERROR", "SKILL", f"COVERED ({quantile:g} % WANTED)", *(["THETA"] if second else [])), _skills(result, second)), ""]
    parts += [second.sentence, ""] if second else []
    parts += [f"Replicas that carry {capacity:g} each and are ready after {ready_after:g} s, over {len(result.times) / 60:.0f} hours:"]
    parts += [table(("WITH", "REPLICA HOURS", "MINUTES TOO FEW", "UNSERVED"), _outcomes(result))]
    return "\n".join(parts)


def page(result: Backtest, title: str, capacity: float, ready_after: float, quantile: float, second: Second | None = None) -> str:
    """The result as a page that needs nothing else."""
    demand = _plot(result.times, [("actual", result.actual), ("forecast", result.point)], "demand per second", band=(result.point, result.upper))
    replicas = _plot(result.times, [(its.name, [float(each) for each in its.replicas]) for its in result.outcomes], "replicas")
    when = f"{ready_after:g} s"
    return "\n".join(
        [
            f"<!doctype html><html lang=en><meta charset=utf-8><title>Forecast of {html.escape(title)}</title><style>{STYLE}</style>",
            f"<h1>Forecast</h1><p><code>{html.escape(title)}</code></p><p>{html.escape(result.verdict)}</p>",
            f"<h2>Demand, and what was expected of it {when} before; the band reaches up to the {quantile:g} % quantile</h2>{demand}",
            f"<h2>Replicas that carry {capacity:g} a second each</h2>{replicas}",
            _html_table(("", "replica hours", "minutes too few", "unserved"), _outcomes(result)),
            "<h2>How good it was</h2>",
            _html_table(
                ("ahead", "mean error", "skill", f"covered ({quantile:g} % wanted)", *(["Theta"] if second else [])), _skills(result, second)
            ),
            f"<p>{second.sentence}</p>" if second else "",
            "<p>Skill: how much smaller the error is than that of the better of last value and yesterday's value. "
            "Every forecast was made from nothing later than its minute; the first day is not scored.</p></html>",
        ]
    )


def _skills(result: Backtest, second: Second | None) -> list[tuple[str, ...]]:
    def share(part: float, whole: int) -> str:
        return f"{part / whole:.1%}" if whole else "-"

    return [
        (
            f"{minutes} min",
            f"{score.ours / score.count:.4g}" if score.count else "-",
            _percent(score.skill),
            share(score.covered, score.count),
            *([_percent(second.horizons[minutes].skill)] if second else []),
        )
        for minutes, score in result.scores.items()
    ]


def _percent(skill: float) -> str:
    return f"{skill:+.0%}" if math.isfinite(skill) else "-"


def _outcomes(result: Backtest) -> list[tuple[str, ...]]:
    return [(its.name, f"{its.replica_hours:.1f}", str(int(its.short_minutes)), f"{its.unserved:.3%}") for its in result.outcomes]


def _html_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _plot(
    times: Sequence[float], lines: Sequence[tuple[str, Sequence[float]]], unit: str, band: tuple[Sequence[float], Sequence[float]] | None = None
) -> str:
    every = max(1, len(times) // POINTS)
    shown = range(0, len(times), every)
    values = [
        value for _, line in (*lines, *((("", band[1]),) if band else ())) for value in (line[index] for index in shown) if math.isfinite(value)
    ]
    top = max(values, default=1.0) or 1.0
    start, length = times[0], max(1.0, times[-1] - times[0])

    def at(index: int, value: float) -> str:
        x = MARGIN + (WIDTH - MARGIN) * (times[index] - start) / length
        return f"{x:.1f},{HEIGHT - (HEIGHT - 12) * value / top:.1f}"

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 40}" role="img">']
    if band:
        whole = [index for index in shown if math.isfinite(band[0][index]) and math.isfinite(band[1][index])]
        around = [at(index, band[1][index]) for index in whole] + [at(index, band[0][index]) for index in reversed(whole)]
        parts.append(f'<polygon points="{" ".join(around)}" fill="{COLOURS[1]}" opacity=".2"/>')
    for colour, (name, line) in zip(COLOURS, lines, strict=False):
        points = " ".join(at(index, line[index]) for index in shown if math.isfinite(line[index]))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
        place = MARGIN + 240 * [its[0] for its in lines].index(name)
        parts.append(f'<text x="{place}" y="{HEIGHT + 34}" style="fill:{colour}">{html.escape(name)}</text>')
    parts.append(f'<text x="0" y="12">{top:.4g}</text><text x="0" y="{HEIGHT}">0</text>')
    parts.append(f'<text x="{MARGIN}" y="{HEIGHT + 16}">{length / 86_400:.1f} days, {html.escape(unit)}</text></svg>')
    return "".join(parts)
