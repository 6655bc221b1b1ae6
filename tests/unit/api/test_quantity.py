"""CPU quantities in millicores, rounded up as Kubernetes rounds them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.api import quantity


@pytest.mark.parametrize(
    ("text", "milli"),
    [
        ("250m", 250),
        ("1", 1000),
        (2, 2000),
        ("0.5", 500),
        (".5", 500),
        ("1.", 1000),
        ("1e-1", 100),
        ("100u", 1),
        ("1n", 1),
        ("0.0001", 1),
        ("1k", 1_000_000),
        ("1Ki", 1_024_000),
        ("1E", 10**21),
        ("1E1", 10_000),
        ("0", 0),
    ],
)
def test_a_quantity_in_millicores(text: str | int, milli: int) -> None:
    assert quantity.milli(text) == milli


@pytest.mark.parametrize("text", ["", "m", "1 m", "1x", "1K", "1ki", "one", "1.2.3", "--1"])
def test_what_is_no_quantity_of_cpu_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(f"{text!r} is not a CPU quantity such as 250m or 1.5")):
        quantity.milli(text)


@given(st.from_regex(quantity.PATTERN.replace("$", r"\Z"), fullmatch=True))
def test_whatever_our_objects_accept_can_be_read(text: str) -> None:
    assert quantity.milli(text) >= 0


@given(st.integers(min_value=1, max_value=10**6))
def test_cores_and_millicores_say_the_same(milli: int) -> None:
    assert quantity.milli(f"{milli}m") == quantity.milli(f"{milli / 1000:.3f}") == milli
