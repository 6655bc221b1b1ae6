"""Small standalone SVG charts for the benchmark's page: lines over x, straight or logarithmic axes, colours that hold on white and on black. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#8c564b", "#9467bd", "#bcbd22")
"""Okabe and Ito's colours first: told apart by people who do not see red and green."""
WIDTH, HEIGHT = 760.0, 360.0
LEFT, RIGHT, TOP, BOTTOM = 64.0, 220.0, 34.0, 48.0
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#444}.title{font-weight:600}.grid{stroke:#8884;stroke-width:1}"
    ".line{fill:none;stroke-width:2}@media(prefers-color-scheme:dark){text{fill:#ccc}}"
)
APART = 16.0


def nice_ticks(low: float, high: float, log: bool) -> list[float]:
    """Round values across the range."""
    if log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        marks = (1, 2, 5) if last - first <= 2 else (1,)
        return [mark * 10.0**power for power in range(first, last + 1) for mark in marks if low * 0.999 <= mark * 10.0**power <= high * 1.001]
    rough = max(high - low, 1e-12) / 5
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * part for part in (1, 2, 2.5, 5, 10) if magnitude * part >= rough * (1 - 1e-9))
    return [round(step * place, 10) for place in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


@dataclass(slots=True)
class Plot:
    """Lines with names at their right end."""

    title: str
    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log_x: bool = False
    log_y: bool = False
    _parts: list[str] = field(default_factory=list)
    _names: list[tuple[float, str, str]] = field(default_factory=list)

    def _place(self, value: float, bounds: tuple[float, float], log: bool) -> float:
        low, high = bounds
        inside = min(max(value, low), high)
        if log:
            return (math.log(inside) - math.log(low)) / (math.log(high) - math.log(low))
        return (inside - low) / (high - low)

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * self._place(value, self.x_range, self.log_x)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * self._place(value, self.y_range, self.log_y)

    def line(self, xs: Sequence[float], ys: Sequence[float], name: str, dots: bool = False) -> None:
        """A line through the points that are finite; those outside the axes are drawn at their edge."""
        points = [(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(x) and math.isfinite(y)]
        if not points:
            return
        colour = COLOURS[len(self._names) % len(COLOURS)]
        path = " ".join(f"{self.x(x):.1f},{self.y(y):.1f}" for x, y in points)
        self._parts.append(f'<polyline class="line" stroke="{colour}" points="{path}"/>')
        if dots:
            self._parts += [f'<circle cx="{self.x(x):.1f}" cy="{self.y(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        self._names.append((self.y(points[-1][1]), name, colour))

    def svg(self) -> str:
        """The whole file."""
        parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img"><style>{STYLE}</style>']
        parts.append(f"<title>{escape(self.title)}</title>")
        parts.append(f'<text class="title" x="{LEFT:g}" y="18">{escape(self.title)}</text>')
        for tick in nice_ticks(*self.y_range, self.log_y):
            y = self.y(tick)
            parts.append(f'<line class="grid" x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
            parts.append(f'<text x="{LEFT - 8:g}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
        for tick in nice_ticks(*self.x_range, self.log_x):
            x = self.x(tick)
            parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP:g}" y2="{HEIGHT - BOTTOM:g}"/>')
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18:.1f}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.1f}" y="{HEIGHT - 8:g}" text-anchor="middle">{escape(self.x_label)}</text>')
        middle = (TOP + HEIGHT - BOTTOM) / 2
        parts.append(f'<text x="14" y="{middle:.1f}" text-anchor="middle" transform="rotate(-90 14 {middle:.1f})">{escape(self.y_label)}</text>')
        parts += self._parts
        lowest = TOP
        for y, name, colour in sorted(self._names):
            lowest = max(y + 4, lowest)
            parts.append(f'<text x="{WIDTH - RIGHT + 8:g}" y="{lowest:.1f}" style="fill:{colour}">{escape(name)}</text>')
            lowest += APART
        return "".join(parts) + "</svg>\n"
