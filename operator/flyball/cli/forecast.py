"""`flyball forecast`: backtests the forecasts on a metric of one's own, before anything is enabled. Reads a Prometheus or a file; no cluster."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
import math
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import click

from flyball.api import duration
from flyball.cli.forecast_report import Second, page, summary
from flyball.crosscheck import compared, theta
from flyball.replicas.backtest import MINUTE, Backtest, TooShort, play
from flyball.replicas.types import PlanSettings
from flyball.signals import Prometheus, SignalError
from flyball.signals.demand import DemandQuery, history

PEAK_REPLICAS = 10
"""Without a capacity: as many replicas as make the steps of scaling visible."""


@click.command("forecast", short_help="Backtest forecasts on a metric of your own.")
@click.option("--query", help="PromQL of the demand per second, one series, e.g. 'sum(rate(http_requests_total[1m]))'.")
@click.option("--prometheus", metavar="URL", envvar="FLYBALL_PROMETHEUS_URL", help="Address of Prometheus' HTTP API.")
@click.option("--from", "since", default="-14d", show_default=True, metavar="-DURATION", help="How far back the history begins.")
@click.option("--csv", "csv_file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Instead: a file of lines `time,value`.")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@click.option("--capacity", type=click.FloatRange(min=0, min_open=True), help="Demand a replica carries; default: a tenth of the largest.")
@click.option("--ready-after", default="2m", show_default=True, help="Time from asking for a replica until it serves.")
@click.option("--quantile", type=click.FloatRange(50, 99.9), default=95, show_default=True, help="Percent of the time that the forecast should do.")
@click.option(
    "--short-minute",
    type=click.FloatRange(min=0, min_open=True),
    metavar="MINUTES",
    help="What a minute with too few replicas costs, in minutes of a replica (cost.shortMinute over a sixtieth of cost.replicaHour). Replicas are "
    "chosen by it then; --quantile is that of the band alone.",
)
@click.option("--min-replicas", type=click.IntRange(0), default=1, show_default=True)
@click.option("--max-replicas", type=click.IntRange(1), default=1000, show_default=True)
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with plots, e.g. report.html.")
def command(
    query: str | None,
    prometheus: str | None,
    since: str,
    csv_file: Path | None,
    as_json: bool,
    capacity: float | None,
    ready_after: str,
    quantile: float,
    short_minute: float | None,
    min_replicas: int,
    max_replicas: int,
    output: Path | None,
) -> None:
    """Play a metric's history to the forecasts, without looking ahead: how well each distance would have been foreseen, how many replicas
    it would have asked for, and what an HPA and a fixed number would have cost on the same demand.
    """
    if (query is None) == (csv_file is None):
        raise click.UsageError("Say where the demand comes from: --query with --prometheus, or --csv FILE.")
    if query and not prometheus:
        raise click.UsageError("--query needs --prometheus URL.")
    values = read_csv(csv_file) if csv_file else _read_prometheus(prometheus or "", query or "", since)
    try:
        lead = duration.seconds(ready_after)
        times, series = grid(values)
        carries = capacity or max((value for value in series if math.isfinite(value)), default=0.0) / PEAK_REPLICAS or 1.0
        settings = PlanSettings(minimum=min_replicas, maximum=max(min_replicas, max_replicas), short_price=short_minute)
        result = _played(times, series, settings, carries, lead, quantile / 100, quiet=as_json)
        second = _second(times, series, result, lead, quiet=as_json)
    except (TooShort, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if output:
        title = query or str(csv_file)
        output.write_text(page(result, title, carries, lead, quantile, second))
        click.echo(f"wrote {output}", err=True)
    click.echo(json.dumps(figures(result, carries, second), indent=2) if as_json else summary(result, carries, lead, quantile, second))


def read_csv(path: Path) -> dict[float, float]:
    """Time (Unix seconds, or ISO 8601) and value of each line; one header line is skipped."""
    values: dict[float, float] = {}
    with path.open(newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            try:
                values[_moment(row[0])] = float(row[1]) if row[1].strip() else math.nan
            except (IndexError, ValueError) as error:
                if number > 1:
                    raise click.ClickException(f"{path}, line {number}: {','.join(row)!r} is no `time,value`.") from error
    if not values:
        raise click.ClickException(f"{path} has no lines `time,value`.")
    return values


def grid(values: dict[float, float]) -> tuple[list[float], list[float]]:
    """The values as means of minutes, from the first to the last; a minute without any is NaN. Values further apart than a minute are held."""
    moments = sorted(values)
    sums: dict[int, list[float]] = {}
    for moment in moments:
        if math.isfinite(values[moment]) and values[moment] >= 0:
            sums.setdefault(math.ceil(moment / MINUTE), []).append(values[moment])
    if not sums:
        return [], []
    means = {minute: sum(found) / len(found) for minute, found in sums.items()}
    gaps = sorted(after - before for before, after in itertools.pairwise(moments))
    usual = max(1, round(gaps[len(gaps) // 2] / MINUTE)) if gaps else 1
    first, last = min(means), max(means)
    series, held = [], (-math.inf, math.nan)
    for minute in range(first, last + 1):
        held = (minute, means[minute]) if minute in means else held
        series.append(held[1] if minute - held[0] < usual else math.nan)
    return [float(minute * MINUTE) for minute in range(first, last + 1)], series


def figures(result: Backtest, capacity: float, second: Second | None = None) -> dict[str, Any]:
    """The figures for machines."""
    return {
        "theta": _theta(second) if second else None,
        "verdict": result.verdict,
        "reason": result.reason,
        "capacity": capacity,
        "scored_minutes": len(result.times),
        "horizons": {
            str(minutes): {
                "skill": _finite(score.skill),
                "error": _finite(score.ours / score.count if score.count else math.nan),
                "coverage": _finite(score.covered / score.count if score.count else math.nan),
                "count": score.count,
            }
            for minutes, score in result.scores.items()
        },
        "policies": [
            {
                "name": outcome.name,
                "replica_hours": round(outcome.replica_hours, 2),
                "under_provisioned_minutes": int(outcome.short_minutes),
                "unserved_share": round(outcome.unserved, 6),
            }
            for outcome in result.outcomes
        ],
    }


def _theta(second: Second) -> dict[str, Any]:
    return {
        "horizons": {
            str(minutes): {"skill": _finite(its.skill), "error": _finite(its.theirs / its.count if its.count else math.nan), "count": its.count}
            for minutes, its in second.horizons.items()
        },
        "same_minutes": {
            "minutes_ahead": second.minutes,
            "count": second.count,
            "error": _finite(second.theirs / second.count if second.count else math.nan),
            "forecast_error": _finite(second.ours / second.count if second.count else math.nan),
        },
    }


def _second(times: list[float], series: list[float], result: Backtest, lead: float, *, quiet: bool) -> Second | None:
    """Theta on logs on the same history; None where statsmodels is missing, or the history too short."""
    if not theta.available():
        return None
    delay = max(1, math.ceil(lead / MINUTE))
    made: compared.Made = {}
    with click.progressbar(length=1000, label="Theta on the same history", hidden=quiet, file=sys.stderr) as bar:
        done = 0
        for step in compared.play(times, series, sorted({*result.scores, delay})):
            if isinstance(step, float):
                bar.update(int(1000 * step) - done)
                done = int(1000 * step)
            else:
                made = step
    if not made.get(delay):
        return None
    actual = dict(zip(times, series, strict=True))
    ours = {time: abs(value - point) for time, value, point in zip(result.times, result.actual, result.point, strict=True) if math.isfinite(point)}
    both = [time for time in made[delay] if time in ours]
    return Second(
        {minutes: compared.score(made[minutes], minutes, actual) for minutes in result.scores},
        delay,
        len(both),
        sum(ours[time] for time in both),
        sum(abs(actual[time] - made[delay][time]) for time in both),
    )


def _played(
    times: list[float], series: list[float], settings: PlanSettings, capacity: float, lead: float, quantile: float, *, quiet: bool
) -> Backtest:
    result: Backtest | None = None
    with click.progressbar(length=1000, label="playing the history", hidden=quiet, file=sys.stderr) as bar:
        done = 0
        for step in play(times, series, settings, capacity, lead, quantile):
            if isinstance(step, Backtest):
                result = step
                bar.update(1000 - done)
            else:
                bar.update(int(1000 * step) - done)
                done = int(1000 * step)
    if result is None:
        raise click.ClickException("The backtest ended without a result.")
    return result


def _read_prometheus(url: str, query: str, since: str) -> dict[float, float]:
    async def read() -> dict[float, float]:
        async with aiohttp.ClientSession() as session:
            now = time.time()
            source = Prometheus(url, session, timeout_seconds=30.0, concurrency=1)
            click.echo("reading the history; a pause after each part leaves Prometheus to others", err=True)
            return await history(source, DemandQuery(query, None), now - duration.seconds(since.removeprefix("-")), now)

    try:
        values = asyncio.run(read())
    except (SignalError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    if not values:
        raise click.ClickException("The query gives no values in that time: is the metric's name right, and is it scraped?")
    return values


def _moment(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        moment = datetime.fromisoformat(text.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _finite(value: float) -> float | None:
    return round(value, 4) if math.isfinite(value) else None
