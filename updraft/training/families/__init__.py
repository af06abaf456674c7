"""The algorithm families: each learns a whole pipeline, preparation included, and says what it would predict.

A family is fitted on a Spark frame of feature columns and ``label``. Categories are strings, all else doubles; null, NaN and
the infinite mean absent. What has to be learnt (medians, categories, scales) is learnt from the training rows only.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import LABEL
from updraft.models.feature_columns import Columns
from updraft.training.families.als import Recommender, fit_als
from updraft.training.families.fitted import Fitted, Labels, Parameters
from updraft.training.families.light_gbm import SklearnModel, fit_lightgbm
from updraft.training.families.parameters import LIGHTGBM
from updraft.training.families.spark import SparkModel, fit_spark

__all__ = [
    "Fitted",
    "Labels",
    "Parameters",
    "Recommender",
    "SklearnModel",
    "SparkModel",
    "fit",
]


def fit(
    algorithm: str,
    rows: DataFrame,
    columns: Columns,
    parameters: Parameters,
    seed: int,
    task: Task,
    *,
    balance: bool = False,
    beside: int = 1,
) -> Fitted:
    """Fit one model of the family ``algorithm`` on all of ``rows``, which have labels, if the kind of ``task`` has any.

    ``balance``: weigh the rows so that each class counts the same. ``beside``: how many models are fitted at the same time;
    LightGBM takes its share of the cores. It changes no model.

    Raises:
        UpdraftError: the family refuses a parameter's value, or the rows.
    """
    if clash := sorted({*columns.all} & {*task.outputs}):
        raise UpdraftError(f"features: found {clash}, which is what the model's answer is called. Name it otherwise.")
    if not columns.all:
        raise UpdraftError("features: found none, expected at least one in features.sql.")
    counts = _class_counts(rows, task)
    if balance and not counts:
        raise UpdraftError(f"model.balance: found true, but kind {task.kind} has no classes. Leave it out.")
    if task.kind == "recommendation":
        return fit_als(algorithm, rows, columns, parameters, seed, task)
    if algorithm == LIGHTGBM:
        return fit_lightgbm(rows, columns, parameters, seed, task, balance=balance, beside=beside)
    return fit_spark(algorithm, rows, columns, parameters, seed, task, counts, balance=balance)


def _class_counts(rows: DataFrame, task: Task) -> dict[float, int]:
    """How many rows each class has; empty for a kind without classes."""
    if task.kind not in ("binary", "multiclass"):
        return {}
    counts = {float(row[LABEL]): int(row["count"]) for row in rows.groupBy(LABEL).agg(F.count("*").alias("count")).collect()}
    if len(counts) < 2:
        raise UpdraftError(
            f"training: found {sum(counts.values())} rows of {len(counts)} class, expected two classes or more. "
            "Widen model.window, or see data.target.sql."
        )
    return counts
