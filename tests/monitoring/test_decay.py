"""Decay is found when it begins, and hardly ever where nothing has changed."""

from datetime import date, timedelta

import numpy as np
import pytest

from updraft.core.reports import DecayLook, PartitionMetric
from updraft.core.sections import Decay
from updraft.monitoring.decay import Floats, autocorrelation, begin_prior, looks_at, losses_of

POLICY = Decay()
HOLDOUT = 14
FIRST = date(2013, 1, 1)


def series(rng: np.random.Generator, length: int, correlation: float = 0.0) -> Floats:
    """Losses with a mean of 0 and a deviation of 1, each like the one before."""
    values = np.empty(length)
    values[0] = rng.normal()
    for position in range(1, length):
        shock = rng.normal() * np.sqrt(1 - correlation**2)
        values[position] = correlation * values[position - 1] + shock
    return values


def first_alarm(values: Floats, policy: Decay = POLICY) -> int | None:
    """After how many partitions decay is first reported."""
    for looks in range(1, len(values) - HOLDOUT + 1):
        losses = losses_of(values[:HOLDOUT], values[HOLDOUT : HOLDOUT + looks], policy)
        if losses.evidence >= 1 / policy.false_alarms:
            return looks
    return None


@pytest.mark.parametrize(
    ("law", "most"),
    [("independent", 0.05), ("alike by 0.3", 0.05), ("alike by 0.4", 0.1), ("skewed", 0.07)],
)
def test_looking_every_day_hardly_ever_raises_a_false_alarm(law: str, most: float) -> None:
    """60 looks at a champion that stays as good as it was; the true share is 1 to 8 %."""
    rng = np.random.default_rng(7)
    correlation = {"alike by 0.3": 0.3, "alike by 0.4": 0.4}.get(law, 0.0)
    alarms = 0
    for _ in range(100):
        values = series(rng, HOLDOUT + 60, correlation)
        alarms += first_alarm(np.exp(0.4 * values) if law == "skewed" else values) is not None
    assert alarms <= 100 * most


@pytest.mark.parametrize(("begin", "most"), [(0, 14), (30, 10), (90, 10)])
def test_a_loss_is_found_soon_whenever_it_begins(begin: int, most: int) -> None:
    """A loss of three deviations of a day, in the median of 20 courses."""
    rng = np.random.default_rng(8)
    delays = []
    for _ in range(20):
        values = series(rng, HOLDOUT + begin + 30)
        values[HOLDOUT + begin :] += 3.0
        delays.append((first_alarm(values) or 999) - begin)
    assert np.median(delays) <= most


def test_an_improvement_and_a_tolerated_loss_are_no_decay() -> None:
    values = series(np.random.default_rng(9), HOLDOUT + 60)
    better, worse = values.copy(), values.copy()
    better[HOLDOUT:] -= 3
    worse[HOLDOUT:] += 3
    assert first_alarm(better) is None
    assert first_alarm(worse) is not None
    assert first_alarm(worse, Decay(max_loss=3.5)) is None


def test_the_interval_of_the_mean_loss_holds_at_all_looks_together() -> None:
    rng = np.random.default_rng(10)
    missed = 0
    for _ in range(60):
        values = series(rng, HOLDOUT + 60)
        values[HOLDOUT:] += 1.0
        looks = [losses_of(values[:HOLDOUT], values[HOLDOUT:end], POLICY) for end in range(15, 74)]
        missed += any(not look.lower <= 1.0 <= look.upper for look in looks)
        assert looks[-1].upper - looks[-1].lower < looks[5].upper - looks[5].lower
    assert missed <= 3


def test_the_prior_on_the_begin_is_a_distribution() -> None:
    prior = begin_prior(1_000_000)
    assert prior.sum() == pytest.approx(1, abs=1e-4)
    assert prior[:30].sum() == pytest.approx(0.5)
    assert (np.diff(prior) < 0).all()


def test_a_loss_does_not_look_like_correlation() -> None:
    values = series(np.random.default_rng(11), 100)
    values[60:] += 3
    assert autocorrelation(values, HOLDOUT) < 0.2
    assert autocorrelation(series(np.random.default_rng(11), 400, 0.6), HOLDOUT) > 0.5


def partitions(values: list[float | None]) -> list[PartitionMetric]:
    days = [FIRST + timedelta(n) for n in range(len(values))]
    return [
        PartitionMetric(day=day, rows=100, value=value)
        for day, value in zip(days, values, strict=True)
    ]


def look(values: list[float | None], newest: int, more_is_better: bool = True) -> DecayLook:
    """The look at the last partition, whose labels are complete until position ``newest``."""
    day = FIRST + timedelta(len(values) - 1)
    (found,) = looks_at(
        [(day, FIRST + timedelta(newest))],
        partitions(values),
        FIRST + timedelta(HOLDOUT - 1),
        POLICY,
        more_is_better=more_is_better,
    )
    return found


def test_only_complete_labels_count_and_the_direction_of_the_metric_does() -> None:
    rng = np.random.default_rng(12)
    falling: list[float | None] = [*(0.8 + 0.02 * rng.normal(size=HOLDOUT)), *[0.6] * 20]
    assert look(falling, HOLDOUT + 19).decayed is True
    assert look(falling, HOLDOUT + 19, more_is_better=False).decayed is False
    assert look(falling, HOLDOUT).partitions == 1
    assert look(falling, HOLDOUT).decayed is False


@pytest.mark.parametrize(
    ("values", "newest", "reason"),
    [
        ([None] * 10 + [0.5, 0.6, 0.7, 0.8] + [0.5] * 5, 18, "on 4 partitions of the holdout"),
        ([0.5, 0.6] * 7 + [None] * 5, 18, "no partition after the holdout"),
        ([0.5, 0.6] * 7 + [0.5] * 5, 13, "no partition after the holdout"),
        ([0.5] * 20, 19, "the same value"),
    ],
)
def test_without_enough_values_there_is_no_verdict(
    values: list[float | None], newest: int, reason: str
) -> None:
    found = look(values, newest)
    assert found.decayed is None
    assert reason in str(found.reason)
