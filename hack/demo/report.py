"""report.html: one self-contained page for somebody who has never seen Flyball. `python -m hack.demo.report FOLDER` draws it anew from run.json."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

from hack.demo.charts import sections
from hack.demo.page import Page, Service
from hack.demo.text import clock, milliseconds, minutes, number, percent

STYLE = Path(__file__).with_name("report.css")
BAR_PIXELS = 180


def render(page: Page) -> str:
    """The page as HTML."""
    charts = "".join(f"<h2>{title}</h2><p class='soft'>{text}</p><figure>{chart.svg()}</figure>\n" for title, text, chart in sections(page))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"/><meta name="viewport" content="width=device-width, initial-scale=1"/>'
        f"<title>Flyball: a demo run</title><style>\n{STYLE.read_text()}</style></head>\n<body><main>\n"
        f"{_head(page)}\n{_tiles(page)}\n{charts}\n{_services(page.services)}\n{_phases(page)}\n{_decisions(page)}\n{_terms(page)}\n</main></body></html>\n"
    )


def _head(page: Page) -> str:
    enforce = page.enforce
    kept = enforce["slow_share"] is not None and enforce["slow_share"] <= page.allowed_share
    verdict = '<span class="good">kept</span>' if kept else '<span class="bad">missed</span>'
    return (
        f"<h1>{number(enforce['saved_percent'], '.0f')} % less CPU, latency objective {verdict}</h1>"
        f'<p class="lead">A small web shop of {len(page.services)} services ran on a real Kubernetes cluster under a real request rate. '
        f"{percent(1 - page.allowed_share)} of its requests had to answer within {milliseconds(page.objective_seconds)}. Flyball "
        f"first only observed, for {minutes(page.enforce_at)}. Then it lowered the CPU quota of every service, second by second, "
        f"as far as that objective allowed.</p>"
        f'<p class="note">Run of {escape(page.started)}. Latencies come from the load generator’s own record of each request; requests left on time '
        f"whatever the answers did ({page.dropped} could not be sent on time). Cores are means from the node agents’ counters.</p>"
    )


def _tiles(page: Page) -> str:
    now, before = page.enforce, page.observe
    late = now["slow_share"] is not None and now["slow_share"] > page.allowed_share
    above = now["p99_seconds"] is not None and now["p99_seconds"] > page.objective_seconds
    granted, used = number(now["cores_granted"], ".2f"), number(now["cores_used_mean"], ".2f")
    tiles = [
        ("CPU saved", f"{number(now['saved_percent'], '.0f')} %", "of the cores that the pods’ limits grant", False),
        ("Cores allocated", number(now["cores_allocated_mean"], ".2f"), f"of {granted} granted; {used} used", False),
        ("Slow or failed", percent(now["slow_share"], ".2f"), f"of requests; {percent(page.allowed_share)} allowed", late),
        (
            "99th percentile",
            milliseconds(now["p99_seconds"]),
            f"objective {milliseconds(page.objective_seconds)}; {milliseconds(before['p99_seconds'])} while observing",
            above,
        ),
        ("Minutes above", f"{now['minutes_violated']} of {now['minutes']:g}", "with a 99th percentile of their own above the objective", False),
        ("Requests", f"{now['requests']:,}".replace(",", " "), f"{now['errors']} failed", bool(now["errors"])),
    ]
    return '<div class="tiles">' + "".join(_tile(*tile) for tile in tiles) + "</div>"


def _tile(name: str, value: str, text: str, bad: bool) -> str:
    kind = ' class="bad"' if bad else ""
    return f'<div class="tile"><span class="name">{name}</span><b{kind}>{value}</b><span>{text}</span></div>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> str:
    """A table of cells that are HTML already; `numbers` are the columns to set right."""

    def row(cells: Sequence[str], tag: str) -> str:
        right = dict.fromkeys(numbers, ' class="n"')
        return "<tr>" + "".join(f"<{tag}{right.get(index, '')}>{cell}</{tag}>" for index, cell in enumerate(cells)) + "</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f'<div class="scroll"><table><thead>{row(head, "th")}</thead><tbody>{body}</tbody></table></div>'


def _services(services: Sequence[Service]) -> str:
    highest = max((service.granted for service in services), default=0.0)
    rows = [
        (
            escape(one.name),
            escape(one.group),
            f"{one.granted:.2f}",
            f"{one.allocated:.2f}",
            f"{one.used:.2f}",
            f"{100 * (1 - one.allocated / one.granted):.0f} %",
            f'<span class="bar" style="width:{BAR_PIXELS * one.granted / highest:.0f}px">{_bar(one.allocated, one)}{_bar(one.used, one)}</span>',
        )
        for one in services
        if one.granted > 0
    ]
    return (
        "<h2>Services</h2><p class='soft'>Mean cores while Flyball enforced. Bars: the limit (grey), the quota in force (blue), the use (green).</p>"
        + _table(("service", "group", "granted", "allocated", "used", "saved", ""), rows, numbers=(2, 3, 4, 5))
    )


def _bar(cores: float, service: Service) -> str:
    return f'<i style="width:{100 * min(1.0, cores / service.granted):.1f}%"></i>'


def _phases(page: Page) -> str:
    lines = [
        ("minutes", "minutes", ".3g"),
        ("requests", "requests", "d"),
        ("failed requests", "errors", "d"),
        ("slow or failed, share of requests", "slow_share", ".4f"),
        ("99th percentile, seconds", "p99_seconds", ".3f"),
        ("minutes above the objective", "minutes_violated", "d"),
        ("cores granted", "cores_granted", ".2f"),
        ("cores allocated", "cores_allocated_mean", ".2f"),
        ("cores used", "cores_used_mean", ".2f"),
    ]
    rows = [(name, number(page.observe[key], form), number(page.enforce[key], form)) for name, key, form in lines]
    observe, enforce = (number(page.busy_cores[phase], ".2f") for phase in ("Observe", "Enforce"))
    rows.append((f"busy cores of the machine’s {page.machine_cores}", observe, enforce))
    back = page.given_back_seconds
    after = "Giving back was not seen within a minute." if back is None else f"Switched back to Observe, all was given back after {back:.0f} s."
    return (
        "<h2>Before and after</h2>"
        + _table(("", "Observe", "Enforce"), rows, numbers=(1, 2))
        + f'<p class="note after">The two phases lie on different parts of the rate curve. {after}</p>'
    )


def _decisions(page: Page) -> str:
    held = [decision for decision in page.decisions if decision["at"] >= page.enforce_at - 1]
    rows = [_decided([*those]) for _, those in groupby(held, key=lambda decision: decision["reason"])]
    return (
        "<h2>What was decided, and why</h2><p class='soft'>The operator’s own record while it enforced; <code>flyball explain</code> prints it. "
        "Decisions for the same reason, one after the other, share a line here; <code>summary.json</code> holds each of them.</p>"
        + _table(("time", "decision", "targets", "budget left", "reason"), rows, numbers=(3,))
    )


def _decided(those: Sequence[Mapping[str, Any]]) -> Sequence[str]:
    """One line for decisions with the same reason: when from and until, what the targets went through, and the last one's words."""
    first, last = those[0], those[-1]
    times = clock(first["at"]) if len(those) == 1 else f"{clock(first['at'])} to {clock(last['at'])}"
    count = f" ({len(those)} times)" if len(those) > 1 else ""
    left = last["budget_left_percent"]
    groups = sorted({group for decision in those for group in decision["targets_permille"]})
    targets = (f"{escape(group)} {_span([one['targets_permille'][group] for one in those if group in one['targets_permille']])}" for group in groups)
    return (
        times,
        escape(last["reason"]) + count,
        "<br/>".join(targets),
        percent(None if left is None else left / 100, ".0f"),
        escape(last["message"]),
    )


def _span(permille: Sequence[int]) -> str:
    """A target's way through some decisions."""
    low, high = min(permille) / 10, max(permille) / 10
    return f"{high:g} %" if low == high else f"{low:g} to {high:g} %"


def _terms(page: Page) -> str:
    allowed, threshold = percent(page.allowed_share), milliseconds(page.objective_seconds)
    terms = [
        ("Objective", f"{percent(1 - page.allowed_share)} of requests answer within {threshold}, over a rolling window of ten minutes."),
        ("Error budget", f"The other {allowed}: requests that may be slow or fail. Flyball spends it where that saves CPU."),
        (
            "Granted",
            "The CPU limit in the live pod spec. Flyball never exceeds and never edits it; it moves the kernel’s quota below it and gives back.",
        ),
        ("Allocated", "The CFS quota in force. What one service is not allocated, it cannot use up; it is there for others."),
        (
            "Throttled",
            "The kernel hands out quota per 100 ms. A service that has used up its share waits for the next: that period is throttled.",
        ),
    ]
    return "<h2>Terms</h2><dl>" + "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in terms) + "</dl>"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "report.html").write_text(render(Page.loads((folder / "run.json").read_text())))
