"""Days are split in time order, and too few of them are refused."""

from datetime import date, timedelta

import pytest

from updraft.core.errors import UpdraftError
from updraft.core.sections import Algorithm, Model, Search
from updraft.training.windows import split_days

DAYS = [date(2013, 1, 1) + timedelta(days=n) for n in range(66)]
MODEL = Model(window=40, holdout=7, algorithms={"lightgbm": Algorithm()}, search=Search(folds=2))


def test_the_holdout_is_the_newest_and_nothing_overlaps() -> None:
    split = split_days(DAYS[::-1], MODEL)
    assert split.holdout == DAYS[-7:]
    assert split.train == DAYS[-47:-7]
    assert split.blocks == [split.train[-14:-7], split.train[-7:]]
    assert split.train[-1] < split.holdout[0]


def test_partitions_count_not_days() -> None:
    with_a_gap = DAYS[:20] + DAYS[40:]
    assert len(split_days(with_a_gap, MODEL).train) == 39


@pytest.mark.parametrize("number", [0, 1, 21])
def test_too_few_partitions_are_refused(number: int) -> None:
    message = f"found {number} labelled partitions, expected at least 22"
    with pytest.raises(UpdraftError, match=message):
        split_days(DAYS[:number], MODEL)
