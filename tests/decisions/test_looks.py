"""Looks at a holdout: who counts, and that the error of all of them together stays in bounds."""

from datetime import UTC, date, datetime

import pytest

from updraft.core.ledger import Entry, Event
from updraft.decisions.looks import confidence_at, look_at

WEEK = (date(2013, 3, 1), date(2013, 3, 7))


def entry(version: int, event: Event, days: tuple[date, date] | None, made: int = 8) -> Entry:
    first, last = days or (None, None)
    return Entry(
        number=0,
        key="",
        time=datetime(2013, 3, made, tzinfo=UTC),
        event=event,
        version=version,
        from_version=None,
        to_version=None,
        by="us",
        reasons=[],
        evidence=None,
        run_id=None,
        features_version=None,
        code="",
        holdout_first=first,
        holdout_last=last,
    )


@pytest.mark.parametrize(
    ("earlier", "look"),
    [
        ([], 1),
        ([entry(1, "refused", WEEK)], 2),
        ([entry(1, "approved", WEEK), entry(1, "promoted", WEEK)], 2),
        ([entry(1, "refused", WEEK), entry(2, "refused", WEEK)], 3),
        ([entry(1, "refused", WEEK), entry(1, "refused", WEEK)], 2),
        # The challenger itself, judged before.
        ([entry(9, "refused", WEEK)], 1),
        ([entry(1, "trained", WEEK), entry(2, "rolled back", WEEK)], 1),
        # Overlaps by one day, at either end; and none.
        ([entry(1, "refused", (date(2013, 3, 7), date(2013, 3, 13)))], 2),
        ([entry(1, "refused", (date(2013, 2, 22), date(2013, 3, 1)))], 2),
        ([entry(1, "refused", (date(2013, 3, 8), date(2013, 3, 14)))], 1),
        ([entry(1, "refused", (date(2013, 2, 22), date(2013, 2, 28)))], 1),
        # Older entries do not say their holdout, which cannot be later than their time.
        ([entry(1, "refused", None, made=2)], 2),
        ([entry(1, "refused", None, made=1)], 1),
    ],
)
def test_a_look_is_an_earlier_challenger_on_days_of_the_holdout(
    earlier: list[Entry], look: int
) -> None:
    assert look_at(earlier, 9, WEEK) == look


def test_in_a_snapshot_each_challenger_is_judged_on_the_same_keys() -> None:
    assert look_at([entry(1, "refused", None), entry(2, "approved", None)], 3, None) == 3


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_the_errors_of_all_looks_add_up_to_what_the_policy_tolerates(confidence: float) -> None:
    assert confidence_at(confidence, 1) == pytest.approx(confidence)
    tails = [(1 - confidence_at(confidence, look)) / 2 for look in range(1, 2000)]
    assert tails == sorted(tails, reverse=True)
    assert 0.99 * (1 - confidence) < sum(tails) < 1 - confidence


def test_intervals_that_hold_at_once_share_the_error() -> None:
    assert confidence_at(0.95, 1, 4) == pytest.approx(0.9875)
    assert confidence_at(0.95, 2, 4) == pytest.approx(1 - 0.0125 / 2)
