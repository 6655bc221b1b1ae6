"""The pages say what is there: links lead somewhere, metrics and reasons are those of the code, commands are targets of the Makefile."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest
import yaml

from flyball.agent.plans import HandsOff
from flyball.agent.tally import Tallies
from flyball.api.conditions import ConditionType, Reason
from flyball.replicas import Reason as PlanReason
from flyball.runtime.metrics import Metrics

ROOT = Path(__file__).resolve().parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "concepts").glob("*.md"), *ROOT.glob("examples/*/README.md")])
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+)", page.read_text())
    missing = [target for target in targets if not target.startswith("http") and not (page.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {name for line in re.findall(r"(?:^|`)make ([a-z -]+)", page.read_text(), re.MULTILINE) for name in line.split()}
    assert named <= targets


def test_the_readme_says_which_file_holds_the_captain() -> None:
    (file,) = set(re.findall(r"\*\*the Captain\*\* \(\[`([^`]+)`", (ROOT / "README.md").read_text()))
    assert "Captain" in (ROOT / file).read_text().splitlines()[0]


def test_metrics_on_the_page_are_those_that_agent_and_operator_export() -> None:
    families = [*Tallies("node").collect(), *Metrics().registry.collect()]
    exported = {f"{family.name}_total" if family.type == "counter" else family.name for family in families}
    assert set(re.findall(r"flyball_[a-z_]+", OPERATIONS)) == exported


def test_every_reason_to_keep_hands_off_is_explained() -> None:
    assert not [reason for reason in HandsOff if f"`{reason}`" not in OPERATIONS]


def test_conditions_and_reasons_in_the_troubleshooting_table_exist() -> None:
    table = OPERATIONS.split("| condition | reason |")[1].split("\n\n")[0]
    named = set(re.findall(r"`([A-Z][A-Za-z]+)(?:=\w+)?`", table))
    assert named <= {*ConditionType, *Reason}


def test_what_a_predictive_autoscaler_says_is_explained() -> None:
    assert not [reason for reason in PlanReason if reason is not PlanReason.TOLERANCE and f"`{reason.value}`" not in OPERATIONS]
    table = OPERATIONS.split("| condition of a PredictiveAutoscaler |")[1].split("\n\n")[0]
    named = set(re.findall(r"`([A-Z][A-Za-z]+)(?:=\w+)?`", table))
    own = {Reason.TARGET_NOT_FOUND, Reason.TARGET_FORBIDDEN, Reason.NO_HPA, Reason.NO_CAPACITY, Reason.FIELD_OWNED, Reason.KEDA}
    own |= {Reason.COLD_START, Reason.NO_SKILL, Reason.IMPLAUSIBLE, Reason.OTHER_PREDICTIVE_AUTOSCALER}
    assert own <= named <= {*ConditionType, *Reason}


def test_the_alert_rules_are_yaml_with_an_expression_each() -> None:
    (block,) = re.findall(r"```yaml\n(groups:.*?)```", OPERATIONS, re.DOTALL)
    rules = yaml.safe_load(block)["groups"][0]["rules"]
    assert all(rule["expr"] and rule["annotations"]["summary"] for rule in rules)


def test_the_lines_that_use_the_forecast_engine_run_and_print_what_they_say() -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "concepts" / "forecasting.md").read_text(), re.DOTALL)
    assert len(lines.splitlines()) <= 20
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(lines, {})
    reason, point, bound, _ = said.getvalue().split("\n", 3)
    assert reason == "Ok True"
    assert 50 < float(point) < float(bound) < 200
