"""How sure one can be of a difference between two models on the same rows."""

from typing import NamedTuple

import numpy as np

from updraft.training.metrics import Statistic

DRAWS = 1000


class Interval(NamedTuple):
    """A gain and the interval in which it lies; positive is better."""

    value: float
    lower: float
    upper: float


def paired_bootstrap(
    challenger: Statistic, champion: Statistic, *, more_is_better: bool, confidence: float, seed: int, draws: int = DRAWS
) -> Interval:
    """The gain of the challenger over the champion in one metric, with its percentile interval.

    Each draw resamples rows (or users), and both models see the same resample (Efron & Tibshirani, An Introduction to the
    Bootstrap, chapter 13). The gain is their difference, turned such that positive is better. A draw without a figure gives
    an interval of NaN, on which nothing is promoted.
    """
    assert challenger.units == champion.units, "both are judged on the same rows"
    rng = np.random.default_rng(seed)
    sign, units = 1 if more_is_better else -1, challenger.units
    gains = []
    for _ in range(draws):
        weights = np.bincount(rng.integers(0, units, units), minlength=units).astype(float)
        gains.append(sign * (challenger.of(weights) - champion.of(weights)))
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(gains, [tail, 1 - tail])
    value = sign * (challenger.value - champion.value)
    # Where resampling itself shifts a metric, as it does coverage, the interval still has to hold the gain.
    return Interval(value, float(np.minimum(lower, value)), float(np.maximum(upper, value)))
