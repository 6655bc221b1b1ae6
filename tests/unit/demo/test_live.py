"""The live table and the status it reads."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from hack.demo import live
from hack.demo.status import Decisions, parse
from tests.unit.demo.builders import START, decision, latency_slo, request

OBJECTIVE = (0.2, 0.01)


def shown(**changes: object) -> live.View:
    """A view 100 s into a run with ten requests a second, of which one in twenty is late."""
    sent = [request(at / 10, 250 if at % 20 == 10 else 50) for at in range(1001)]
    thing = latency_slo([decision(reason="Save", message="gateway: the budget burns: targets fall.")], **changes)  # type: ignore[arg-type]
    return live.view("Enforce", 83.4, sent, START + 100, OBJECTIVE, parse(thing, START + 100))


def text(view: live.View) -> str:
    return "\n".join(f"{what}: {how}" for what, how, _ in live.lines(view))


def test_the_table_shows_what_is_asked_what_is_measured_and_why() -> None:
    said = text(shown())
    assert "phase: Enforce, 1:23 left" in said
    assert "requests: 10.0 /s" in said
    assert "p99: 250 ms of 200 ms" in said
    assert "slow share: 5.00 % of 1 % allowed" in said
    assert "budget left: 80 %" in said
    assert "1.20 cores allocated, 2.40 in the pods' limits, 0.50 used: 50 % saved" in said
    assert "target high: 2.0 % throttled  (catalog, gateway)" in said
    assert "target low: 6.0 % throttled  (cart)" in said
    assert "06:01:30: Save: gateway: the budget burns: targets fall." in said


def test_what_is_beyond_the_objective_is_marked() -> None:
    marked = {what for what, _, bad in live.lines(shown(left="-12.0")) if bad}
    assert marked == {"p99", "slow share", "budget left"}


def test_before_anything_is_known_the_table_has_dashes() -> None:
    view = live.view("warm-up", 45, [], START, OBJECTIVE, parse({"spec": {}}, START))
    said = text(view)
    assert "p99: – of 200 ms" in said
    assert "budget left: –" in said
    assert math.isnan(view.slow_share)
    assert "p99 – ms" in live.plain(view)


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"type": "Ready", "status": "False", "message": "No running pod matches."}, True),
        ({"type": "Conflicted", "status": "True", "message": "An HPA moves it."}, True),
        ({"type": "Ready", "status": "True", "message": "7 pods."}, False),
        ({"type": "Conflicted", "status": "False", "message": "Nobody else."}, False),
        ({"type": "Enforcing", "status": "False", "message": "Agents only measure."}, False),
    ],
)
def test_a_condition_that_is_not_as_it_should_be_is_shown(condition: dict[str, str], said: bool) -> None:
    assert (condition["message"] in text(shown(conditions=[condition]))) is said


def test_where_nobody_watches_a_terminal_a_line_is_written_every_ten_seconds() -> None:
    out = io.StringIO()
    with live.Display(Console(file=out, width=40)) as display:
        for second in range(21):
            display.show(shown(), float(second))
    lines = out.getvalue().splitlines()
    assert len(lines) == 3, "at 0, 10 and 20 s, each one line however narrow"
    assert "p99 250 ms  slow 5.00 %  budget 80 %  cores 1.20/2.40 used 0.50  targets high=2.0% low=6.0%  Save" in lines[0]


def test_on_a_terminal_the_table_is_drawn() -> None:
    out = io.StringIO()
    with live.Display(Console(file=out, width=120, force_terminal=True, color_system=None)) as display:
        display.show(shown(), 0.0)
    assert "1.20 cores allocated" in out.getvalue()


def test_decisions_are_kept_beyond_the_ten_that_the_status_holds_and_each_once() -> None:
    made = [decision(f"06:{minute:02d}:00", high=minute) for minute in range(20)]
    kept = Decisions()
    for end in range(1, 21):
        kept.add(parse(latency_slo(made[max(0, end - 10) : end]), START))
    assert [one.targets["high"] for one in kept.all()] == list(range(20))


def test_a_decision_that_grew_is_kept_as_it_was_seen_last() -> None:
    kept = Decisions()
    for high in (3, 9, 18):
        kept.add(parse(latency_slo([decision(message=f"{high} steps", high=high)]), START))
    assert [one.targets["high"] for one in kept.all()] == [18]


def test_with_several_objectives_the_one_with_the_least_budget_counts() -> None:
    thing = latency_slo()
    thing["status"]["objectives"].append({"name": "cart", "budgetLeftPercent": "12.0", "burnRate": "3.00"})
    snapshot = parse(thing, START)
    assert (snapshot.budget_left_percent, snapshot.burn_rate) == (12.0, 3.0)
