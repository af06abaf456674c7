"""Decay: whether the champion has become worse than it was on its holdout.

A metric that is looked at every day is below its earlier mean on many days, by chance. What is
computed here may be looked at as often as one likes: the chance that decay is ever reported, for a
champion that stays as good as it was on its holdout, is bounded.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from updraft.core.reports import DecayLook, PartitionMetric
from updraft.core.sections import Decay

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

EFFECT = 1.0  # A typical loss, in standard deviations of the metric of a partition.
HALF_LIFE = 30  # Partitions; half of the prior on when a champion becomes worse lies in them.
FEWEST = 5  # Partitions of the holdout that have a value, for a verdict.
LARGEST_CORRELATION = 0.9


class Losses(NamedTuple):
    """What the partitions after the holdout say about a loss.

    Attributes:
        loss: By how much they are worse than the holdout, on average.
        lower: The lower end of its confidence interval, which holds at all looks together.
        upper: The upper end.
        evidence: How much likelier the values are if a loss larger than the tolerated one has
            begun at some partition, than if none has.
    """

    loss: float
    lower: float
    upper: float
    evidence: float


def looks_at(
    days: Sequence[tuple[date, date]],
    partitions: Sequence[PartitionMetric],
    holdout_last: date,
    policy: Decay,
    *,
    more_is_better: bool,
) -> list[DecayLook]:
    """Whether the champion had become worse, by each of some days.

    ``days``: each with the newest partition whose labels were complete then. ``partitions``: those
    of the holdout and after it, in order. Without a value on enough of them there is no verdict.
    """
    sign = -1 if more_is_better else 1
    valued = [(each.day, sign * each.value) for each in partitions if each.value is not None]
    before = np.array([value for day, value in valued if day <= holdout_last])
    found = []
    for day, newest in days:
        after = np.array([value for other, value in valued if holdout_last < other <= newest])
        reason = _no_verdict(before, after)
        if reason:
            found.append(DecayLook(day=day, partitions=len(after), reason=reason))
            continue
        losses = losses_of(before, after, policy)
        found.append(
            DecayLook(
                day=day,
                partitions=len(after),
                loss=losses.loss,
                lower=losses.lower if np.isfinite(losses.lower) else None,
                upper=losses.upper if np.isfinite(losses.upper) else None,
                evidence=losses.evidence,
                decayed=losses.evidence >= 1 / policy.false_alarms,
            )
        )
    return found


def _no_verdict(before: Floats, after: Floats) -> str | None:
    """Why there is no verdict; None if there is one."""
    if len(before) < FEWEST:
        return (
            f"the metric has a value on {len(before)} partitions of the holdout, expected at "
            f"least {FEWEST}: widen model.holdout"
        )
    if not len(after):
        return "no partition after the holdout has complete labels and a value of the metric"
    if np.ptp(np.concatenate([before, after])) == 0:
        return "the metric has the same value on all partitions"
    return None


def losses_of(before: Floats, after: Floats, policy: Decay) -> Losses:
    """The mean loss after the holdout with its interval, and the evidence of a loss.

    ``before``, of the holdout, and ``after``: losses by partition in order of time, more is worse;
    shape (partitions,), not all equal.

    The evidence of a loss that begins at a partition is a Bayes factor of the t-test between all
    partitions before it and those since; the loss has a half-normal prior, in standard deviations.
    The factors for all partitions are averaged, because nobody knows when a loss begins. While
    nothing has changed, each factor is a fair bet, so their average is one, and by Ville's
    inequality it ever reaches 1 / a with a chance of at most a.

    Neighbouring partitions are alike. Their correlation is estimated, and taken out before.

    Sources: Gönen, Johnson, Lu and Westfall, The Bayesian two-sample t test, The American
    Statistician 59, 2005. That it may be looked at at any time: Hendriksen, de Heide and Grünwald,
    Optional stopping with Bayes factors, Bayesian Analysis 16, 2021. Averages over the begin of a
    change: Shin, Ramdas and Rinaldo, E-detectors, New England Journal of Statistics in Data
    Science 2, 2024.
    """
    values = np.concatenate([before, after])
    correlation = autocorrelation(values, len(before))
    independent = (values[1:] - correlation * values[:-1]) / (1 - correlation)
    first = len(before) - 1  # The position of the first partition after the holdout.
    prior = begin_prior(len(after))
    tolerated = _Comparisons.of(independent, first, policy.max_loss)
    # A loss that begins later is a bet that has not been made yet: its factor is 1.
    evidence = float(tolerated.bayes_factors() @ prior + 1 - prior.sum())
    whole = _Comparisons.of(independent, first, 0.0)
    loss = float(whole.difference[0])
    width = whole.width(policy.false_alarms)
    return Losses(loss, loss - width, loss + width, evidence)


def begin_prior(length: int) -> Floats:
    """The prior chance that a loss begins at the first, second, ... partition after the holdout.

    Over infinitely many partitions its sum is 1.
    """
    position = np.arange(length)
    chances: Floats = HALF_LIFE / ((position + HALF_LIFE) * (position + HALF_LIFE + 1))
    return chances


def autocorrelation(values: Floats, first: int) -> float:
    """The correlation of neighbours, 0 if it is negative; shape (partitions,).

    It is that of the residuals around two means, of the partitions before and since the best
    begin of a change, at ``first`` or later: otherwise a loss would look like correlation. Few
    residuals have too small a correlation; half more than the bias of Kendall (Note on bias in the
    estimation of autocorrelation, Biometrika 41, 1954) is added, because the begin is fitted, too.
    """
    begins = np.arange(first, len(values))
    sums = np.concatenate([[0.0], np.cumsum(values)])
    explained = sums[begins] ** 2 / begins + (sums[-1] - sums[begins]) ** 2 / (len(values) - begins)
    begin = begins[np.argmax(explained)]
    residuals = np.concatenate(
        [values[:begin] - values[:begin].mean(), values[begin:] - values[begin:].mean()]
    )
    total = float(residuals @ residuals)
    if total == 0:
        return 0.0
    found = max(float(residuals[1:] @ residuals[:-1]) / total, 0.0)
    return min(found + 1.5 * (1 + 3 * found) / len(values), LARGEST_CORRELATION)


class _Comparisons(NamedTuple):
    """The partitions before each possible begin of a loss compared with those since.

    Attributes:
        difference: How much worse those since are, on average; shape (begins,).
        size: The number of partitions that the difference is worth, n m / (n + m).
        residual: The sum of squares that remains around the two means.
        freedom: The degrees of freedom of the residuals.
    """

    difference: Floats
    size: Floats
    residual: Floats
    freedom: int

    @classmethod
    def of(cls, values: Floats, first: int, tolerated: float) -> "_Comparisons":
        """``values``: by partition; a loss begins at position ``first`` or later."""
        begins = np.arange(first, len(values))
        since = len(values) - begins
        sums = np.concatenate([[0.0], np.cumsum(values - values.mean())])
        mean_before = sums[begins] / begins
        mean_since = (sums[-1] - sums[begins]) / since
        total = float(np.sum((values - values.mean()) ** 2))
        residual = total - begins * mean_before**2 - since * mean_since**2
        return cls(
            difference=mean_since - mean_before - tolerated,
            size=begins * since / len(values),
            # Rounding must not make it negative, or zero.
            residual=np.maximum(residual, np.finfo(float).eps * total),
            freedom=len(values) - 2,
        )

    def bayes_factors(self) -> Floats:
        """Of each begin: a loss against none; shape (begins,)."""
        size = self.size * EFFECT**2
        explained = self.size * self.difference**2
        unexplained = explained / (1 + size)
        exponent = (self.freedom + 1) / 2
        log_factor = -np.log1p(size) / 2 + exponent * np.log(
            (self.residual + explained) / (self.residual + unexplained)
        )
        # The prior lies on losses alone, so the factor counts by the posterior chance of one.
        shrinkage = size / (1 + size)
        scale = np.sqrt((self.residual + unexplained) / (self.freedom + 1) * shrinkage / self.size)
        chance = stats.t.cdf(shrinkage * self.difference / scale, self.freedom + 1)
        factors: Floats = np.exp(np.minimum(log_factor, 700.0)) * 2 * chance
        return factors

    def width(self, error: float) -> float:
        """Half of the interval of the first difference: where a factor is below 1 / ``error``.

        Infinite while there are too few partitions for any end.
        """
        size = float(self.size[0]) * EFFECT**2
        limit = (np.sqrt(1 + size) / error) ** (2 / (self.freedom + 1))
        if limit >= 1 + size:
            return float("inf")
        squared = (limit - 1) / (1 - limit / (1 + size)) * float(self.residual[0])
        return float(np.sqrt(squared / float(self.size[0])))
