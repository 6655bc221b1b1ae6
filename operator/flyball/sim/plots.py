"""Line charts as SVG, for pages that need nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 230
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 16, 34
COLOURS = ("#1b6ca8", "#d1495b", "#3c8d5a", "#8d5fb0", "#c98a1b", "#4f5d6b")
TICKS = 4
NICE = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Line:
    """One curve. Values that are no finite numbers break it."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    dashed: bool = False


def chart(title: str, lines: Sequence[Line], *, x_label: str = "minutes", y_max: float | None = None) -> str:
    """An SVG element with a legend at its right; the y axis begins at zero. `y_max` cuts what is higher off."""
    xs = [value for line in lines for value in line.x if math.isfinite(value)]
    ys = [value for line in lines for value in line.y if math.isfinite(value)]
    x_low, x_high = (min(xs), max(xs)) if xs else (0.0, 1.0)
    step = nice((y_max if y_max is not None else max(ys, default=1.0)) / TICKS)
    y_high = step * TICKS
    x_span = (x_high - x_low) or 1.0

    def place(x: float, y: float) -> str:
        right = LEFT + (x - x_low) / x_span * (WIDTH - LEFT - RIGHT)
        down = TOP + (1.0 - min(y, y_high) / y_high) * (HEIGHT - TOP - BOTTOM)
        return f"{right:.1f},{down:.1f}"

    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" font-size="11" fill="#333">']
    for tick in range(TICKS + 1):
        x, y = place(x_low, tick * step).split(",")
        parts.append(f'<line x1="{x}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{tick * step:g}</text>')
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">{x_low:g}</text><text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">')
    parts.append(f"{x_high:g} {escape(x_label)}</text>")
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        dash = ' stroke-dasharray="5 4"' if line.dashed else ""
        for run in _runs(line):
            points = " ".join(place(x, y) for x, y in run)
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>')
        height = TOP + 14 * number + 8
        parts.append(f'<line x1="{WIDTH - RIGHT + 10}" x2="{WIDTH - RIGHT + 28}" y1="{height - 4}" y2="{height - 4}" stroke="{colour}"{dash}/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 33}" y="{height}">{escape(line.name)}</text>')
    return "".join([*parts, "</svg>"])


def nice(value: float) -> float:
    """The next of 1, 2, 2.5, 5 times a power of ten."""
    if not value > 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in NICE if factor * power >= value * (1 - 1e-9))


def _runs(line: Line) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(line.x, line.y, strict=True):
        if math.isfinite(y):
            runs[-1].append((x, y))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
