"""The report's charts: which series, in which order, and what a newcomer must know to read them. Pure."""

from __future__ import annotations

from itertools import pairwise

from hack.demo.page import BIN_SECONDS, Page, Points
from hack.demo.svg import Chart
from hack.demo.text import clock, number
from hack.demo.text import milliseconds as ms

GROUP_CLASSES = ("one", "two", "three", "four")
"""Classes of the style sheet, by a group's place in the alphabet."""

CLIP_AT_OBJECTIVES = 3.0
"""The latency axis ends at three times the objective: one answer of 5 s must not flatten everything else. What is above is drawn at its edge."""


def sections(page: Page) -> list[tuple[str, str, Chart]]:
    """(heading, what a newcomer must know, chart) from top to bottom."""
    return [
        (
            "Latency",
            f"99th percentile of all requests: the thin line per {BIN_SECONDS:.0f} seconds, the dots per minute. The objective counts over ten "
            "minutes: a single point above the dashed line spends error budget and breaks nothing.",
            _latency(page),
        ),
        (
            "CPU",
            "Granted is the sum of the CPU limits in the pods’ specs, twice each service’s highest use at the day’s peak. Allocated is the quota "
            "in force in the kernel. The shaded surface between them is what Flyball saved.",
            _cores(page),
        ),
        (
            "Error budget left",
            "Of the slow requests that the objective allows among those of the last ten minutes, the share that has not been used up. Flyball spends "
            "budget where that saves CPU, and keeps a reserve.",
            _budget(page),
        ),
        (
            "Throttling",
            "The share of 100 ms periods in which the services of a group may run into their quota. The operator raises targets while the budget "
            "lasts and lowers them when it burns; at zero the quota follows the use with a margin. "
            "The grey line is what the kernel counted, of all services together.",
            _targets(page),
        ),
        ("Request rate", "A day’s curve, compressed: every fifth second of an hour-long trace, scaled to two cores.", _rate(page)),
        (
            "The machine",
            "Cores that were busy with anything: the shop, the load generator, Kubernetes, Prometheus, Flyball, and whatever else ran. "
            "Near the dashed line requests wait for cores, whatever the quotas.",
            _machine(page),
        ),
    ]


def _chart(page: Page, title: str, values: list[float], unit: str = "") -> Chart:
    chart = Chart(title, page.seconds, (min([0.0, *values]), max([1e-3, *values])), unit)
    chart.phase(0, page.enforce_at, "Observe", "observe")
    chart.phase(page.enforce_at, page.seconds, "Enforce", "enforce")
    return chart


def _latency(page: Page) -> Chart:
    def scaled(points: Points) -> Points:
        return [(time, None if value is None else 1000 * value) for time, value in points]

    highest = min(max([page.objective_seconds * 1.2, *_values(page.p99)]), CLIP_AT_OBJECTIVES * page.objective_seconds)
    chart = _chart(page, "99th percentile of latency in milliseconds", [1000 * highest], " ms")
    chart.line(scaled(page.p99), "faint")
    chart.level(1000 * page.objective_seconds, "limit", f"objective {ms(page.objective_seconds)}")
    chart.line(scaled(page.p99_minutes), "p99", "99th percentile")
    chart.dots(scaled(page.p99_minutes), "p99")
    for time, value in page.p99:
        chart.hover(time - BIN_SECONDS / 2, time + BIN_SECONDS / 2, f"{clock(time)}: p99 {ms(value)}")
    return chart


def _cores(page: Page) -> Chart:
    chart = _chart(page, "Cores granted, allocated and used", [*_values(page.granted), *_values(page.allocated)])
    chart.area(page.granted, page.allocated, "saved")
    chart.line(page.granted, "granted", "granted")
    chart.line(page.used, "used", "used")
    chart.line(page.allocated, "allocated", "allocated")
    for (time, granted), (_, allocated), (_, used) in zip(page.granted, page.allocated, page.used, strict=True):
        text = f"{clock(time)}: {number(granted, '.2f')} granted, {number(allocated, '.2f')} allocated, {number(used, '.2f')} used"
        chart.hover(time - BIN_SECONDS / 2, time + BIN_SECONDS / 2, text)
    return chart


def _budget(page: Page) -> Chart:
    chart = _chart(page, "Error budget left in percent", [*_values(page.budget), 100.0], " %")
    chart.level(0, "limit", "overdrawn below")
    chart.line(page.budget, "budget", "budget left", step=True)
    _hover_between(chart, page, page.budget, "{:.0f} % left")
    return chart


def _targets(page: Page) -> Chart:
    chart = _chart(
        page,
        "Throttle targets and throttling in percent",
        [2.0, *(value for points in (*page.targets.values(), page.throttled) for value in _values(points))],
        " %",
    )
    chart.line(page.throttled, "measured", "throttled")
    for index, (group, points) in enumerate(page.targets.items()):
        chart.line(points, GROUP_CLASSES[index % len(GROUP_CLASSES)], f"group {group}", step=True)
    return chart


def _rate(page: Page) -> Chart:
    chart = _chart(page, "Requests a second", _values(page.rate), "/s")
    chart.area(page.rate, [(time, 0.0) for time, _ in page.rate], "rate")
    chart.line(page.rate, "rate", "requests/s")
    for time, value in page.rate:
        chart.hover(time - BIN_SECONDS / 2, time + BIN_SECONDS / 2, f"{clock(time)}: {number(value, '.1f')} requests a second")
    return chart


def _machine(page: Page) -> Chart:
    chart = _chart(page, "Cores of the machine that were busy", [float(page.machine_cores)])
    chart.level(page.machine_cores, "limit", f"{page.machine_cores} cores")
    chart.line(page.busy, "used", "busy")
    for time, value in page.busy:
        chart.hover(time - BIN_SECONDS / 2, time + BIN_SECONDS / 2, f"{clock(time)}: {number(value, '.2f')} cores busy")
    return chart


def _hover_between(chart: Chart, page: Page, points: Points, form: str) -> None:
    for (time, value), (until, _) in pairwise([*points, (page.seconds, None)]):
        if value is not None:
            chart.hover(time, until, f"{clock(time)}: {form.format(value)}")


def _values(points: Points) -> list[float]:
    return [value for _, value in points if value is not None]
