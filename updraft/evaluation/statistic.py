"""Metrics as functions of row weights: the same code for all rows, or some of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from updraft.models.answers import Floats

Weighted = Callable[[Floats], float]  # From weights of shape (units,) to the value of a metric.
CALIBRATION_BINS = 10
SMALLEST = 1e-7  # A probability of 0 would make the loss of a row infinite.


@dataclass(frozen=True)
class Statistic:
    """A metric of fixed answers, for any weights of its ``units``.

    The units are rows or, for metrics of rankings, users.
    """

    units: int
    of: Weighted

    @property
    def value(self) -> float:
        """The metric itself: each unit counts once."""
        return float(self.of(np.ones(self.units)))


def as_statistics(units: int, metrics: dict[str, Weighted]) -> dict[str, Statistic]:
    """The metrics by name, all of the same number of ``units``."""
    return {name: Statistic(units, of) for name, of in metrics.items()}


def mean(values: Floats) -> Weighted:
    """The weighted mean of one value for each unit; ``values`` has shape (units,)."""
    return lambda weights: dot(weights, values) / float(weights.sum())


def dot(left: npt.NDArray[Any], right: npt.NDArray[Any]) -> float:
    """The dot product of two vectors.

    Without BLAS, whose threads wait for each other on a busy machine: that takes many times as
    long as the sum itself.
    """
    return float(np.einsum("i,i", left, right))


def log_losses(labels: Floats, probabilities: Floats) -> Floats:
    """The log loss of each row. ``labels`` (rows,) are columns of ``probabilities``."""
    observed = probabilities[np.arange(len(labels)), labels.astype(int)]
    observed = observed / probabilities.sum(axis=1)
    losses: Floats = -np.log(np.clip(observed, SMALLEST, 1 - SMALLEST))
    return losses


class Auc:
    """AUC of fixed scores under changing row weights; ties count half. NaN for a single class.

    The scores are sorted once. ``labels`` and ``scores`` have shape (rows,).
    """

    def __init__(self, labels: Floats, scores: Floats) -> None:
        _, self.group = np.unique(scores, return_inverse=True)
        self.labels = labels

    def __call__(self, weights: Floats) -> float:
        positive = np.bincount(self.group, weights * self.labels)
        negative = np.bincount(self.group, weights * (1 - self.labels))
        pairs = positive.sum() * negative.sum()
        below = np.cumsum(negative) - negative / 2
        return dot(positive, below) / pairs if pairs > 0 else np.nan


class CalibrationError:
    """The expected calibration error of fixed probabilities under changing row weights.

    Sorted by probability, the rows fall into bins of equal weight; equal probabilities share a
    bin. The error is the mean, over the rows, of the distance in their bin between the mean
    probability and the share of outcomes: 0 is the best value, 1 the worst. ``probabilities`` and
    ``outcomes`` have shape (rows,); an outcome is 1 where the predicted event occurred, else 0.
    The rows are sorted once.

    Source: Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian
    Binning, AAAI 2015; for several classes, with the probability of the predicted one: Guo et al.,
    On Calibration of Modern Neural Networks, ICML 2017.
    """

    def __init__(self, outcomes: Floats, probabilities: Floats) -> None:
        _, self.group = np.unique(probabilities, return_inverse=True)
        self.errors = np.clip(probabilities, 0, 1) - outcomes

    def __call__(self, weights: Floats) -> float:
        group_weights = np.bincount(self.group, weights)
        middle = np.cumsum(group_weights) - group_weights / 2
        bins = (CALIBRATION_BINS * middle / group_weights.sum()).astype(int)
        errors = np.bincount(bins, np.bincount(self.group, weights * self.errors))
        return float(np.abs(errors).sum() / group_weights.sum())
