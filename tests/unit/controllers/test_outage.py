"""What the objects of one kind know of Prometheus being away: only what a query of theirs found out."""

from __future__ import annotations

import pytest

from flyball.controllers.shared.outage import OUTAGE_SECONDS, Outage
from flyball.signals import NoValue, SignalError
from flyball.signals.outage import Held


def test_a_query_without_an_answer_is_believed_for_a_while() -> None:
    outage = Outage()
    outage.note(SignalError(NoValue.UNREACHABLE, "away"), 1000.0)
    with pytest.raises(SignalError, match="away"):
        outage.raise_if_on(1000.0 + OUTAGE_SECONDS - 1)
    outage.raise_if_on(1000.0 + OUTAGE_SECONDS)


@pytest.mark.parametrize("error", [SignalError(NoValue.ERROR, "too much is read"), Held(NoValue.UNREACHABLE, "away, as another found out")])
def test_what_is_not_news_of_an_outage_does_not_begin_one(error: SignalError) -> None:
    outage = Outage()
    outage.note(error, 1000.0)
    outage.raise_if_on(1000.0)
