from datetime import UTC, date, datetime

import pytest

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval, parse_interval


def test_both_days_are_included() -> None:
    interval = parse_interval("2013-01-31", "2013-02-02")
    assert interval.days == [date(2013, 1, 31), date(2013, 2, 1), date(2013, 2, 2)]
    assert interval.start == datetime(2013, 1, 31, tzinfo=UTC)
    assert interval.end == datetime(2013, 2, 3, tzinfo=UTC)


def test_without_an_end_the_first_day_stands_alone() -> None:
    assert parse_interval("2013-01-31", "None") == Interval(date(2013, 1, 31), date(2013, 1, 31))


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("None", "None", "no data interval"),
        (None, "2013-01-01", "no data interval"),
        ("2013-02-30", None, "found '2013-02-30'"),
        ("yesterday", None, "expected a day"),
        ("2013-02-02", "2013-02-01", "lies before start"),
        ("2999-01-01", None, "start: found 2999-01-01, which lies in the future"),
        ("2013-01-01", "2999-01-01", "end: found 2999-01-01, which lies in the future"),
    ],
)
def test_wrong_days_are_refused_in_a_sentence(
    start: str | None, end: str | None, message: str
) -> None:
    with pytest.raises(UpdraftError, match=message):
        parse_interval(start, end)
