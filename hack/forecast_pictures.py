"""The pictures of docs/concepts/forecasting.md, drawn from the engine itself.

    python -m hack.forecast_pictures                  # writes docs/concepts/forecast-*.svg
    python -m hack.forecast_pictures --csv week.csv   # the week they are of, for `flyball forecast --csv week.csv`

The week is made: a working day with a steep morning, a dip at noon and noise of 4 %. Nothing is fetched, and each run gives the same bytes on the
same numpy.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from flyball.forecast import Engine
from flyball.replicas.backtest import Backtest, play
from flyball.replicas.types import PlanSettings
from hack.cluster.layout import REPOSITORY
from hack.demo.svg import Chart

FOLDER = REPOSITORY / "docs" / "concepts"
DAY = 1440
DAYS = 5
MONDAY = 1_767_571_200
"""Monday, 2026-01-05, 00:00 UTC."""
CAPACITY, READY_AFTER_SECONDS, QUANTILE = 25.0, 300.0, 0.95
SHIFT_DAYS, SHIFT_AT = 3, 3 * DAY + 720
WINDOW = (5 * 60, 11 * 60)
"""Minutes of the last day that are drawn: the morning."""
STYLE = (
    "<style>text{font:12px system-ui,sans-serif;fill:#444}.grid{stroke:#ddd}.line{fill:none;stroke-width:1.6}.actual{stroke:#1b6ca8}"
    ".ahead{stroke:#c2571a}.other{stroke:#777;stroke-dasharray:5 3}.area{fill:#c2571a;opacity:.16}text.actual{fill:#1b6ca8;stroke:none}"
    "text.ahead{fill:#c2571a;stroke:none}text.other{fill:#777;stroke:none}rect{fill:#fff}</style>"
)


def demand(minute: int, noise: random.Random) -> float:
    """Requests a second in a minute of the week."""
    hour = minute % DAY / 60
    day = _rise(hour, 8.0, 0.35) - 0.25 * math.exp(-(((hour - 12.5) / 0.7) ** 2)) - 0.55 * _rise(hour, 17.5, 0.8) - 0.35 * _rise(hour, 21.5, 0.7)
    return max(0.0, (30 + 150 * day) * (1 + noise.gauss(0, 0.04)))


def week() -> list[float]:
    noise = random.Random(1)
    return [demand(minute, noise) for minute in range(DAYS * DAY)]


def backtested(values: Sequence[float]) -> Backtest:
    """What `flyball forecast` does with the week."""
    times = [MONDAY + 60.0 * (minute + 1) for minute in range(len(values))]
    for step in play(times, values, PlanSettings(maximum=1000), CAPACITY, READY_AFTER_SECONDS, QUANTILE):
        if isinstance(step, Backtest):
            return step
    raise RuntimeError("the backtest ended without a result")


def morning(result: Backtest) -> str:
    """The last day's morning: actual, what was expected of it, and the band."""
    part = _window(result)
    chart = Chart("Demand, and the forecast made 5 minutes before", _seconds(), (0.0, 220.0), height=260)
    chart.area(_points(result.upper[part]), _points(result.point[part]), "ahead")
    chart.line(_points(result.actual[part]), "actual", "demand")
    chart.line(_points(result.point[part]), "ahead", "5 min before")
    return drawn(chart)


def replicas(result: Backtest) -> str:
    """Replicas on the same morning: with forecasts and by the demand of now; both as asked for."""
    part = _window(result)
    ahead, now, _ = result.outcomes
    needed = [value / CAPACITY for value in result.actual[part]]
    chart = Chart("Replicas asked for", _seconds(), (0.0, 10.0), height=240)
    chart.line(_points(needed), "actual", "needed now")
    chart.line(_points([float(value) for value in now.replicas[part]]), "other", "by demand of now", step=True)
    chart.line(_points([float(value) for value in ahead.replicas[part]]), "ahead", "with forecasts", step=True)
    return drawn(chart)


def shift() -> str:
    """Demand that trebles at noon and stays: the forecast stands on the new level three minutes later, its band opens and closes."""
    noise = random.Random(2)
    engine = Engine(1)
    actual, point, upper = [], [], []
    first = SHIFT_AT - 30
    for minute in range(SHIFT_AT + 90):
        value = demand(minute, noise) * (3 if minute >= SHIFT_AT else 1)
        if minute >= first:
            forecast = engine.forecast()
            actual.append(value)
            point.append(forecast.at(0, 60.0))
            upper.append(forecast.at(0, 60.0, QUANTILE))
        engine.update(MONDAY + 60.0 * (minute + 1), [value])
    chart = Chart("Demand that trebles, and the forecast made a minute before", 60.0 * len(actual), (0.0, 1000.0), height=240)
    chart.area(_points(upper), _points(point), "ahead")
    chart.line(_points(actual), "actual", "demand")
    chart.line(_points(point), "ahead", "1 min before")
    return drawn(chart)


def drawn(chart: Chart) -> str:
    """The chart as a file that needs no style sheet and reads on dark pages too."""
    text = chart.svg()
    head, _, rest = text.partition(">")
    return head.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1) + f'>{STYLE}<rect width="100%" height="100%"/>' + rest + "\n"


def _rise(hour: float, middle: float, width: float) -> float:
    return 1 / (1 + math.exp(-(hour - middle) / (width / 2)))


def _window(result: Backtest) -> slice:
    last = len(result.times) - DAY
    return slice(last + WINDOW[0], last + WINDOW[1])


def _seconds() -> float:
    return 60.0 * (WINDOW[1] - WINDOW[0])


def _points(values: Sequence[float]) -> list[tuple[float, float | None]]:
    return [(60.0 * index, value if math.isfinite(value) else None) for index, value in enumerate(values)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m hack.forecast_pictures", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--csv", type=Path, help="write the week as lines `time,value` instead")
    csv = parser.parse_args().csv
    if csv:
        csv.write_text("".join(f"{MONDAY + 60 * (minute + 1)},{value:.2f}\n" for minute, value in enumerate(week())))
        return
    result = backtested(week())
    pictures: dict[str, Callable[[], str]] = {
        "forecast-morning.svg": lambda: morning(result),
        "forecast-replicas.svg": lambda: replicas(result),
        "forecast-shift.svg": shift,
    }
    for name, draw in pictures.items():
        (FOLDER / name).write_text(draw())
        print(f"wrote {(FOLDER / name).relative_to(REPOSITORY)}")


if __name__ == "__main__":
    main()
