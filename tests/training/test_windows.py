from datetime import date, timedelta

import pytest

from updraft.core.errors import UpdraftError
from updraft.core.sections import Algorithm, Model, Search
from updraft.training.windows import windows

DAYS = [date(2013, 1, 1) + timedelta(days=n) for n in range(66)]
MODEL = Model(window=40, holdout=7, algorithms={"lightgbm": Algorithm()}, search=Search(folds=2))


def test_the_holdout_is_the_newest_and_nothing_overlaps() -> None:
    cut = windows(DAYS[::-1], MODEL)
    assert cut.holdout == DAYS[-7:]
    assert cut.train == DAYS[-47:-7]
    assert cut.folds == [cut.train[-14:-7], cut.train[-7:]]
    assert cut.train[-1] < cut.holdout[0]


def test_partitions_count_not_days() -> None:
    gappy = DAYS[:20] + DAYS[40:]
    assert len(windows(gappy, MODEL).train) == 39


@pytest.mark.parametrize("number", [0, 1, 21])
def test_too_few_partitions_are_refused(number: int) -> None:
    with pytest.raises(UpdraftError, match=f"found {number} labelled partitions, expected at least 22"):
        windows(DAYS[:number], MODEL)
