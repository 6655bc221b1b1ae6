"""The cross-check beside the operator's forecasts: what it is told, what comes of it in status and metrics, and that it can be left out."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

import aiohttp
import click
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from flyball.api.meta import Mode
from flyball.api.predictiveautoscaler import PredictiveAutoscaler
from flyball.cli.options import build, options
from flyball.controllers.predictiveautoscaler import status
from flyball.controllers.predictiveautoscaler.ahead import Ahead
from flyball.controllers.predictiveautoscaler.decisions import History
from flyball.controllers.predictiveautoscaler.signals import Seen
from flyball.controllers.predictiveautoscaler.status import Facts
from flyball.crosscheck import theta
from flyball.crosscheck.check import CrossCheck
from flyball.kube.client import Kube
from flyball.replicas import Decision
from flyball.replicas import Reason as PlanReason
from flyball.replicas.readiness import ReadyAfter
from flyball.runtime.app import App
from flyball.runtime.metrics import Metrics
from flyball.runtime.settings import Settings
from flyball.signals.demand import DemandQuery
from tests.unit.controllers.test_forecasts import PAY, QUERY, START, WEB, Scene

Key = tuple[str, str, str]
URL = "http://prometheus:9090"


class Listener(CrossCheck):
    """Notes what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.began_with: dict[Key, tuple[float, int]] = {}
        self.steps: list[tuple[Key, dict[float, float], float]] = []
        self.forgotten: list[Key] = []
        self.better: set[Key] = set()

    def began(self, key: Key, start: float, history: NDArray[Any]) -> None:
        self.began_with[key] = start, int(np.isfinite(history).sum())

    def stepped(self, key: Key, minutes: Mapping[float, float], point: Callable[[], float]) -> None:
        self.steps.append((key, dict(minutes), point()))

    def forget(self, key: Key) -> None:
        self.forgotten.append(key)

    def outdone(self, key: Key) -> bool:
        return key in self.better


@pytest.fixture
def heard() -> tuple[Scene, Listener]:
    scene, listener = Scene(), Listener()
    scene.forecasts.check = listener
    scene.forecasts.follow(WEB, QUERY)
    scene.forecasts.follow(PAY, QUERY)
    listener.forgotten.clear()
    scene.admit()
    return scene, listener


def test_it_is_told_the_history_and_each_minute_with_the_forecast_of_a_quarter_of_an_hour(heard: tuple[Scene, Listener]) -> None:
    scene, listener = heard
    assert listener.began_with == {WEB: (START - 7200, 121), PAY: (START - 7200, 121)}
    listener.steps.clear()
    scene.minute(140.0, WEB)
    (web, minutes, point), (pay, gap, _) = listener.steps
    assert (web, minutes, pay) == (WEB, {START + 60: 140.0}, PAY)
    assert math.isnan(gap[START + 60])
    ahead = scene.forecasts.ahead(WEB)
    assert ahead and point == ahead.point(900)


def test_a_forecast_says_whether_it_is_outdone(heard: tuple[Scene, Listener]) -> None:
    scene, listener = heard
    listener.better.add(WEB)
    scene.minute(100.0, WEB, PAY)
    web, pay = scene.forecasts.ahead(WEB), scene.forecasts.ahead(PAY)
    assert web and pay
    assert (web.outdone, pay.outdone) == (True, False)


def test_it_forgets_what_the_forecasts_forget_and_what_becomes_another_series(heard: tuple[Scene, Listener]) -> None:
    scene, listener = heard
    scene.forecasts.follow(WEB, DemandQuery("sum(rate(other_total[60s]))", None))
    scene.forecasts.forget("shop", "pay")
    assert listener.forgotten == [WEB, PAY]


class _Usable:
    usable, outdone, largest = True, True, 100.0

    def __getattr__(self, name: str) -> Callable[..., float]:
        return lambda *arguments: 100.0

    useful_from = math.nan
    reason = type("Told", (), {"value": "Ok"})


