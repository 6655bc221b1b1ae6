"""Two kinds of plot as SVG text: grouped bars, and curves over minutes in two panels. No library, so that a page can be generated anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

COLOURS = ("#1f6fb2", "#d97a1a", "#3a9a4a", "#8a4fb0")
LABEL, PLOT, ROW, TOP = 230, 560, 14, 60
FONT = 'font-family="sans-serif" font-size="11"'

Series = Sequence[tuple[str, Sequence[float]]]


def bars(title: str, groups: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> str:
    """Horizontal bars, a group a cell; negative values go left of the axis."""
    values = [value for _, its in groups for _, value in its] or [0.0]
    low, high = min(0.0, *values), max(1.0, *values)
    names = list(dict.fromkeys(name for _, its in groups for name, _ in its))
    body: list[str] = []
    y = TOP

    def x(value: float) -> float:
        return LABEL + PLOT * (value - low) / (high - low)

    for label, its in groups:
        body.append(_text(LABEL - 8, y + ROW, label, anchor="end"))
        for name, value in its:
            left, width = min(x(0.0), x(value)), abs(x(value) - x(0.0))
            colour = COLOURS[names.index(name) % len(COLOURS)]
            body.append(f'<rect x="{left:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 3}" fill="{colour}"/>')
            body.append(_text(max(x(value), x(0.0)) + 4, y + ROW - 4, f"{value:.1f}"))
            y += ROW
        y += ROW // 2
    body.append(f'<line x1="{x(0.0):.1f}" y1="{TOP - 6}" x2="{x(0.0):.1f}" y2="{y}" stroke="#444"/>')
    return _page(title, names, body, LABEL + PLOT + 60, y + 10)


def curves(title: str, upper: Series, lower: Series) -> str:
    """Cores above, p99 over the objective below; a minute a point."""
    body: list[str] = []
    for number, (name, series, limit) in enumerate((("cores", upper, None), ("p99 / objective", lower, 3.0))):
        top = TOP + number * 190
        most = max((value for _, its in series for value in its), default=1.0) * 1.05
        most = min(most, limit) if limit else most
        length = max((len(its) for _, its in series), default=1)
        body.append(f'<rect x="60" y="{top}" width="{PLOT}" height="160" fill="none" stroke="#999"/>')
        body += [_text(54, top + 10, f"{most:.1f}", anchor="end"), _text(54, top + 160, "0", anchor="end"), _text(64, top + 14, name)]
        if limit:
            y = top + 160 - 160 / most
            body.append(f'<line x1="60" y1="{y:.1f}" x2="{60 + PLOT}" y2="{y:.1f}" stroke="#b00" stroke-dasharray="4 3"/>')
        for place, (_, its) in enumerate(series):
            points = " ".join(
                f"{60 + PLOT * minute / max(1, length - 1):.1f},{top + 160 - 160 * min(value, most) / most:.1f}" for minute, value in enumerate(its)
            )
            body.append(f'<polyline fill="none" stroke="{COLOURS[place % len(COLOURS)]}" points="{points}"/>')
    return _page(title, [name for name, _ in upper], body, PLOT + 90, TOP + 380)


def _page(title: str, names: Sequence[str], body: Sequence[str], width: float, height: float) -> str:
    key = []
    for number, name in enumerate(names):
        at = 10 + 220 * number
        key.append(f'<rect x="{at}" y="28" width="10" height="10" fill="{COLOURS[number % len(COLOURS)]}"/>')
        key.append(_text(at + 14, 37, name))
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" {FONT}>'
    parts = [head, f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>', _text(10, 18, title), *key, *body]
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
