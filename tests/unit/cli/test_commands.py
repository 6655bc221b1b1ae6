"""The command line: options from settings, a small agent, tables and explanations, errors in one sentence."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from flyball.agent.settings import Settings as AgentSettings
from flyball.api.conditions import Reason
from flyball.api.latencyslo import LatencySLO
from flyball.cli import explain, status
from flyball.cli.crds import definitions
from flyball.cli.main import COMMANDS, main
from flyball.cli.shared import object_name
from flyball.runtime.settings import Settings
from tests.api_objects import full_status, minimal_slo

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 21, 6, 5, 0, tzinfo=UTC)


def invoke(*arguments: str, **environment: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, arguments, env=environment)
    return result.exit_code, result.output


def seen(**changes: Any) -> dict[str, Any]:
    """An object with a full status."""
    body = minimal_slo()
    body["metadata"] |= {"generation": 3, "uid": "u"}
    body["spec"]["mode"] = "Enforce"
    body["status"] = full_status() | changes
    return body


def condition(kind: str, holds: str, reason: str, message: str = "So it is.") -> dict[str, Any]:
    return {
        "type": kind,
        "status": holds,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-11-21T06:00:00Z",
        "observedGeneration": 3,
    }


@pytest.mark.parametrize(
    ("command", "forbidden"),
    [
        (["agent", "--help"], ("kopf", "kubernetes", "pydantic", "yaml")),
        (["agent", "--node-name", ""], ("kopf", "kubernetes", "pydantic", "yaml")),
    ],
)
def test_the_agents_command_carries_none_of_the_operators_libraries(command: list[str], forbidden: tuple[str, ...]) -> None:
    program = (
        "import sys\n"
        "from flyball.cli.main import main\n"
        f"try: main({command!r})\n"
        "except SystemExit: pass\n"
        f"print('LOADED', sorted(set({forbidden!r}) & set(sys.modules)), 'flyball.agent.main' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED [] True", done.stdout + done.stderr


def test_every_command_has_a_help_text() -> None:
    code, text = invoke("--help")
    assert code == 0
    for name in COMMANDS:
        (line,) = [line for line in text.splitlines() if line.startswith(f"  {name} ")]
        assert line.split(maxsplit=1)[1], name
        assert invoke(name, "--help")[0] == 0


@pytest.mark.parametrize(("command", "settings"), [("operator", Settings), ("agent", AgentSettings)])
def test_every_setting_is_an_option_and_a_variable(command: str, settings: Any) -> None:
    shown = " ".join(invoke(command, "--help")[1].split())
    for field in dataclasses.fields(settings):
        assert f"--{field.name.replace('_', '-')}" in shown


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["operator"], {}, "--prometheus-url"),
        (["operator", "--prometheus-url", "prometheus"], {}, "prometheus-url must be an http or https address"),
        (["operator"], {"FLYBALL_PROMETHEUS_URL": "prometheus"}, "prometheus-url must be an http or https address"),
        (["operator", "--prometheus-url", "http://p", "--max-mode", "Yolo"], {}, "'Yolo' is not one of"),
        (["operator", "--prometheus-url", "http://p", "--tick-seconds", "soon"], {}, "'soon' is not a valid float"),
        (["agent", "--node-name", "n", "--tick-seconds", "0"], {}, "tick_seconds must be greater than 0"),
        (["release"], {}, "Name one object (lslo/NAME or pas/NAME) or all of them (--all)."),
        (["release", "lslo/shop", "--all"], {}, "Name one object (lslo/NAME or pas/NAME) or all of them (--all)."),
        (["explain", "pod/shop"], {}, "'pod/shop' is neither a LatencySLO nor a PredictiveAutoscaler; write lslo/NAME or pas/NAME."),
        (["explain", "lslo/"], {}, "the name is missing"),
        (["status", "-n", "shop", "-A"], {}, "Use -n or -A, not both."),
        (["status", "-w", "-o", "json"], {}, "--watch prints tables"),
    ],
)
def test_a_wrong_call_is_told_in_a_sentence(arguments: list[str], environment: dict[str, str], message: str) -> None:
    code, text = invoke(*arguments, **environment)
    assert code == 2
    assert message in text


@pytest.mark.parametrize("command", [["status"], ["explain", "lslo/shop"], ["release", "--all"], ["crds", "apply"]])
@pytest.mark.parametrize("server", [None, "https://127.0.0.1:1"])
def test_without_a_cluster_there_is_one_sentence(command: list[str], server: str | None, tmp_path: Path) -> None:
    config = tmp_path / "config"
    if server:
        names = {"current-context": "x", "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}]}
        config.write_text(
            yaml.safe_dump({**names, "clusters": [{"name": "x", "cluster": {"server": server}}], "users": [{"name": "x", "user": {"token": "t"}}]})
        )
    code, text = invoke(*command, KUBECONFIG=str(config))
    assert code == 1
    assert text.startswith("Error: ")
    assert len(text.strip().splitlines()) == 1
    assert ("cannot be reached" if server else "No Kubernetes cluster is configured") in text


def test_the_printed_definitions_are_those_of_the_repository() -> None:
    code, text = invoke("crds", "print")
    assert code == 0
    printed = list(yaml.safe_load_all(text))
    assert printed == definitions()
    assert printed == [yaml.safe_load((ROOT / "crds" / f"{its['spec']['names']['plural']}.yaml").read_text()) for its in printed]


@pytest.mark.parametrize("value", ["shop", "lslo/shop", "LatencySLO/shop", "latencyslos/shop"])
def test_an_object_is_named_as_kubectl_does(value: str) -> None:
    assert object_name(value) == "shop"


def test_a_name_of_another_kind_is_refused() -> None:
    with pytest.raises(click.BadParameter):
        object_name("deploy/shop")


def test_the_table_tells_state_budget_cores_and_the_last_decision() -> None:
    header, row = status.render([seen()], NOW).splitlines()
    assert header.split()[:4] == ["NAMESPACE", "NAME", "MODE", "STATE"]
    for part in ("default", "shop", "Enforce", "Ready", "61.5 %", "0.73", "0.4 %", "0.31", "0.48", "1.00", "52 %", "high=4%", "BudgetAmple, 5m ago"):
        assert part in row


def test_an_object_that_nobody_has_seen_is_in_the_table_too() -> None:
    _, row = status.render([minimal_slo()], NOW).splitlines()
    assert "Unseen" in row
    assert status.render([], NOW) == "There are no LatencySLOs."


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ([condition("Ready", "True", "Reconciled")], "Ready"),
        ([condition("Ready", "False", "NoPods"), condition("SignalsAvailable", "False", "Stale")], "NoPods"),
        ([condition("Ready", "True", "Reconciled"), condition("SignalsAvailable", "False", "Stale")], "Stale"),
        ([condition("Ready", "True", "Reconciled"), condition("Conflicted", "True", "OtherLatencySLO")], "OtherLatencySLO"),
        ([condition("Ready", "True", "Reconciled"), condition("Conflicted", "False", "NoConflict")], "Ready"),
    ],
)
def test_the_state_is_the_first_thing_that_is_not_as_it_should_be(conditions: list[dict[str, Any]], state: str) -> None:
    assert status.state(LatencySLO.parse(seen(conditions=conditions))) == state


@pytest.mark.parametrize(("seconds", "text"), [(0, "0s ago"), (59, "59s ago"), (60, "1m ago"), (7300, "2h ago"), (200_000, "2d ago"), (-5, "0s ago")])
def test_ages_are_short(seconds: int, text: str) -> None:
    moment = datetime.fromtimestamp(NOW.timestamp() - seconds, UTC).isoformat()
    assert status.ago(moment, NOW) == text


def test_an_explanation_says_how_many_minutes_may_lie_above() -> None:
    known = seen()
    known["spec"]["objectives"][0]["minutesAbovePercent"] = "5"
    assert "99 % within 200ms over 1h, 5 % of its minutes above at most (governs)" in "\n".join(explain.text(LatencySLO.parse(known), NOW))


def test_an_explanation_tells_inputs_choice_alternatives_and_effects() -> None:
    text = "\n".join(explain.text(LatencySLO.parse(seen()), NOW))
    for part in (
        "LatencySLO default/shop, mode Enforce",
        "99 % within 200ms over 1h (governs)",
        "400 of 100000 requests slow",
        "Hint: Add a bucket at 0.2.",
        "Deployment/cart",
        "BY WEIGHT",
        " 0.08",
        "The budget burns at 0.73; targets go up.",
        "Inputs: governing objective gateway, burn 0.73, budget left 61.5 %",
        "Choice: throttle targets high 3 % -> 4 %",
        "Alternative: hold: nothing saved",
        "Expected: 40 millicores less",
        "Observed: 35 millicores less",
    ):
        assert part in text


def test_an_explanation_says_what_to_do_about_what_is_wrong() -> None:
    body = seen(
        conditions=[condition("SignalsAvailable", "False", "NoBucket", "Add the bucket 0.2."), condition("Conflicted", "False", "NoConflict")]
    )
    text = "\n".join(explain.text(LatencySLO.parse(body), NOW))
    assert "What to do: Add the bucket that the message names" in text
    assert text.count("What to do") == 1


def test_an_explanation_of_an_object_that_nobody_looked_at_asks_for_the_operator() -> None:
    text = "\n".join(explain.text(LatencySLO.parse(minimal_slo()), NOW))
    assert "No operator has looked at this object yet." in text


def test_an_explanation_of_an_older_spec_says_so() -> None:
    body = seen()
    body["metadata"]["generation"] = 4
    assert "The spec has changed since" in "\n".join(explain.text(LatencySLO.parse(body), NOW))


def test_there_is_advice_for_every_reason_that_is_not_good_news() -> None:
    good = {
        Reason.RECONCILED,
        Reason.SIGNALS_FRESH,
        Reason.BUDGET_LEFT,
        Reason.NO_CONFLICT,
        Reason.MODE_ENFORCE,
        Reason.MODE_CANARY,
        Reason.NO_REQUESTS,
        Reason.FORECAST_OK,
    }
    assert set(Reason) - good == set(explain.ADVICE)
