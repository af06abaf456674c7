"""Which days monitoring looks at, and which partitions each of them is compared by."""

from datetime import date

import pytest

from updraft.core.interval import SNAPSHOT, Interval
from updraft.monitoring.days import days_to_look_at, window_until

JUNE = [date(2013, 6, day) for day in (1, 2, 3, 5, 6, 7, 8)]  # The fourth has no rows.


def june(*days: int) -> list[date]:
    return [date(2013, 6, day) for day in days]


@pytest.mark.parametrize(
    ("learnt", "looks", "replayed", "expected"),
    [
        (None, 3, None, june(6, 7, 8)),
        (5, 3, None, june(6, 7, 8)),
        (6, 3, None, june(7, 8)),
        (8, 3, None, []),
        (1, 3, (6, 7), june(3, 5, 6, 7)),
        (1, 1, (6, 7), june(6, 7)),
        (5, 3, (1, 7), june(6, 7)),
        (1, 3, (4, 4), []),
        (1, 3, (9, 12), []),
    ],
)
def test_the_newest_days_or_those_of_a_replay_with_the_looks_before(
    learnt: int | None, looks: int, replayed: tuple[int, int] | None, expected: list[date]
) -> None:
    learnt_until = date(2013, 6, learnt) if learnt else None
    interval = Interval(*june(*replayed)) if replayed else None
    assert days_to_look_at(JUNE, learnt_until, looks, interval) == expected


def test_a_snapshot_is_looked_at() -> None:
    assert days_to_look_at([SNAPSHOT], None, 3, None) == [SNAPSHOT]


def test_a_window_counts_partitions_that_exist() -> None:
    assert window_until(date(2013, 6, 6), JUNE, 3) == june(3, 5, 6)
    assert window_until(date(2013, 6, 2), JUNE, 3) == june(1, 2)
