"""The paired bootstrap: how certain the difference between two models on the same rows is."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from updraft.evaluation.statistic import Statistic

DRAWS = 1000


class GainInterval(NamedTuple):
    """A gain with its confidence interval and its standard ``error``; positive is better."""

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
) -> GainInterval:
    """The gain of the challenger over the champion in one metric, with its percentile interval.

    Each draw resamples the units (rows or users), and both models are judged on the same resample.
    The gain is the difference of the metrics, with the sign that makes positive better. If a draw
    has no value, such as the AUC of a single class, the interval is NaN, and nothing is promoted on
    it. ``group``: a mask of shape (units,) of the units to use; by default all.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    assert challenger.units == champion.units, "both are judged on the same rows"
    units = challenger.units
    sign = 1 if more_is_better else -1
    members = np.arange(units) if group is None else np.flatnonzero(group)

    def gain(sample: npt.NDArray[np.int64]) -> float:
        weights = np.bincount(sample, minlength=units).astype(float)
        return sign * (challenger.of(weights) - champion.of(weights))

    random = np.random.default_rng(seed)
    gains = []
    for _ in range(draws):
        sample = members[random.integers(0, len(members), len(members))]
        gains.append(gain(sample))
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(gains, [tail, 1 - tail])
    value = gain(members)
    # Resampling itself shifts some metrics, such as coverage; the interval must still contain the
    # gain.
    return GainInterval(
        value,
        lower=float(np.minimum(lower, value)),
        upper=float(np.maximum(upper, value)),
        error=float(np.std(gains)),
    )
