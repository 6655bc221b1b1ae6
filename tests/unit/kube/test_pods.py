"""Pods found by a selector: the same as going through all of them, whatever came and went."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.api.meta import LabelRequirement, LabelSelector, Operator
from flyball.kube.pods import PodCache

LABELS = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["web", "pay", ""]), max_size=2)
EVENTS = st.lists(st.tuples(st.sampled_from(["shop", "team"]), st.integers(0, 4), LABELS, st.booleans()), max_size=20)
REQUIREMENTS = st.builds(
    LabelRequirement,
    key=st.sampled_from(["app", "tier"]),
    operator=st.sampled_from(list(Operator)),
    values=st.lists(st.sampled_from(["web", "pay", ""]), max_size=2),
)
SELECTORS = st.builds(LabelSelector, match_labels=LABELS | st.none(), match_expressions=st.lists(REQUIREMENTS, max_size=2) | st.none())


def body(namespace: str, number: int, labels: dict[str, str]) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": f"web-{number}", "uid": f"{number}", "labels": labels}, "spec": {}}


@given(EVENTS, EVENTS, SELECTORS)
def test_a_selector_finds_what_going_through_all_pods_finds(
    before: list[tuple[str, int, dict[str, str], bool]], after: list[tuple[str, int, dict[str, str], bool]], selector: LabelSelector
) -> None:
    cache = PodCache()
    for events in (before, after):
        for namespace, number, labels, deleted in events:
            cache.update(body(namespace, number, labels), deleted=deleted)
        for namespace in ("shop", "team"):
            found = {pod.name for pod in cache.selected(namespace, selector)}
            assert found == {pod.name for pod in cache.of(namespace) if selector.matches(pod.labels)}


def test_pods_that_are_gone_leave_nothing_behind() -> None:
    cache = PodCache()
    cache.selected("shop", LabelSelector(match_labels={"app": "web"}))
    cache.update(body("shop", 1, {"app": "web"}), deleted=False)
    cache.update(body("shop", 1, {"app": "pay"}), deleted=False)
    cache.update(body("shop", 1, {"app": "pay"}), deleted=True)
    assert cache._by_label == {"app": {}}


def test_a_pod_that_cannot_be_read_is_not_kept_nor_what_was_kept_under_its_name() -> None:
    cache, shop = PodCache(), LabelSelector(match_labels={"app": "web"})
    cache.selected("shop", shop)
    cache.update(body("shop", 1, {"app": "web"}), deleted=False)
    odd = body("shop", 1, {"app": "web"}) | {"spec": {"containers": [{"name": "main", "resources": {"limits": {"cpu": "a lot"}}}]}}
    with pytest.raises(ValueError, match="a lot"):
        cache.update(odd, deleted=False)
    assert cache.selected("shop", shop) == list(cache.of("shop")) == []
    cache.update(body("shop", 1, {"app": "web"}), deleted=False)
    assert [pod.name for pod in cache.selected("shop", shop)] == ["web-1"]
