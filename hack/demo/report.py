"""report.html: one self-contained page for somebody who has never seen Flyball. `python -m hack.demo.report FOLDER` draws it anew from run.json."""

from __future__ import annotations

import sys
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from hack.demo.page import BIN_SECONDS, Page, Points, Service
from hack.demo.svg import Chart

STYLE = Path(__file__).with_name("report.css")
GROUP_CLASSES = ("one", "two", "three", "four")
CLIP_AT_OBJECTIVES = 3.0
"""The latency axis ends at three times the objective: one answer of 5 s must not flatten everything else. What is above is drawn at its edge."""


def render(page: Page) -> str:
    """The page as HTML."""
    charts = "".join(_section(*section) for section in _sections(page))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Flyball: a demo run</title><style>\n{STYLE.read_text()}</style></head>\n<body><main>\n"
        f"{_head(page)}\n{_tiles(page)}\n{charts}\n{_services(page.services)}\n{_phases(page)}\n{_decisions(page)}\n{_terms(page)}\n</main></body></html>\n"
    )


def _head(page: Page) -> str:
    enforce = page.enforce
    kept = enforce["slow_share"] is not None and enforce["slow_share"] <= page.allowed_share
    verdict = '<span class="good">kept</span>' if kept else '<span class="bad">missed</span>'
    return (
        f"<h1>{_number(enforce['saved_percent'], '.0f')} % less CPU, the latency objective {verdict}</h1>"
        f'<p class="lead">A small web shop of {len(page.services)} services ran on a real Kubernetes cluster under a real request rate. '
        f"{_percent(1 - page.allowed_share)} of its requests were to answer within {_ms(page.objective_seconds)}. For the first "
        f"{page.enforce_at / 60:g} minutes Flyball only observed. Then it lowered the CPU quota of every service, second by second, "
        f"as far as that objective allowed.</p>"
        f'<p class="note">Run of {escape(page.started)}. Latencies are from the load generator’s own record of each request, which were sent on time whatever '
        f"the answers did ({page.dropped} not sent). Cores are means from the node agents’ counters.</p>"
    )


def _tiles(page: Page) -> str:
    now = page.enforce
    late = now["slow_share"] is not None and now["slow_share"] > page.allowed_share
    above = now["p99_seconds"] is not None and now["p99_seconds"] > page.objective_seconds
    tiles = [
        ("CPU saved", f"{_number(now['saved_percent'], '.0f')} %", "of the cores that the pods’ limits grant", ""),
        (
            "Cores allocated",
            _number(now["cores_allocated_mean"], ".2f"),
            f"of {_number(now['cores_granted'], '.2f')} granted; {_number(now['cores_used_mean'], '.2f')} used",
            "",
        ),
        ("Slow or failed", _percent(now["slow_share"], 2), f"of requests; {_percent(page.allowed_share)} allowed", "bad" if late else ""),
        (
            "99th percentile",
            _ms(now["p99_seconds"]),
            f"objective {_ms(page.objective_seconds)}; {_ms(page.observe['p99_seconds'])} before",
            "bad" if above else "",
        ),
        ("Minutes above", f"{now['minutes_violated']} of {now['minutes']:g}", "whose own 99th percentile was above the objective", ""),
        ("Requests", f"{now['requests']:,}".replace(",", " "), f"{now['errors']} failed", "bad" if now["errors"] else ""),
    ]
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="tile"><span class="name">{name}</span><b class="{kind}">{value}</b><span>{text}</span></div>'
            for name, value, text, kind in tiles
        )
        + "</div>"
    )


def _section(title: str, text: str, chart: Chart) -> str:
    return f"<h2>{title}</h2><p class='soft'>{text}</p><figure>{chart.svg()}</figure>\n"


def _sections(page: Page) -> list[tuple[str, str, Chart]]:
    return [
        (
            "Latency",
            f"99th percentile of all requests: the thin line per {BIN_SECONDS:.0f} seconds, the dots per minute. The objective is that the dots stay below the "
            "dashed line nearly always; it is an average over ten minutes, so a single higher point spends budget and breaks nothing.",
            _latency(page),
        ),
        (
            "CPU",
            "Granted is the sum of the CPU limits in the pods’ specs, about twice the highest use at the day’s peak. Allocated is the quota in force in the "
            "kernel. The shaded surface between them is what Flyball saved.",
            _cores(page),
        ),
        (
            "Error budget left",
            "Of the slow requests that the objective allows in ten minutes, how many are left. Minutes before the run are unknown and count as spent, so it "
            "starts low and fills up as the window fills.",
            _budget(page),
        ),
        (
            "Throttle targets",
            "The share of 100 ms periods in which the services of a group may run into their quota. The operator raises targets while the budget lasts and "
            "lowers them when it burns; zero means that no throttling is tolerated.",
            _targets(page),
        ),
        ("Request rate", "An hour of a production-like day at five times its speed (every fifth second), scaled to two cores.", _rate(page)),
    ]


