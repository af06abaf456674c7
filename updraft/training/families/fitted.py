"""What the families have in common: the protocol of a fitted model, and the rows to fit it on."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.kinds import Task
from updraft.core.schema import LABEL, ROW_ID, quote
from updraft.models.feature_columns import FeatureColumns
from updraft.models.onnx_runtime import Scores

Labels = npt.NDArray[np.float64]  # Of shape (rows,).
# ONNX Runtime takes these texts for a missing one, so they are missing in training, too.
MISSING_TEXTS = ("None", "nan")


class Fitted(Protocol):
    """A fitted model with the task and the features that it was fitted for."""

    @property
    def task(self) -> Task: ...

    @property
    def columns(self) -> FeatureColumns: ...

    @property
    def model(self) -> Any:
        """The model of the family's library."""

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        """Labels of shape (rows,) and scores of shape (rows, outputs), in the order of the rows.

        The columns of the scores are ``task.outputs``.
        """
        ...


def select_features(rows: DataFrame, columns: FeatureColumns) -> DataFrame:
    """The features under their plain names, the label and the row id.

    Numbers are doubles, NaN and infinite ones null.
    """
    infinity = F.lit(float("inf"))  # Spark takes NaN for larger than infinity.
    selected = []
    for name, plain in zip(columns.categories, columns.plain_categories, strict=True):
        text = F.col(quote(name))
        selected.append(F.when(~text.isin(*MISSING_TEXTS), text).alias(plain))
    for name, plain in zip(columns.numbers, columns.plain_numbers, strict=True):
        number = F.col(quote(name)).cast("double")
        selected.append(F.when(F.abs(number) < infinity, number).alias(plain))
    return rows.select(*selected, F.col(LABEL).cast("double").alias(LABEL), ROW_ID)


def expand_classes(scores: Scores, trained_classes: Sequence[int], task: Task) -> Scores:
    """Scores of all classes, from those of the classes that had training rows; the others have 0.

    Shapes: (rows, trained classes) to (rows, outputs).
    """
    expanded = np.zeros((len(scores), len(task.outputs)))
    expanded[:, trained_classes] = scores
    return expanded
