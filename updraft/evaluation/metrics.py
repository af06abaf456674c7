"""Metrics of every kind of model, each a function of row weights: the same for all rows, a slice, a bootstrap's resample."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.sections import Costs
from updraft.evaluation.clusters import silhouettes
from updraft.evaluation.ranking import Ranking

Floats = npt.NDArray[np.float64]
Cells = Callable[[Floats], Floats]  # From row weights to a confusion matrix.
TOLERANCE = 1e-3  # Of probabilities, which models give in single precision.
CALIBRATION_BINS = 10
SMALLEST = 1e-7  # A probability of 0 would make the loss of a row infinite.


@dataclass(frozen=True)
class Answers:
    """What a model answers for rows: ``labels`` (rows,), ``scores`` (rows, outputs), and what its kind is judged by.

    ``threshold`` and ``costs``: of binary models. ``space`` (rows, dimensions): where the distances of clustered rows are
    measured. ``ranking``: what a recommender recommends; without it there are no metrics of rankings.
    """

    labels: Floats
    scores: Floats
    threshold: float | None = None
    costs: Costs | None = None
    space: Floats | None = None
    ranking: Ranking | None = None


@dataclass(frozen=True)
class Statistic:
    """A metric of fixed answers under changing weights of its ``units``: rows or, where things are ranked for them, users."""

    units: int
    of: Callable[[Floats], float]

    @property
    def value(self) -> float:
        """The metric itself: every unit counts once."""
        return float(self.of(np.ones(self.units)))


def metrics(task: Task, answers: Answers) -> dict[str, float]:
    """All metrics of the task's kind, by name. See ``statistics``."""
    return {name: statistic.value for name, statistic in statistics(task, answers).items()}


def statistics(task: Task, answers: Answers) -> dict[str, Statistic]:
    """Each metric of the task's kind, by name; of several classes also precision, recall and f1 of each.

    Raises:
        UpdraftError: there is nothing to judge, or an answer that is no answer: not finite, no probability, no class.
    """
    check(task, answers)
    match task.kind:
        case "binary":
            return _binary(answers)
        case "multiclass":
            return _multiclass(task, answers)
        case "regression":
            return _errors(answers)
        case "clustering":
            return _clustering(answers)
        case "recommendation":
            return {**_errors(answers, explained=False), **_ranked(answers)}


def check(task: Task, answers: Answers) -> None:
    """Refuse what no metric can be computed on, as ``statistics`` says."""
    labels, scores = answers.labels, answers.scores
    if scores.shape != (len(labels), len(task.outputs)):
        raise UpdraftError(f"evaluation: found scores of shape {scores.shape}, expected {(len(labels), len(task.outputs))}.")
    if len(labels) == 0:
        raise UpdraftError("evaluation: found 0 rows, expected some.")
    if bad := int((~np.isfinite(scores)).any(axis=1).sum()):
        raise UpdraftError(f"evaluation: found {bad} predictions that are not finite, expected none.")
    if task.kind == "clustering":
        return
    if bad := int((~np.isfinite(labels)).sum()):
        raise UpdraftError(f"evaluation: found {bad} labels that are not finite, expected none.")
    if task.kind != "recommendation" and labels.min() == labels.max():
        raise UpdraftError(f"evaluation: found {len(labels)} rows, all with label {labels[0]:g}, expected different ones.")
    if task.kind in ("binary", "multiclass"):
        classes = 2 if task.kind == "binary" else len(task.classes)
        if not np.isin(labels, np.arange(classes)).all():
            raise UpdraftError(f"evaluation: found labels {np.unique(labels)[:5]}, expected 0 to {classes - 1}.")
        whole = task.kind == "binary" or np.abs(scores.sum(axis=1) - 1).max() <= TOLERANCE
        if scores.min() < -TOLERANCE or scores.max() > 1 + TOLERANCE or not whole:
            raise UpdraftError("evaluation: found predictions that are no probabilities between 0 and 1.")


def best_threshold(answers: Answers, metric: str) -> float:
    """The threshold of the highest F1 or, if the ``metric`` is value, of the highest worth. From validation rows only."""
    labels, scores = answers.labels, answers.scores[:, 0]
    if metric == "value":
        worth = _worth(labels, answers.costs)
        order = np.argsort(-scores, kind="stable")
        gained = np.cumsum((worth[:, 1] - worth[:, 0])[order])
        last = np.append(np.diff(scores[order]) != 0, True)  # Equal scores are decided alike.
        best = int(np.argmax(np.where(last, gained, -np.inf)))
        # It may be worth most to say no to all.
        return float(scores[order][best]) if gained[best] > 0 else float(np.nextafter(scores.max(), np.inf))
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return float(thresholds[int(np.argmax(f1[:-1]))])


