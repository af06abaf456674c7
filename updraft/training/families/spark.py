"""The families of Spark ML, each in a pipeline that prepares the features for the algorithm."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.ml import PipelineModel
from pyspark.ml.classification import OneVsRest, OneVsRestModel
from pyspark.ml.feature import StringIndexerModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import LABEL, ROW_ID
from updraft.models.feature_columns import FeatureColumns
from updraft.models.onnx_runtime import Scores
from updraft.training.families.fitted import Labels, expand_classes, select_features
from updraft.training.families.parameters import SPARK
from updraft.training.families.preparation import FEATURES, TREES, fit_preparation
from updraft.training.recipe import Recipe

PARTITIONS = 4
# The Java exceptions by which Spark ML refuses parameters or rows.
REFUSALS = ("IllegalArgumentException", "SingularMatrixException")
WEIGHT = "weight"


@dataclass(frozen=True)
class SparkModel:
    """A Spark ML pipeline; ``trained_classes``: for several classes, those with training rows."""

    task: Task
    columns: FeatureColumns
    model: PipelineModel
    trained_classes: list[int]

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        outputs = [output.alias(f"score_{n}") for n, output in enumerate(self._outputs())]
        features = select_features(rows, self.columns)
        scored = self.model.transform(features).select(LABEL, *outputs).toPandas()
        labels = scored[LABEL].to_numpy(float)
        scores = scored.drop(columns=LABEL).to_numpy(float)
        if self._is_one_vs_rest:
            scores = 1 / (1 + np.exp(-2 * scores))  # Boosted trees add up half of the log-odds.
            scores /= scores.sum(axis=1, keepdims=True)
        if self.trained_classes:
            scores = expand_classes(scores, self.trained_classes, self.task)
        return labels, scores

    @property
    def _is_one_vs_rest(self) -> bool:
        return isinstance(self.model.stages[-1], OneVsRestModel)

    def _outputs(self) -> list[Column]:
        """The scores of the trained classes; without classes, the prediction."""
        if not self.task.traits.has_classes:
            return [F.col("prediction").cast("double")]
        name = "rawPrediction" if self._is_one_vs_rest else "probability"
        vector = vector_to_array(F.col(name))
        if self.task.traits.names_classes:
            return [vector[n] for n in range(len(self.trained_classes))]
        return [vector[1]]


def fit_spark(recipe: Recipe, rows: DataFrame, rows_by_class: dict[float, int]) -> SparkModel:
    """Fit a pipeline of preparation and algorithm. ``rows_by_class``: empty without classes.

    Raises:
        UpdraftError: the algorithm refuses a parameter's value, or the rows.
    """
    features = select_features(rows, recipe.columns)
    if recipe.balance:
        features = _with_weights(features, rows_by_class)
    if rows_by_class:
        features = _with_consecutive_labels(features, rows_by_class)
    frame = in_fixed_order(features).persist()
    try:
        _check_values(recipe, frame)
        estimator = _estimator(recipe)
        preparation = fit_preparation(recipe, frame)
        if recipe.algorithm in TREES:
            _set_bins(estimator, preparation, recipe)
        fitted = estimator.fit(preparation.transform(frame))
        trained_classes: list[int] = []
        if recipe.task.traits.names_classes:
            trained_classes = sorted(map(int, rows_by_class))
        model = PipelineModel([*preparation.stages, fitted])
        return SparkModel(recipe.task, recipe.columns, model, trained_classes)
    except (TypeError, IllegalArgumentException, Py4JJavaError) as error:
        raise refusal(recipe.algorithm, error) from None
    finally:
        frame.unpersist()


def refusal(algorithm: str, error: Exception) -> Exception:
    """The error for a value or rows that Spark refuses; any other failure is returned as it is."""
    reason = str(error)
    if isinstance(error, Py4JJavaError):
        cause: Any = error.java_exception
        while cause.getCause() is not None:
            cause = cause.getCause()
        if not cause.getClass().getSimpleName().endswith(REFUSALS):
            failure: Exception = error
            return failure
        reason = str(cause.getMessage())
    reason = reason.splitlines()[0].removeprefix("requirement failed: ").rstrip(".")
    return UpdraftError(
        f"model.algorithms.{algorithm}: {reason}. See the parameter in Spark's documentation."
    )


def in_fixed_order(rows: DataFrame) -> DataFrame:
    """The rows in partitions and an order that do not depend on the machine.

    Spark's random draws depend on both.
    """
    return rows.repartition(PARTITIONS, ROW_ID).sortWithinPartitions(ROW_ID)


def _with_weights(rows: DataFrame, rows_by_class: dict[float, int]) -> DataFrame:
    """Weights that give each class the same total."""
    share = sum(rows_by_class.values()) / len(rows_by_class)
    weights = [F.when(F.col(LABEL) == c, share / n) for c, n in rows_by_class.items()]
    return rows.withColumn(WEIGHT, F.coalesce(*weights))


def _with_consecutive_labels(rows: DataFrame, rows_by_class: dict[float, int]) -> DataFrame:
    """Labels 0, 1, ... of the classes with rows: naive Bayes takes the n-th class for label n."""
    classes = sorted(rows_by_class)
    labels = [F.when(F.col(LABEL) == c, float(label)) for label, c in enumerate(classes)]
    return rows.withColumn(LABEL, F.coalesce(*labels))


def _check_values(recipe: Recipe, rows: DataFrame) -> None:
    columns = recipe.columns
    names = dict(zip(columns.plain_categories + columns.plain_numbers, columns.all, strict=True))
    counts = rows.agg(*[F.count(plain).alias(plain) for plain in names]).collect()[0]
    empty = [name for plain, name in names.items() if counts[plain] == 0]
    if empty:
        raise UpdraftError(
            f"model.algorithms.{recipe.algorithm}: found features without any value in the rows: "
            f"{empty}. Widen model.window, or leave them out of features.sql."
        )


def _estimator(recipe: Recipe) -> Any:
    make = SPARK[recipe.task.kind][recipe.algorithm]
    column_names: dict[str, Any] = {}
    if recipe.task.traits.has_target:
        column_names["labelCol"] = LABEL
    if recipe.balance:
        column_names["weightCol"] = WEIGHT
    seed = {"seed": recipe.seed} if make().hasParam("seed") else {}
    if recipe.task.traits.names_classes and recipe.algorithm == "gradient_boosted_trees":
        classifier = make(featuresCol=FEATURES, **seed, **recipe.parameters)
        return OneVsRest(featuresCol=FEATURES, classifier=classifier, **column_names)
    return make(featuresCol=FEATURES, **seed, **column_names, **recipe.parameters)


def _set_bins(estimator: Any, preparation: PipelineModel, recipe: Recipe) -> None:
    """Give trees at least as many bins as the largest category has values: they need one each."""
    if not recipe.columns.categories or "maxBins" in recipe.parameters:
        return
    trees: Any = estimator.getClassifier() if isinstance(estimator, OneVsRest) else estimator
    indexer = next(stage for stage in preparation.stages if isinstance(stage, StringIndexerModel))
    largest = max(map(len, indexer.labelsArray))
    trees.setMaxBins(max(trees.getMaxBins(), largest + 1))
