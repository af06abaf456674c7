"""Confusion matrices of weighted rows, and the metrics of single classes that follow from them."""

from collections.abc import Callable

import numpy as np

from updraft.evaluation.statistic import Weighted
from updraft.models.answers import Floats

# From row weights to a confusion matrix, observed by predicted, of shape (classes, classes).
Confusion = Callable[[Floats], Floats]
ByClass = Callable[[Floats], Floats]  # From a confusion matrix to one value for each class.


def confusion(labels: Floats, decisions: Floats, classes: int) -> Confusion:
    """The confusion matrix of ``decisions``, both of shape (rows,), for any row weights."""
    cell = labels.astype(int) * classes + decisions.astype(int)

    def matrix(weights: Floats) -> Floats:
        counts = np.bincount(cell, weights, classes * classes)
        return counts.astype(float).reshape(classes, classes)

    return matrix


def precision(matrix: Floats) -> Floats:
    """The precision of each class; 0 for a class that is never predicted."""
    return _ratio(np.diag(matrix), matrix.sum(axis=0))


def recall(matrix: Floats) -> Floats:
    """The recall of each class; 0 for a class that is never observed."""
    return _ratio(np.diag(matrix), matrix.sum(axis=1))


def f1(matrix: Floats) -> Floats:
    """The F1 of each class; 0 for a class that is neither observed nor predicted."""
    return _ratio(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))


def of_class(by_class: ByClass, matrix: Confusion, number: int) -> Weighted:
    """A metric of the class ``number``."""
    return lambda weights: float(by_class(matrix(weights))[number])


def macro(by_class: ByClass, matrix: Confusion) -> Weighted:
    """The mean over the classes that are observed or predicted, as scikit-learn computes it."""

    def value(weights: Floats) -> float:
        counts = matrix(weights)
        is_present = counts.sum(axis=0) + counts.sum(axis=1) > 0
        return float(by_class(counts)[is_present].mean())

    return value


def _ratio(part: Floats, total: Floats) -> Floats:
    """``part`` / ``total``; 0 where the total is 0."""
    return np.divide(part, total, out=np.zeros(len(total)), where=total > 0)
