"""What every family speaks of: the feature columns, what a fitted model is, and the rows as a family gets them."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.kinds import Task
from updraft.core.schema import LABEL, ROW_ID, quote
from updraft.models.feature_columns import Columns
from updraft.models.onnx_runtime import Scores

Labels = npt.NDArray[np.float64]  # Of shape (rows,).
Parameters = dict[str, Any]  # By name, as the algorithm knows them.
# What ONNX Runtime takes an absent text for. So in training, too, these texts mean that there is none.
ABSENT_TEXTS = ("None", "nan")


class Fitted(Protocol):
    """A fitted model. ``predict`` gives what ``task.outputs`` names for each row of a frame, in its order."""

    @property
    def task(self) -> Task: ...

    @property
    def columns(self) -> Columns: ...

    @property
    def model(self) -> Any: ...

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        """(labels of shape (rows,), scores of shape (rows, outputs))."""
        ...


def spread(found: Scores, present: Sequence[int], task: Task) -> Scores:
    """A score for each class, from those for the classes that had rows in training. The others have no chance."""
    scores = np.zeros((len(found), len(task.outputs)))
    scores[:, present] = found
    return scores


def given(rows: DataFrame, columns: Columns) -> DataFrame:
    """The features under plain names, with label and row id. NaN and the infinite are null, as every family takes them."""
    infinite = F.lit(float("inf"))  # NaN is larger still, for Spark.
    numbers = [
        (F.col(quote(name)).cast("double"), plain) for name, plain in zip(columns.numbers, columns.plain_numbers, strict=True)
    ]
    texts = zip(columns.categories, columns.plain_categories, strict=True)
    return rows.select(
        *[F.when(~F.col(quote(name)).isin(*ABSENT_TEXTS), F.col(quote(name))).alias(plain) for name, plain in texts],
        *[F.when(F.abs(number) < infinite, number).alias(plain) for number, plain in numbers],
        F.col(LABEL).cast("double").alias(LABEL),
        ROW_ID,
    )