def _binary(answers: Answers) -> dict[str, Statistic]:
    labels, scores = answers.labels, answers.scores[:, 0]
    assert answers.threshold is not None, "a binary model decides by a threshold"
    decisions = (scores >= answers.threshold).astype(float)
    cells = _cells(labels, decisions, 2)
    found: dict[str, Callable[[Floats], float]] = {
        "auc": Auc(labels, scores),
        "log_loss": _mean(_log_losses(labels, np.column_stack([1 - scores, scores]))),
        "f1": lambda weights: float(_f1(cells(weights))[1]),
        "accuracy": _mean((labels == decisions).astype(float)),
        "precision": lambda weights: float(_precision(cells(weights))[1]),
        "recall": lambda weights: float(_recall(cells(weights))[1]),
        "macro_f1": _macro(_f1, cells),
        "calibration_error": CalibrationError(labels, scores),
    }
    if answers.costs:
        found["value"] = _mean(_worth(labels, answers.costs)[np.arange(len(labels)), decisions.astype(int)])
    return {name: Statistic(len(labels), of) for name, of in found.items()}


def _multiclass(task: Task, answers: Answers) -> dict[str, Statistic]:
    labels, scores = answers.labels, answers.scores
    decisions = scores.argmax(axis=1).astype(float)
    cells = _cells(labels, decisions, len(task.classes))
    one_against_rest = [Auc((labels == n).astype(float), scores[:, n]) for n in range(len(task.classes))]

    def auc(weights: Floats) -> float:
        """The mean over the classes that there are."""
        there = [n for n in range(len(task.classes)) if 0 < _dot(weights, labels == n) < weights.sum()]
        return float(np.mean([one_against_rest[n](weights) for n in there])) if there else np.nan

    def single(by_class: Cells, n: int) -> Callable[[Floats], float]:
        return lambda weights: float(by_class(cells(weights))[n])

    found: dict[str, Callable[[Floats], float]] = {
        "macro_f1": _macro(_f1, cells),
        "accuracy": _mean((labels == decisions).astype(float)),
        "macro_precision": _macro(_precision, cells),
        "macro_recall": _macro(_recall, cells),
        "auc": auc,
        "log_loss": _mean(_log_losses(labels, scores)),
        "calibration_error": CalibrationError((labels == decisions).astype(float), scores.max(axis=1)),
    }
    for n, name in enumerate(task.classes):
        if (labels == n).any():  # Of a class that is not there, no figure would say anything.
            found |= {
                f"f1_{name}": single(_f1, n),
                f"precision_{name}": single(_precision, n),
                f"recall_{name}": single(_recall, n),
            }
    return {name: Statistic(len(labels), of) for name, of in found.items()}


def _errors(answers: Answers, explained: bool = True) -> dict[str, Statistic]:
    labels, missed = answers.labels, answers.labels - answers.scores[:, 0]
    squares = _mean(missed**2)

    def r2(weights: Floats) -> float:
        mean = _dot(weights, labels) / weights.sum()
        spread = _dot(weights, (labels - mean) ** 2)
        return 1 - _dot(weights, missed**2) / spread if spread > 0 else np.nan

    found: dict[str, Callable[[Floats], float]] = {
        "rmse": lambda weights: float(np.sqrt(squares(weights))),
        "mae": _mean(np.abs(missed)),
        **({"r2": r2} if explained else {}),
    }
    return {name: Statistic(len(labels), of) for name, of in found.items()}


def _clustering(answers: Answers) -> dict[str, Statistic]:
    """The silhouette, the share of the rows in each cluster, and the smallest of them: one far row alone is no cluster."""
    assert answers.space is not None, "distances are measured in a space"
    clusters = answers.scores[:, 0]
    found = {"silhouette": _mean(silhouettes(answers.space, clusters))}
    shares = {f"share_{one:g}": _mean((clusters == one).astype(float)) for one in np.unique(clusters)}
    found |= {**shares, "smallest_share": lambda weights: min(share(weights) for share in shares.values())}
    return {name: Statistic(len(clusters), of) for name, of in found.items()}