def _chart(page: Page, title: str, values: list[float], unit: str = "") -> Chart:
    chart = Chart(title, page.seconds, (min([0.0, *values]), max([1e-3, *values])), unit)
    chart.phase(0, page.enforce_at, "Observe", "observe")
    chart.phase(page.enforce_at, page.seconds, "Enforce", "enforce")
    return chart


def _latency(page: Page) -> Chart:
    def milliseconds(points: Points) -> Points:
        return [(time, None if value is None else 1000 * value) for time, value in points]

    highest = min(max([page.objective_seconds * 1.2, *_values(page.p99)]), CLIP_AT_OBJECTIVES * page.objective_seconds)
    chart = _chart(page, "99th percentile of latency in milliseconds", [1000 * highest], " ms")
    chart.line(milliseconds(page.p99), "faint")
    chart.level(1000 * page.objective_seconds, "limit", f"objective {_ms(page.objective_seconds)}")
    chart.line(milliseconds(page.p99_minutes), "p99", "99th percentile")
    chart.dots(milliseconds(page.p99_minutes), "p99")
    for time, value in page.p99:
        chart.hover(time - BIN_SECONDS / 2, time + BIN_SECONDS / 2, f"{_clock(time)}: p99 {_ms(value)}")
    return chart


def _cores(page: Page) -> Chart:
    chart = _chart(page, "Cores granted, allocated and used", [*_values(page.granted), *_values(page.allocated)])
    chart.area(page.granted, page.allocated, "saved")
    chart.line(page.granted, "granted", "granted")
    chart.line(page.used, "used", "used")
    chart.line(page.allocated, "allocated", "allocated")
    for (time, granted), (_, allocated), (_, used) in zip(page.granted, page.allocated, page.used, strict=True):
        text = f"{_clock(time)}: {_number(granted, '.2f')} granted, {_number(allocated, '.2f')} allocated, {_number(used, '.2f')} used"
        chart.hover(time - BIN_SECONDS / 2, time + BIN_SECONDS / 2, text)
    return chart


def _budget(page: Page) -> Chart:
    chart = _chart(page, "Error budget left in percent", [*_values(page.budget), 100.0], " %")
    chart.level(0, "limit", "overdrawn below")
    chart.line(page.budget, "budget", "budget left", step=True)
    _hover_between(chart, page, page.budget, "{:.0f} % left")
    return chart


def _targets(page: Page) -> Chart:
    chart = _chart(page, "Throttle targets in percent", [2.0, *(value for points in page.targets.values() for value in _values(points))], " %")
    for index, (group, points) in enumerate(page.targets.items()):
        chart.line(points, GROUP_CLASSES[index % len(GROUP_CLASSES)], f"group {group}", step=True)
    return chart


def _rate(page: Page) -> Chart:
    chart = _chart(page, "Requests a second", _values(page.rate), "/s")
    chart.area(page.rate, [(time, 0.0) for time, _ in page.rate], "rate")
    chart.line(page.rate, "rate", "requests/s")
    for time, value in page.rate:
        chart.hover(time - BIN_SECONDS / 2, time + BIN_SECONDS / 2, f"{_clock(time)}: {_number(value, '.1f')} requests a second")
    return chart


def _hover_between(chart: Chart, page: Page, points: Points, form: str) -> None:
    for (time, value), (until, _) in pairwise([*points, (page.seconds, None)]):
        if value is not None:
            chart.hover(time, until, f"{_clock(time)}: {form.format(value)}")


