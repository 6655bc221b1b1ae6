"""What a run of the CPU comparison is asked for."""

from __future__ import annotations

import pytest

from tests.benchmarks.cpu.asked import asked
from tests.benchmarks.cpu.plan import FULL


def test_without_a_word_everything_is_run_but_what_is_held_out() -> None:
    its = asked({})
    assert its.whole and its.three_weeks and its.varied and not its.held
    assert its.scope == FULL
    assert {cell.application for cell in its.chosen} == {"train-ticket", "social-network"}


def test_held_out_cells_may_be_given_less() -> None:
    env = {"HOLDOUT": "1", "POLICIES": "k8s-cpu-fast,flyball", "HELD_SEEDS": "1", "HELD_POLICIES": "flyball", "HELD_APPLICATIONS": "random-07"}
    env |= {"HELD_CLASSES": "no-burst"}
    its = asked(env)
    assert not its.whole and not its.varied
    assert (its.scope.tuned, its.scope.untuned, its.scope.seeds) == (("k8s-cpu-fast",), ("flyball",), (1, 2, 3))
    assert (its.held_scope.tuned, its.held_scope.untuned, its.held_scope.seeds) == ((), ("flyball",), (1,))
    assert its.scope.classes == (False, True) and its.held_scope.classes == (False,)
    assert {cell.application for cell in its.held} == {"random-07"} and len(its.chosen) == 6
    assert str(its.said["command"]).startswith("HOLDOUT=1 POLICIES=k8s-cpu-fast,flyball HELD_SEEDS=1 HELD_POLICIES=flyball HELD_CLASSES=no-burst ")
    assert str(its.said["command"]).endswith(" HELD_APPLICATIONS=random-07 make bench SUITE=cpu")
    assert its.said["held seeds"] == "1"


def test_classes_and_objectives_are_cut_and_variants_come_when_they_are_asked_for() -> None:
    its = asked({"CLASSES": "burst", "OBJECTIVES": "H", "VARIED": "1"})
    assert its.scope.classes == (True,) and not its.scope.minutes_objective and its.varied and not its.whole


@pytest.mark.parametrize(
    ("env", "sentence"),
    [
        ({"POLICIES": "flyball,hpa"}, "POLICIES: there is no 'hpa'; there are k8s-cpu"),
        ({"HELD_APPLICATIONS": "random-77"}, "HELD_APPLICATIONS: there is no 'random-77'"),
        ({"CLASSES": "both"}, "CLASSES: there is no 'both'; there are no-burst, burst"),
        ({"SEEDS": "three"}, "SEEDS: 'three' is no number of seeds"),
        ({"HELD_SEEDS": "0"}, "HELD_SEEDS: '0' is no number of seeds"),
    ],
)
def test_what_does_not_exist_is_refused(env: dict[str, str], sentence: str) -> None:
    with pytest.raises(SystemExit, match=sentence):
        asked(env)
