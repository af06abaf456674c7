"""What a model's scores mean: thresholds and classes, without Spark."""

import re

import numpy as np
import numpy.typing as npt

from updraft.core.kinds import Task
from updraft.models.onnx_runtime import Scores

Floats = npt.NDArray[np.float64]


def decide(scores: Scores, task: Task, threshold: float | None) -> Floats:
    """Turn scores of shape (rows, outputs) into one answer for each row, of shape (rows,).

    For classes, the answer is the number of the class: by the threshold where there are two, else
    the one of the highest probability, the first of equal ones. For other kinds it is the score.

    Raises:
        ValueError: a binary model needs a threshold, and there is none.
    """
    if task.traits.has_threshold:
        if threshold is None:
            raise ValueError("threshold: missing, expected a number for a binary model")
        return (scores[:, 0] >= threshold).astype(float)
    if task.traits.has_classes:
        numbers: Floats = np.argmax(scores, axis=1).astype(float)
        return numbers
    return scores[:, 0]


def probability_columns(task: Task) -> list[str]:
    """Name the columns of the classes' probabilities, in the order of the classes.

    By the name of the class; by its number where names differ only in signs or in case.
    """
    names = ["probability_" + re.sub(r"\W", "_", name) for name in task.classes]
    are_distinct = len({name.lower() for name in names}) == len(names)
    return names if are_distinct else task.outputs
