"""The algorithm families: each fits a complete pipeline, preparation of the features included.

A family is fitted on a Spark frame of feature columns and ``label``. Categories are strings, all
other features doubles; null, NaN and infinite values are missing. Whatever the preparation needs
(medians, categories, scales) is computed from the training rows only.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import LABEL
from updraft.training.families.als import Recommender, fit_als
from updraft.training.families.fitted import Fitted, Labels
from updraft.training.families.light_gbm import SklearnModel, fit_lightgbm
from updraft.training.families.parameters import LIGHTGBM
from updraft.training.families.spark import SparkModel, fit_spark
from updraft.training.recipe import Recipe

__all__ = ["Fitted", "Labels", "Recommender", "SklearnModel", "SparkModel", "fit"]


def fit(recipe: Recipe, rows: DataFrame, *, parallel_fits: int = 1) -> Fitted:
    """Fit one model on all ``rows``, which have labels if the kind has a target.

    ``parallel_fits``: how many models are fitted at the same time. LightGBM uses its share of the
    cores; the model does not depend on it.

    Raises:
        UpdraftError: the family refuses a parameter's value, or the rows.
    """
    _check_features(recipe)
    rows_by_class = _count_classes(rows, recipe.task)
    if recipe.balance and not rows_by_class:
        raise UpdraftError(
            f"model.balance: found true, but kind {recipe.task.kind} has no classes. Leave it out."
        )
    if recipe.task.traits.entities:
        return fit_als(recipe, rows)
    if recipe.algorithm == LIGHTGBM:
        return fit_lightgbm(recipe, rows, parallel_fits)
    return fit_spark(recipe, rows, rows_by_class)


def _check_features(recipe: Recipe) -> None:
    features = recipe.columns.all
    if not features:
        raise UpdraftError("features: found none, expected at least one in features.sql.")
    reserved = sorted({*features} & {*recipe.task.outputs})
    if reserved:
        raise UpdraftError(
            f"features: found {reserved}, which is the name of a model output. "
            "Use another name in features.sql."
        )


def _count_classes(rows: DataFrame, task: Task) -> dict[float, int]:
    """How many rows each class has; empty for a kind without classes."""
    if not task.traits.has_classes:
        return {}
    counts = rows.groupBy(LABEL).agg(F.count("*").alias("rows")).collect()
    rows_by_class = {float(count[LABEL]): int(count["rows"]) for count in counts}
    if len(rows_by_class) < 2:
        classes = "1 class" if rows_by_class else "0 classes"
        raise UpdraftError(
            f"training: found {sum(rows_by_class.values())} rows of {classes}, "
            "expected two classes or more. Widen model.window, or see data.target.sql."
        )
    return rows_by_class
