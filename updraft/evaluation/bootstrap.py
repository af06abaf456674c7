"""How sure one can be of a difference between two models on the same rows."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from updraft.evaluation.metrics import Statistic

DRAWS = 1000


class Interval(NamedTuple):
    """A gain, the interval in which it lies, and its standard ``error``; positive is better."""

    value: float
    lower: float
    upper: float
    error: float


def paired_bootstrap(
    challenger: Statistic,
    champion: Statistic,
    *,
    more_is_better: bool,
    confidence: float,
    seed: int,
    draws: int = DRAWS,
    group: npt.NDArray[np.bool_] | None = None,
) -> Interval:
    """The gain of the challenger over the champion in one metric, with its percentile interval.

    Each draw resamples rows (or users), and both models see the same resample (Efron & Tibshirani, An Introduction to the
    Bootstrap, chapter 13). The gain is their difference, turned such that positive is better. A draw without a figure gives
    an interval of NaN, on which nothing is promoted. ``group``: a mask of shape (units,) of those that count, by default all.
    """
    assert challenger.units == champion.units, "both are judged on the same rows"
    rng = np.random.default_rng(seed)
    sign, units = 1 if more_is_better else -1, challenger.units
    members = np.arange(units) if group is None else np.flatnonzero(group)

    def gain(weights: npt.NDArray[np.float64]) -> float:
        return sign * (challenger.of(weights) - champion.of(weights))

    drawn = (members[rng.integers(0, len(members), len(members))] for _ in range(draws))
    gains = [gain(np.bincount(rows, minlength=units).astype(float)) for rows in drawn]
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(gains, [tail, 1 - tail])
    value = gain(np.bincount(members, minlength=units).astype(float))
    # Where resampling itself shifts a metric, as it does coverage, the interval still has to hold the gain.
    return Interval(value, float(np.minimum(lower, value)), float(np.maximum(upper, value)), float(np.std(gains)))
