"""The demo's request rate: a sample of the real trace, and what k6 is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from hack.demo import shop, trace
from hack.demo.errors import DemoError

DATA = Path(os.environ.get("FLYBALL_DATA") or Path(__file__).parents[4] / "shared" / "data")
FULL = DATA / "rps" / "autothrottle-diurnal.txt"


def test_the_sample_is_720_seconds_with_the_traces_own_peak() -> None:
    values = trace.read()
    assert len(values) == 720
    assert (min(values), max(values), sum(values)) == (178, 387, 189060)


@pytest.mark.skipif(not FULL.is_file(), reason="no full traces: neither FLYBALL_DATA nor ../shared/data holds them")
def test_the_sample_is_what_the_script_makes_of_the_full_trace() -> None:
    assert "\n".join(trace.main([str(FULL)])) + "\n" == trace.FILE.read_text()


def test_every_fifth_value_is_taken() -> None:
    assert trace.sample(range(12)) == [0, 5, 10]


def test_the_plan_warms_up_at_the_first_rate_and_then_follows_the_trace_second_by_second() -> None:
    plan = trace.plan([189, 184, 387], warm_up_seconds=30, seconds=3)
    assert plan == {
        "start": 189,
        "stages": [
            {"target": 189, "duration": "30s"},
            {"target": 189, "duration": "1s"},
            {"target": 184, "duration": "1s"},
            {"target": 387, "duration": "1s"},
        ],
    }


def test_a_run_longer_than_the_trace_begins_it_again() -> None:
    plan = trace.plan([10, 20], warm_up_seconds=0, seconds=5)
    assert [stage["target"] for stage in plan["stages"]] == [10, 20, 10, 20, 10]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("content", "said"), [("1\ntwo\n", "two"), ("", "whole numbers"), ("-1\n", "whole numbers"), (None, "git checkout")])
def test_a_trace_that_cannot_be_used_is_named(tmp_path: Path, content: str | None, said: str) -> None:
    file = tmp_path / "trace.txt"
    if content is not None:
        file.write_text(content)
    with pytest.raises(DemoError, match=said):
        trace.read(file)


def test_the_shop_is_five_services_or_more_and_each_states_requests_below_limits() -> None:
    documents = list(yaml.safe_load_all((shop.FOLDER / "shop.yaml").read_text()))
    deployments = [document for document in documents if document["kind"] == "Deployment"]
    services = {document["metadata"]["name"] for document in documents if document["kind"] == "Service"}
    assert len(deployments) >= 5
    assert {deployment["metadata"]["name"] for deployment in deployments} == services
    for deployment in deployments:
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert shop.IMAGE.endswith(container["image"])
        resources = container["resources"]
        assert int(resources["requests"]["cpu"].rstrip("m")) < int(resources["limits"]["cpu"].rstrip("m"))


def test_the_objective_is_read_from_the_file_that_is_applied() -> None:
    assert shop.objective() == (0.2, 0.01)
