"""Line charts over time as inline SVG. Pure: series in, text out; colours come from the page's style sheet by class, for light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

Points = Sequence[tuple[float, float | None]]
"""(seconds since the start, value); None leaves a gap."""

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 960.0, 56.0, 128.0, 22.0, 26.0
"""In the drawing's own units; the page scales it. RIGHT leaves room for the lines' names at their ends."""
LABEL_APART = 15.0
"""Names at the lines' ends are moved until they are this far apart."""
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Round values from at or below `low` to at or above `high`."""
    rough = max(high - low, 1e-9) / about
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(magnitude * step for step in STEPS if magnitude * step >= rough * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(step * index, 10) for index in range(first, last + 1)]


def time_ticks(seconds: float) -> list[float]:
    """Whole minutes, at most a dozen of them."""
    minutes = seconds / 60
    step = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 240) if minutes / step <= 13)
    return [60.0 * step * index for index in range(math.floor(minutes / step) + 1)]


@dataclass(slots=True)
class Chart:
    """One chart. Draw with the methods, in order from back to front; `svg` gives the text."""

    title: str
    seconds: float
    values: tuple[float, float]
    """Lowest and highest value that must fit."""
    unit: str = ""
    height: float = 220.0
    ticks: list[float] = field(default_factory=list)
    _parts: list[str] = field(default_factory=list)
    _labels: list[tuple[float, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ticks = nice_ticks(*self.values)
        for tick in self.ticks:
            y = self.y(tick)
            self._parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
            self._text(LEFT - 8, y + 4, f"{tick:g}{self.unit}", "tick", "end")
        for tick in time_ticks(self.seconds):
            self._text(self.x(tick), self.height - 8, f"{tick / 60:.0f} min" if tick else "0", "tick", "middle")

    def x(self, seconds: float) -> float:
        return LEFT + (WIDTH - RIGHT - LEFT) * seconds / self.seconds

    def y(self, value: float) -> float:
        """A value outside the axis is drawn at its edge."""
        low, high = self.ticks[0], self.ticks[-1]
        inside = min(max(value, low), high)
        return self.height - BOTTOM - (self.height - TOP - BOTTOM) * (inside - low) / (high - low)

    def phase(self, start: float, end: float, name: str, kind: str) -> None:
        """A band over a stretch of time, with its name at the top."""
        self._parts.append(f"<rect {self._stretch(f'phase {kind}', start, end)}/>")
        self._text(self.x(start) + 4, TOP - 7, name, "phase-name", "start")

    def line(self, points: Points, kind: str, label: str = "", step: bool = False) -> None:
        """A line through the known points; with `step`, level from each point to the next."""
        path, last = self._path(points, step)
        if not path:
            return
        self._parts.append(f'<path class="line {kind}" d="{path}"/>')
        if label and last is not None:
            self._labels.append((self.y(last), label, kind))

    def dots(self, points: Points, kind: str) -> None:
        self._parts += [
            f'<circle class="dot {kind}" cx="{self.x(time):.1f}" cy="{self.y(value):.1f}" r="4"/>' for time, value in points if value is not None
        ]

    def area(self, upper: Points, lower: Points, kind: str) -> None:
        """The surface between two series with points at the same times."""
        both = [(time, above, below) for (time, above), (_, below) in zip(upper, lower, strict=True) if above is not None and below is not None]
        if both:
            forth = " ".join(f"{self.x(time):.1f},{self.y(above):.1f}" for time, above, _ in both)
            back = " ".join(f"{self.x(time):.1f},{self.y(below):.1f}" for time, _, below in reversed(both))
            self._parts.append(f'<polygon class="area {kind}" points="{forth} {back}"/>')

    def level(self, value: float, kind: str, label: str) -> None:
        """A line across at one value."""
        y = self.y(value)
        self._parts.append(f'<line class="level {kind}" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        self._labels.append((y, label, kind))

    def hover(self, start: float, end: float, text: str) -> None:
        """A stretch of time that shows `text` under the pointer."""
        self._parts.append(f"<rect {self._stretch('hover', start, end)}><title>{escape(text)}</title></rect>")

    def svg(self) -> str:
        """The chart as an element of an HTML page."""
        self._place_labels()
        label = quoteattr(self.title)
        return f'<svg viewBox="0 0 {WIDTH:g} {self.height:g}" role="img" aria-label={label}>{"".join(self._parts)}</svg>'

    def _stretch(self, kind: str, start: float, end: float) -> str:
        """Attributes of a rectangle over a stretch of time, as high as the chart."""
        x, width = self.x(start), self.x(end) - self.x(start)
        return f'class="{kind}" x="{x:.1f}" y="{TOP:g}" width="{width:.1f}" height="{self.height - TOP - BOTTOM:.1f}"'

    def _place_labels(self) -> None:
        """Names at the right end of their lines, moved apart downwards, and back up where they would leave the drawing."""
        ordered = sorted(self._labels)
        places = [y for y, _, _ in ordered]
        for index in range(1, len(places)):
            places[index] = max(places[index], places[index - 1] + LABEL_APART)
        floor = self.height - BOTTOM + 4
        for index in reversed(range(len(places))):
            places[index] = min(places[index], floor)
            floor = places[index] - LABEL_APART
        for place, (_, text, kind) in zip(places, ordered, strict=True):
            self._text(WIDTH - RIGHT + 8, place + 4, text, f"label {kind}", "start")
        self._labels.clear()

    def _path(self, points: Points, step: bool) -> tuple[str, float | None]:
        words: list[str] = []
        before: float | None = None
        last: float | None = None
        for time, value in points:
            if value is None:
                before = None
                continue
            x, y = self.x(time), self.y(value)
            if before is None:
                words.append(f"M{x:.1f} {y:.1f}")
            else:
                words.append(f"H{x:.1f}V{y:.1f}" if step else f"L{x:.1f} {y:.1f}")
            before = last = value
        return "".join(words), last

    def _text(self, x: float, y: float, text: str, kind: str, anchor: str) -> None:
        self._parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>')