def _ranked(answers: Answers) -> dict[str, Statistic]:
    ranking = answers.ranking
    if ranking is None:
        return {}

    def coverage(weights: Floats) -> float:
        shown = np.unique(ranking.shown[weights > 0])
        return float((shown >= 0).sum() / ranking.items)

    found = {"precision_at_10": _mean(ranking.precision), "ndcg_at_10": _mean(ranking.ndcg), "coverage": coverage}
    return {name: Statistic(len(ranking.shown), of) for name, of in found.items()}


class Auc:
    """AUC of fixed scores under changing row weights, ties counted half: the sort is done once. NaN for a single class."""

    def __init__(self, labels: Floats, scores: Floats) -> None:
        _, self.group = np.unique(scores, return_inverse=True)
        self.labels = labels

    def __call__(self, weights: Floats) -> float:
        positive = np.bincount(self.group, weights * self.labels)
        negative = np.bincount(self.group, weights * (1 - self.labels))
        pairs = positive.sum() * negative.sum()
        below = np.cumsum(negative) - negative / 2
        return _dot(positive, below) / pairs if pairs > 0 else np.nan


class CalibrationError:
    """How far probabilities are from what comes true of them: the expected calibration error under changing row weights.

    Sorted by their probability, the rows fall into bins of equal weight; equal probabilities share a bin. The error is the
    mean, over the rows, of their bin's distance between the mean probability and the share of outcomes: 0 is perfect, 1 the
    worst. ``outcomes`` (rows,): 1 where what the probability is of has come true, else 0. The sort is done once.

    Source: Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015; of several
    classes, the probability of the predicted one: Guo et al., On Calibration of Modern Neural Networks, ICML 2017.
    """

    def __init__(self, outcomes: Floats, probabilities: Floats) -> None:
        _, self.group = np.unique(probabilities, return_inverse=True)
        self.missed = np.clip(probabilities, 0, 1) - outcomes

    def __call__(self, weights: Floats) -> float:
        heavy = np.bincount(self.group, weights)
        middle = np.cumsum(heavy) - heavy / 2
        bins = (CALIBRATION_BINS * middle / heavy.sum()).astype(int)
        missed = np.bincount(bins, np.bincount(self.group, weights * self.missed))
        return float(np.abs(missed).sum() / heavy.sum())


def _macro(by_class: Cells, cells: Cells) -> Callable[[Floats], float]:
    """The mean over the classes that are observed or predicted, as scikit-learn's."""

    def of(weights: Floats) -> float:
        counted = cells(weights)
        there = counted.sum(axis=0) + counted.sum(axis=1) > 0
        return float(by_class(counted)[there].mean())

    return of


def _mean(values: Floats) -> Callable[[Floats], float]:
    return lambda weights: _dot(weights, values) / float(weights.sum())


def _dot(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> float:
    """Without BLAS, whose threads wait for each other on a busy machine: many times as long as the sum itself."""
    return float(np.einsum("i,i", one, other))


def _log_losses(labels: Floats, probabilities: Floats) -> Floats:
    given = probabilities[np.arange(len(labels)), labels.astype(int)] / probabilities.sum(axis=1)
    losses: Floats = -np.log(np.clip(given, SMALLEST, 1 - SMALLEST))
    return losses


def _worth(labels: Floats, costs: Costs | None) -> Floats:
    """What a no and a yes are worth for each row; shape (rows, 2)."""
    assert costs is not None, "a value needs costs"
    table = np.array([[costs.true_negative, costs.false_positive], [costs.false_negative, costs.true_positive]])
    found: Floats = table[labels.astype(int)]
    return found


def _cells(labels: Floats, decisions: Floats, classes: int) -> Cells:
    """The confusion matrix, observed by predicted, of weighted rows."""
    cell = labels.astype(int) * classes + decisions.astype(int)

    def counted(weights: Floats) -> Floats:
        return np.bincount(cell, weights, classes * classes).astype(float).reshape(classes, classes)

    return counted


def _precision(cells: Floats) -> Floats:
    return _share(np.diag(cells), cells.sum(axis=0))


def _recall(cells: Floats) -> Floats:
    return _share(np.diag(cells), cells.sum(axis=1))


def _f1(cells: Floats) -> Floats:
    return _share(2 * np.diag(cells), cells.sum(axis=0) + cells.sum(axis=1))


def _share(part: Floats, whole: Floats) -> Floats:
    """0 where there is nothing: what a model never says, it never says rightly."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=whole > 0)
