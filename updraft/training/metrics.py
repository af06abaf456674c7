"""Metrics of binary models, and how sure one can be of a difference between two."""

import numpy as np
import numpy.typing as npt
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    log_loss,
    precision_recall_curve,
    precision_score,
    recall_score,
    roc_auc_score,
)

from updraft.core.errors import UpdraftError

Floats = npt.NDArray[np.float64]


def binary_metrics(labels: Floats, probabilities: Floats, threshold: float) -> dict[str, float]:
    """Auc and log_loss of the probabilities; f1, accuracy, precision and recall of the decisions at ``threshold``.

    Raises:
        UpdraftError: there are no rows, a single class, or probabilities that are not finite.
    """
    check(labels, probabilities)
    decisions = probabilities >= threshold
    return {
        "auc": float(roc_auc_score(labels, probabilities)),
        "log_loss": float(log_loss(labels, np.clip(probabilities, 1e-7, 1 - 1e-7))),
        "f1": float(f1_score(labels, decisions, zero_division=0)),
        "accuracy": float(accuracy_score(labels, decisions)),
        "precision": float(precision_score(labels, decisions, zero_division=0)),
        "recall": float(recall_score(labels, decisions, zero_division=0)),
    }


def check(labels: Floats, probabilities: Floats) -> None:
    """Refuse what no metric can be computed on, as ``binary_metrics`` says."""
    if len(labels) == 0 or len(np.unique(labels)) < 2:
        raise UpdraftError(f"evaluation: found {len(labels)} rows of classes {np.unique(labels)}, expected rows of both.")
    if not np.isfinite(probabilities).all():
        bad = int((~np.isfinite(probabilities)).sum())
        raise UpdraftError(f"evaluation: found {bad} predictions that are not finite, expected none.")


def best_threshold(labels: Floats, probabilities: Floats) -> float:
    """The threshold of the highest F1. To be chosen on validation rows, never on the holdout."""
    precision, recall, thresholds = precision_recall_curve(labels, probabilities)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[int(np.argmax(f1[:-1]))])


def paired_bootstrap(
    labels: Floats, challenger: Floats, champion: Floats, *, confidence: float, seed: int, draws: int = 1000
) -> tuple[float, float, float]:
    """The gain in AUC of the challenger over the champion on the same rows, with its percentile interval.

    Each draw resamples rows, and both models see the same resample (Efron & Tibshirani, An Introduction to the Bootstrap,
    chapter 13). Returns (gain, lower, upper).
    """
    rng = np.random.default_rng(seed)
    first, second = _Auc(labels, challenger), _Auc(labels, champion)
    ones = np.ones(len(labels))
    gains = []
    for _ in range(draws):
        weights = np.bincount(rng.integers(0, len(labels), len(labels)), minlength=len(labels)).astype(float)
        gains.append(first(weights) - second(weights))
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(gains, [tail, 1 - tail])
    return float(first(ones) - second(ones)), float(lower), float(upper)


class _Auc:
    """AUC of fixed scores under changing row weights, ties counted half: the sort is done once."""

    def __init__(self, labels: Floats, scores: Floats) -> None:
        _, self.group = np.unique(scores, return_inverse=True)
        self.labels = labels

    def __call__(self, weights: Floats) -> float:
        positive = np.bincount(self.group, weights * self.labels)
        negative = np.bincount(self.group, weights * (1 - self.labels))
        below = np.cumsum(negative) - negative / 2
        return float(positive @ below / (positive.sum() * negative.sum()))
