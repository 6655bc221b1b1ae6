"""From indicators to PromQL: bounds as numbers, the namespace always in, never a laxer bucket."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flyball.signals import NoValue, SignalError, indicators


def shop(*, milliseconds: bool = False, bad: dict[str, str] | None = None) -> indicators.Histogram:
    return indicators.histogram("shop", "latency", milliseconds, {"service": "gateway"}, bad or {})


def test_good_requests_are_those_in_the_bucket_of_the_threshold() -> None:
    query = indicators.resolve(shop(), 0.2, ["0.1", "0.2", "0.5", "+Inf"])
    assert query.good == 'sum(increase(latency_bucket{namespace="shop",service="gateway",le=~"0\\\\.2"}[{window}s]))'
    assert query.total == 'sum(increase(latency_count{namespace="shop",service="gateway"}[{window}s]))'
    assert (query.threshold_used, query.hint) == (0.2, None)


@pytest.mark.parametrize("le", ["0.2", "0.20", "2e-1", ".2"])
def test_a_bound_is_a_number_however_it_is_spelled(le: str) -> None:
    assert indicators.resolve(shop(), 0.2, ["0.1", le, "+Inf"]).threshold_used == 0.2


def test_spellings_of_one_bound_all_count() -> None:
    query = indicators.resolve(shop(), 0.2, ["0.2", "2e-1"])
    assert 'le=~"0\\\\.2|2e-1"' in query.good


def test_between_bounds_the_stricter_one_counts_and_the_missing_bucket_is_named() -> None:
    query = indicators.resolve(shop(), 0.25, ["0.1", "0.2", "0.5", "+Inf"])
    assert query.threshold_used == 0.2
    assert query.hint is not None
    assert "Add the bucket 0.25" in query.hint


def test_milliseconds_are_told_from_seconds() -> None:
    query = indicators.resolve(shop(milliseconds=True), 0.2, ["100", "200.0", "500", "+Inf"])
    assert query.threshold_used == 0.2
    assert 'le=~"200\\\\.0"' in query.good


def test_no_bucket_at_or_below_the_threshold_is_an_error_that_says_which_to_add() -> None:
    with pytest.raises(SignalError, match=r"add the bucket 0\.05") as raised:
        indicators.resolve(shop(), 0.05, ["0.1", "+Inf"])
    assert raised.value.reason is NoValue.NO_BUCKET


def test_no_bucket_at_all_is_a_series_that_is_not_there() -> None:
    with pytest.raises(SignalError, match="no series latency_bucket") as raised:
        indicators.resolve(shop(), 0.2, [])
    assert raised.value.reason is NoValue.NO_SERIES


def test_bad_requests_are_not_good_however_fast() -> None:
    query = indicators.resolve(shop(bad={"code": "5.."}), 0.2, ["0.2"])
    assert 'code!~"5.."' in query.good
    assert "code" not in query.total


def test_the_object_cannot_leave_its_namespace() -> None:
    its = indicators.histogram("shop", "latency", False, {"namespace": "bank", "x": 'a",namespace="bank'}, {})
    assert 'namespace="shop"' in indicators.bounds(its)
    assert 'x="a\\",namespace=\\"bank"' in indicators.bounds(its)


@pytest.mark.parametrize(
    ("name", "label"), [("istio", "destination_workload_namespace"), ("linkerd", "namespace"), ("nginx-ingress", "exported_namespace")]
)
def test_presets_stay_in_the_namespace_too(name: str, label: str) -> None:
    assert f'{label}="shop"' in indicators.bounds(indicators.preset("shop", name, "gateway"))


def test_free_promql_needs_the_operators_leave() -> None:
    with pytest.raises(SignalError, match="--allow-promql") as raised:
        indicators.promql("good", "total", allowed=False)
    assert raised.value.reason is NoValue.PROMQL_NOT_ALLOWED
    assert indicators.promql("good", "total", allowed=True).threshold_used is None


@given(st.floats(0.001, 10), st.lists(st.floats(0.0001, 20), min_size=1, max_size=30))
def test_the_chosen_bound_is_the_largest_that_is_not_laxer(threshold: float, bounds: list[float]) -> None:
    assume(any(bound <= threshold for bound in bounds))
    used = indicators.resolve(shop(), threshold, [*map(str, bounds), "+Inf", "nonsense"]).threshold_used
    assert used is not None
    assert used <= threshold * (1 + 1e-9)
    assert not any(used * (1 + 1e-9) < bound <= threshold for bound in bounds)


def test_while_and_after_a_bucket_is_added_each_series_counts_by_the_best_that_it_has() -> None:
    query = indicators.resolve(shop(bad={"code": "5.."}), 0.2, ["0.1", "0.2", "0.25", "+Inf"], before={"0.1", "0.20", "0.25", "+Inf"})
    series = 'latency_bucket{namespace="shop",service="gateway",le=~"0\\\\.1|0\\\\.2",code!~"5.."}'
    assert query.good == f"sum(max without (le) (increase({series}[{{window}}s])))"
    assert (query.threshold_used, query.hint) == (0.2, None)


def test_as_long_as_all_series_have_the_bound_no_other_is_read() -> None:
    query = indicators.resolve(shop(), 0.2, ["0.1", "0.2", "+Inf"], before={"0.2"})
    assert query.good == indicators.resolve(shop(), 0.2, ["0.1", "0.2", "+Inf"]).good


@pytest.mark.parametrize(
    ("what", "counts", "les"),
    [
        ("all have the best", {"0.1": 9, "0.2": 9, "0.5": 9, "+Inf": 9}, {"0.2"}),
        ("all have it, spelled in two ways", {"0.1": 9, "0.2": 4, "2e-1": 5, "+Inf": 9}, {"0.2", "2e-1"}),
        ("a rollout that adds it", {"0.05": 9, "0.1": 9, "0.2": 4, "0.25": 9, "+Inf": 9}, {"0.2", "0.1"}),
        ("nobody has it yet", {"0.05": 9, "0.1": 9, "0.25": 9, "+Inf": 9}, {"0.1"}),
        ("two versions with nothing in common", {"0.15": 5, "0.2": 4, "+Inf": 9}, {"0.2", "0.15"}),
        ("none at or below", {"0.5": 9, "+Inf": 9}, set()),
        ("nothing at all", {}, set()),
    ],
)
def test_bounds_are_read_down_to_one_that_all_series_have(what: str, counts: dict[str, float], les: set[str]) -> None:
    assert indicators.fallbacks(shop(), 0.2, counts) == les, what


@given(st.lists(st.sets(st.sampled_from(["0.05", "0.1", "0.15", "0.2", "0.25", "1"])), min_size=1, max_size=6))
def test_the_best_bound_of_every_series_is_among_those_that_are_read(series: list[set[str]]) -> None:
    counts = dict(Counter(le for its in series for le in (*its, "+Inf")))
    read = indicators.fallbacks(shop(), 0.2, counts)
    for its in series:
        best = max((le for le in its if float(le) <= 0.2), key=float, default=None)
        assert best is None or best in read
