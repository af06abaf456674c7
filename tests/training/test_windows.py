"""Days are split in time order, and too few of them are refused."""

import re
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import pytest

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval, Unit
from updraft.core.sections import Algorithm, Model, Search
from updraft.data.labels import Maturity
from updraft.training.windows import split_days

DAYS = [date(2013, 1, 1) + timedelta(days=n) for n in range(66)]
MODEL = Model(window=40, holdout=7, algorithms={"lightgbm": Algorithm()}, search=Search(folds=2))
TWO_WEEKS = Maturity("day", timedelta(days=14))


def model_of(window: int, holdout: int, folds: int) -> Model:
    update = {"window": window, "holdout": holdout, "search": Search(folds=folds)}
    return MODEL.model_copy(update=update)


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


def test_an_embargo_lies_before_the_holdout_and_before_each_fold() -> None:
    split = split_days(DAYS, MODEL, TWO_WEEKS)
    assert split.holdout == DAYS[-7:]
    assert split.train == DAYS[-7 - 14 - 40 : -7 - 14]
    last_of_folds = [dates(fold.train)[-1] for fold in split.folds]
    first_of_blocks = [block[0] for block in split.blocks]
    assert first_of_blocks == [split.train[-14], split.train[-7]]
    assert [first - last for first, last in zip(first_of_blocks, last_of_folds, strict=True)] == [
        timedelta(days=15)
    ] * 2


def dates(condition: str) -> list[date]:
    """The days of an SQL condition of a fold."""
    return [date.fromisoformat(text) for text in re.findall(r"DATE'([\d-]+)'", condition)]


def cases() -> list[tuple[list[date], Model, Maturity, date]]:
    """Partitions with gaps, models and maturities, drawn at random; the same each time."""
    rng = np.random.default_rng(14)
    drawn = []
    for _ in range(300):
        unit: Unit = ("day", "hour", "month")[rng.integers(3)]
        length: Unit = "month" if unit == "month" else "day"
        end = date(2013 if length == "month" else 2010, 12, 1)
        days = Interval(date(2010, 1, 1), end, length).days
        share = rng.uniform(0.7, 1)
        days = [day for day in days if rng.random() < share]
        model = model_of(int(rng.integers(5, 60)), int(rng.integers(1, 5)), int(rng.integers(1, 4)))
        delay = timedelta(hours=int(rng.integers(1, 900))) if rng.random() < 0.7 else None
        drawn.append((days, model, Maturity(unit, delay), days[-int(rng.integers(1, 30))]))
    return drawn


def test_a_model_is_trained_on_labels_that_were_complete_when_its_judgement_began() -> None:
    splits = 0
    for days, model, maturity, end in cases():
        known = maturity.known(end)
        try:
            split = split_days(days, model, maturity, known)
        except UpdraftError:
            continue
        splits += 1
        usable = [day for day in days if known is None or day <= known]
        assert split.holdout == usable[-int(model.holdout) :]
        assert len(split.train) <= model.window
        trained_for = [(split.train, split.holdout)]
        trained_for += [(dates(fold.train), dates(fold.validation)) for fold in split.folds]
        for train, judged in trained_for:
            begun = datetime.combine(judged[0], time(), UTC)
            length: Unit = "month" if maturity.unit == "month" else "day"
            complete_at = Interval(train[-1], train[-1], length).end
            assert complete_at + (maturity.delay or timedelta(0)) <= begun
    assert splits > 150


def test_a_training_that_is_repeated_for_a_past_day_has_the_days_of_that_day() -> None:
    """Partitions that came later, and labels that were completed later, do not count."""
    splits = 0
    for days, model, maturity, end in cases():
        known = maturity.known(end)
        try:
            now = split_days([day for day in days if day <= end], model, maturity, known)
        except UpdraftError:
            continue
        splits += 1
        assert split_days(days, model, maturity, known) == now
    assert splits > 150


def test_too_few_mature_partitions_say_that_labels_are_still_coming_in() -> None:
    with pytest.raises(UpdraftError) as refused:
        split_days(DAYS[:30], MODEL, TWO_WEEKS, DAYS[15])
    assert str(refused.value) == (
        "training: found 16 mature labelled partitions, expected at least 22 (a holdout of 7, "
        "2 folds of the same length, and one before them, and 14 days (data.target.matures) "
        "without training rows before the holdout and before the oldest fold). Labels are still "
        "coming in: the newest mature partition is 2013-01-16, and 14 later ones wait for theirs "
        "(data.target.matures is 14 days). Backfill earlier days, or train later."
    )
    with pytest.raises(UpdraftError, match="none is mature, and 10 later ones wait"):
        split_days(DAYS[:10], MODEL, TWO_WEEKS, date(2012, 12, 20))
    with pytest.raises(UpdraftError, match=r"found 40 mature labelled .* Backfill more days"):
        split_days(DAYS[:40], MODEL, TWO_WEEKS, DAYS[-1])


def test_a_window_that_the_embargo_leaves_no_days_of_is_to_be_widened() -> None:
    narrow = model_of(window=28, holdout=7, folds=2)
    message = "model.window: found 28 partitions, expected more than the 2 folds of 7 .* 14 days"
    with pytest.raises(UpdraftError, match=message):
        split_days(DAYS, narrow, TWO_WEEKS)
    wide_enough = model_of(window=29, holdout=7, folds=2)
    assert len(dates(split_days(DAYS, wide_enough, TWO_WEEKS).folds[0].train)) == 1