def _services(services: list[Service]) -> str:
    highest = max((service.granted for service in services), default=1.0) or 1.0
    rows = "".join(
        f"<tr><td>{escape(one.name)}</td><td>{escape(one.group)}</td><td class='n'>{one.granted:.2f}</td><td class='n'>{one.allocated:.2f}</td>"
        f"<td class='n'>{one.used:.2f}</td><td class='n'>{_saved(one)}</td><td><span class='bar' style='width:{180 * one.granted / highest:.0f}px'>"
        f"<i style='width:{_share(one.allocated, one)}%'></i><i style='width:{_share(one.used, one)}%'></i></span></td></tr>"
        for one in services
    )
    return (
        "<h2>Services</h2><p class='soft'>Mean cores while Flyball enforced. Bars: the limit (grey), the quota in force (blue), the use (green).</p>"
        "<div class='scroll'><table><thead><tr><th>service</th><th>group</th><th class='n'>granted</th><th class='n'>allocated</th><th class='n'>used</th>"
        f"<th class='n'>saved</th><th></th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _phases(page: Page) -> str:
    rows = [
        ("minutes", "minutes", "g"),
        ("requests", "requests", "d"),
        ("failed requests", "errors", "d"),
        ("slow or failed, share", "slow_share", ".4f"),
        ("99th percentile, seconds", "p99_seconds", ".3f"),
        ("minutes above the objective", "minutes_violated", "d"),
        ("cores granted", "cores_granted", ".2f"),
        ("cores allocated", "cores_allocated_mean", ".2f"),
        ("cores used", "cores_used_mean", ".2f"),
    ]
    body = "".join(
        f"<tr><td>{name}</td><td class='n'>{_number(page.observe[key], form)}</td><td class='n'>{_number(page.enforce[key], form)}</td></tr>"
        for name, key, form in rows
    )
    back = page.given_back_seconds
    after = (
        f"Switched back to Observe, everything was given back after {back:.0f} s."
        if back is not None
        else "Giving back was not seen within a minute."
    )
    return (
        "<h2>Before and after</h2><div class='scroll'><table><thead><tr><th></th><th class='n'>Observe</th><th class='n'>Enforce</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div><p class='note' style='margin-top:10px'>The two phases lie on different parts of the rate curve. {after}</p>"
    )


def _decisions(page: Page) -> str:
    rows = "".join(_decision(decision) for decision in page.decisions)
    return (
        "<h2>What was decided, and why</h2><p class='soft'>The operator’s own record; <code>flyball explain</code> prints it. While Flyball observes, these are "
        "what it would do.</p><div class='scroll'><table><thead><tr><th>time</th><th>decision</th><th>targets</th><th class='n'>budget left</th>"
        f"<th>reason</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _decision(decision: dict[str, Any]) -> str:
    targets = "<br>".join(f"{escape(group)} {permille / 10:g} %" for group, permille in sorted(decision["targets_permille"].items()))
    left = _number(decision["budget_left_percent"], ".0f")
    return (
        f"<tr><td class='when'>{_clock(decision['at'])}</td><td>{escape(decision['reason'])}</td><td class='when'>{targets}</td>"
        f"<td class='n'>{left} %</td><td>{escape(decision['message'])}</td></tr>"
    )


def _terms(page: Page) -> str:
    terms = [
        (
            "Objective",
            f"{_percent(1 - page.allowed_share)} of requests answer within {_ms(page.objective_seconds)}, over a rolling window of ten minutes.",
        ),
        ("Error budget", f"The other {_percent(page.allowed_share)}: requests that may be slow or fail. Flyball spends it where that saves CPU."),
        (
            "Granted",
            "The CPU limit in the live pod spec. Flyball never exceeds and never edits it; it moves the kernel’s quota below it and gives back.",
        ),
        ("Allocated", "The CFS quota in force. What is not allocated cannot be used up by one service and is free for others."),
        (
            "Throttled",
            "The kernel hands out quota per 100 ms. A service that has used up its share waits for the next 100 ms: that period is throttled.",
        ),
    ]
    return "<h2>Terms</h2><dl>" + "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in terms) + "</dl>"


def _values(points: Points) -> list[float]:
    return [value for _, value in points if value is not None]


def _number(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{1000 * seconds:.0f} ms"


def _percent(share: float | None, digits: int = 0) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f} %" if digits else f"{100 * share:g} %"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _saved(service: Service) -> str:
    return f"{100 * (1 - service.allocated / service.granted):.0f} %" if service.granted > 0 else "–"


def _share(cores: float, service: Service) -> str:
    return f"{100 * min(1.0, cores / service.granted):.1f}" if service.granted > 0 else "0"


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "report.html").write_text(render(Page.loads((folder / "run.json").read_text())))
