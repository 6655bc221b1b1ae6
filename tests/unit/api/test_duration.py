"""Durations: what people write, in seconds, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flyball.api import duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("200ms", 0.2),
        ("0.5ms", 0.0005),
        ("30s", 30),
        ("1.5s", 1.5),
        ("1h30m", 5400),
        ("1m1s1ms", 61.001),
        ("720h", 2_592_000),
        ("30d", 2_592_000),
        ("0s", 0),
    ],
)
def test_a_duration_in_seconds(text: str, seconds: float) -> None:
    assert duration.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "-5s", "5 s", "1w", "s", "1.s", "0d", "1d12h", "1000d", "5us", "1h\n", "+1h", "1e3s", "1s1s1s1s1s"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration such as 200ms, 10m, 1h30m or 7d"):
        duration.seconds(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.2, "200ms"), (90, "1m30s"), (3600, "1h"), (172_800, "2d"), (90_000, "25h"), (61.001, "1m1s1ms")]
)
def test_the_shortest_text_of_a_number_of_seconds(seconds: float, text: str) -> None:
    assert duration.text(seconds) == text


def test_there_is_no_text_for_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="not negative"):
        duration.text(-1)


@given(st.integers(min_value=0, max_value=999 * 86_400_000))
def test_a_text_is_read_back_as_the_same_time(milliseconds: int) -> None:
    assert round(duration.seconds(duration.text(milliseconds / 1000)) * 1000) == milliseconds
