"""What models answer for labelled rows, and the checks on it that several kinds share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.sections import Costs
from updraft.evaluation.ranking import Ranking
from updraft.models.answers import Floats

TOLERANCE = 1e-3  # For probabilities, which models return in single precision.


@dataclass(frozen=True)
class Answers:
    """A model's answers: ``labels`` (rows,), ``scores`` (rows, outputs), and what it is judged by.

    ``threshold`` and ``costs``: of binary models. ``space`` (rows, dimensions): the points between
    which the distances of clustered rows are measured. ``ranking``: what a recommender recommends;
    without it there are no metrics of rankings.
    """

    labels: Floats
    scores: Floats
    threshold: float | None = None
    costs: Costs | None = None
    space: Floats | None = None
    ranking: Ranking | None = None


def pooled(parts: Sequence[Answers]) -> Answers:
    """The labels and scores of several folds together, with the costs of the first."""
    labels = np.concatenate([answers.labels for answers in parts])
    scores = np.concatenate([answers.scores for answers in parts])
    return Answers(labels, scores, costs=parts[0].costs)


def check_scores(answers: Answers, task: Task) -> None:
    """Check that there is a finite score for each row and output.

    Raises:
        UpdraftError: there are no rows, or the scores have another shape or are not finite.
    """
    rows = len(answers.labels)
    expected = (rows, len(task.outputs))
    if answers.scores.shape != expected:
        raise UpdraftError(
            f"evaluation: found scores of shape {answers.scores.shape}, expected {expected}."
        )
    if rows == 0:
        raise UpdraftError("evaluation: found 0 rows, expected some.")
    invalid = int((~np.isfinite(answers.scores)).any(axis=1).sum())
    if invalid:
        raise UpdraftError(
            f"evaluation: found {invalid} predictions that are not finite, expected none."
        )


def check_labels(labels: Floats) -> None:
    """Check that all labels are finite.

    Raises:
        UpdraftError: some are not.
    """
    invalid = int((~np.isfinite(labels)).sum())
    if invalid:
        raise UpdraftError(
            f"evaluation: found {invalid} labels that are not finite, expected none."
        )


def check_labels_differ(labels: Floats) -> None:
    """Check that not all labels are equal.

    Raises:
        UpdraftError: they are.
    """
    if labels.min() == labels.max():
        raise UpdraftError(
            f"evaluation: found {len(labels)} rows, all with label {labels[0]:g}, "
            "expected at least two values."
        )


def check_classes(labels: Floats, classes: int) -> None:
    """Check that all labels are numbers of classes, from 0 to ``classes`` - 1.

    Raises:
        UpdraftError: some are not.
    """
    if not np.isin(labels, np.arange(classes)).all():
        raise UpdraftError(
            f"evaluation: found labels {np.unique(labels)[:5]}, expected 0 to {classes - 1}."
        )


def check_probabilities(scores: Floats, *, complete: bool) -> None:
    """Check that all scores are probabilities; of all classes if ``complete``: their sum is 1.

    Raises:
        UpdraftError: some are not.
    """
    are_valid = scores.min() >= -TOLERANCE and scores.max() <= 1 + TOLERANCE
    if complete:
        are_valid = are_valid and np.abs(scores.sum(axis=1) - 1).max() <= TOLERANCE
    if not are_valid:
        total = " that add up to 1 in each row" if complete else ""
        raise UpdraftError(
            f"evaluation: found predictions between {scores.min():g} and {scores.max():g}, "
            f"expected probabilities from 0 to 1{total}."
        )