def facts(outdone: bool) -> Facts:
    spec = {
        "scaleTargetRef": {"kind": "Deployment", "name": "web"},
        "maxReplicas": 9,
        "demands": [{"name": "requests", "counter": {"metric": "requests_total"}, "capacity": "10"}],
    }
    pas = PredictiveAutoscaler.parse({"metadata": {"name": "web", "namespace": "shop", "uid": "1", "generation": 1}, "spec": spec})
    ahead = _Usable()
    ahead.outdone = outdone
    seen = Seen(pas.spec.demands[0], 90.0, 1.0, 10.0, False, cast(Ahead, ahead), None)
    decision = Decision(replicas=9, wish=9, reactive=9, proactive=9, governing="requests", reasons=(PlanReason.DEMAND,), message="enough", doubts=())
    return Facts(pas, Mode.ENFORCE, START, [seen], decision, 9, 9, 0, ReadyAfter(60.0, 0), History(), None, None)


def forecast_condition(its: Facts) -> tuple[str, str, str]:
    (found,) = (condition for condition in status.build(its).conditions if condition.type == "ForecastUsable")
    return found.status.value, found.reason, found.message


def test_the_status_says_that_theta_was_clearly_better_and_nothing_where_it_was_not() -> None:
    assert forecast_condition(facts(outdone=False)) == ("True", "Ok", "The demand to come counts beside that of now.")
    kind, reason, message = forecast_condition(facts(outdone=True))
    assert (kind, reason) == ("True", "Ok"), "a second opinion changes no plan"
    assert message.endswith("Theta on logs would have erred a fifth less, or better, a quarter of an hour ahead: requests.")


def test_what_it_says_has_no_figure_that_would_have_the_status_written_with_each_of_them() -> None:
    first = facts(outdone=True)
    later = replace(first, now=START + 60)
    assert forecast_condition(first) == forecast_condition(later)


def app(**changes: Any) -> App:
    return App(Settings(prometheus_url=URL, **changes), cast(Kube, None), cast(aiohttp.ClientSession, None))


def samples(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    found = (sample for family in metrics.registry.collect() for sample in family.samples)
    return {tuple(sample.labels.values()): sample.value for sample in found if sample.name == name}


def test_the_operator_counts_fits_and_shows_the_ratio_until_the_object_goes() -> None:
    its = app()
    check = its.forecasts.check
    assert check
    check.on_fit("hung")
    check.on_ratio(WEB, 0.7)
    assert samples(its.metrics, "flyball_forecast_crosscheck_fits_total") == {("hung",): 1.0}
    assert samples(its.metrics, "flyball_forecast_crosscheck_error_ratio") == {WEB: 0.7}
    its.metrics.forget_autoscaler("shop", "web")
    assert not samples(its.metrics, "flyball_forecast_crosscheck_error_ratio")


def test_it_can_be_turned_off_and_is_left_out_where_statsmodels_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert app(cross_check=False).forecasts.check is None
    monkeypatch.setattr(theta, "available", lambda: False)
    assert app().forecasts.check is None


@pytest.mark.parametrize(
    ("arguments", "environment", "expected"),
    [([], {}, True), (["--no-cross-check"], {}, False), ([], {"FLYBALL_CROSS_CHECK": "false"}, False), (["--cross-check"], {}, True)],
)
def test_the_option_and_the_variable_turn_it_off(arguments: list[str], environment: dict[str, str], expected: bool) -> None:
    built: list[Settings] = []

    @click.command()
    @options(Settings)
    def command(**values: Any) -> None:
        built.append(build(Settings, values))

    done = CliRunner().invoke(command, ["--prometheus-url", URL, *arguments], env=environment)
    assert done.exit_code == 0, done.output
    assert built[0].cross_check is expected


def test_a_cross_check_that_runs_ends_when_it_is_cancelled() -> None:
    async def ended() -> bool:
        running = asyncio.create_task(CrossCheck().run())
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return running.cancelled()

    assert asyncio.run(ended())
