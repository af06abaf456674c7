"""The families of Spark ML: a pipeline of its own stages, which prepare the features as the algorithm needs them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import OneVsRest, OneVsRestModel
from pyspark.ml.feature import (
    Imputer,
    OneHotEncoder,
    QuantileDiscretizer,
    StandardScaler,
    StringIndexer,
    StringIndexerModel,
    VectorAssembler,
)
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import LABEL, ROW_ID
from updraft.models.feature_columns import Columns
from updraft.models.onnx_runtime import Scores
from updraft.training.families.fitted import Labels, Parameters, given, spread
from updraft.training.families.parameters import SPARK

PARTITIONS = 4
BINS = 10
TREES = ("random_forest", "gradient_boosted_trees")
# Without regularisation, or by covariances, these need columns of which none follows from the others.
INDEPENDENT = ("linear_regression", "generalized_linear_regression", "gaussian_mixture")
REFUSALS = ("IllegalArgumentException", "SingularMatrixException")  # By which Java code of Spark ML says no.
INDEXED, FILLED, FEATURES, WEIGHT = "__index", "__filled", "features", "weight"


@dataclass(frozen=True)
class SparkModel:
    """A Spark ML pipeline."""

    task: Task
    columns: Columns
    model: PipelineModel
    present: list[int]  # Of several classes, those that had rows in training; the model knows no other.

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        one_vs_rest = isinstance(self.model.stages[-1], OneVsRestModel)
        vector = vector_to_array(F.col("rawPrediction" if one_vs_rest else "probability"))
        match self.task.kind:
            case "binary":
                answers = [vector[1]]
            case "multiclass":
                answers = [vector[n] for n in range(len(self.present))]
            case _:
                answers = [F.col("prediction").cast("double")]
        named = [answer.alias(f"score_{n}") for n, answer in enumerate(answers)]
        scored = self.model.transform(given(rows, self.columns)).select(LABEL, *named).toPandas()
        scores = scored.drop(columns=LABEL).to_numpy(float)
        if one_vs_rest:
            scores = 1 / (1 + np.exp(-2 * scores))  # Boosted trees sum up half of the log-odds.
            scores /= scores.sum(axis=1, keepdims=True)
        return scored[LABEL].to_numpy(float), spread(scores, self.present, self.task) if self.present else scores


def fit_spark(
    algorithm: str,
    rows: DataFrame,
    columns: Columns,
    parameters: Parameters,
    seed: int,
    task: Task,
    counts: dict[float, int],
    *,
    balance: bool,
) -> SparkModel:
    """Fit a whole pipeline. ``counts``: how many rows each class has.

    Raises:
        UpdraftError: the family refuses a value or the rows.
    """
    frame = in_fixed_order(_labelled(given(rows, columns), counts, balance)).persist()
    try:
        _check_values(algorithm, frame, columns)
        with_weights = {"weightCol": WEIGHT} if balance else {}
        estimator = _estimator(algorithm, task, {"labelCol": LABEL, **with_weights}, parameters, seed)
        prepare = _preparation(algorithm, frame, columns, parameters)
        if algorithm in TREES and columns.categories and "maxBins" not in parameters:
            # Trees split categories by sets; bins must be at least as many as the categories of a column.
            trees: Any = estimator.getClassifier() if isinstance(estimator, OneVsRest) else estimator
            indexer = next(stage for stage in prepare.stages if isinstance(stage, StringIndexerModel))
            trees.setMaxBins(max(trees.getMaxBins(), max(map(len, indexer.labelsArray)) + 1))
        model = PipelineModel([*prepare.stages, estimator.fit(prepare.transform(frame))])
        return SparkModel(task, columns, model, sorted(map(int, counts)) if task.kind == "multiclass" else [])
    except (TypeError, IllegalArgumentException, Py4JJavaError) as error:
        raise refusal(algorithm, error) from None
    finally:
        frame.unpersist()


def refusal(algorithm: str, error: Exception) -> Exception:
    """What a user is told of a value or of rows that Spark refuses; any other failure stays as it is."""
    reason = str(error)
    if isinstance(error, Py4JJavaError):
        cause: Any = error.java_exception
        while cause.getCause() is not None:
            cause = cause.getCause()
        if not cause.getClass().getSimpleName().endswith(REFUSALS):
            fault: Exception = error
            return fault
        reason = str(cause.getMessage())
    reason = reason.splitlines()[0].removeprefix("requirement failed: ").rstrip(".")
    return UpdraftError(f"model.algorithms.{algorithm}: {reason}. See the parameter in Spark's documentation.")


def in_fixed_order(rows: DataFrame) -> DataFrame:
    """The same rows in the same partitions whatever the machine: what is drawn at random is drawn by place."""
    return rows.repartition(PARTITIONS, ROW_ID).sortWithinPartitions(ROW_ID)


def _labelled(rows: DataFrame, counts: dict[float, int], balance: bool) -> DataFrame:
    """Rows with weights, if asked for, and with labels without gaps: naive Bayes takes the second it finds for 1."""
    if balance:
        each = sum(counts.values()) / len(counts)
        rows = rows.withColumn(WEIGHT, F.coalesce(*[F.when(F.col(LABEL) == c, each / n) for c, n in counts.items()]))
    if counts:
        places = [F.when(F.col(LABEL) == c, float(place)) for place, c in enumerate(sorted(counts))]
        rows = rows.withColumn(LABEL, F.coalesce(*places))
    return rows


def _check_values(algorithm: str, rows: DataFrame, columns: Columns) -> None:
    names = dict(zip(columns.plain_categories + columns.plain_numbers, columns.all, strict=True))
    found = rows.agg(*[F.count(plain).alias(plain) for plain in names]).collect()[0]
    if empty := [name for plain, name in names.items() if found[plain] == 0]:
        widen = "Widen model.window, or leave them out of features.sql."
        raise UpdraftError(f"model.algorithms.{algorithm}: found features without any value in the rows: {empty}. {widen}")


def _estimator(algorithm: str, task: Task, given_names: Parameters, parameters: Parameters, seed: int) -> Any:
    make = SPARK[task.kind][algorithm]
    one_vs_rest = task.kind == "multiclass" and algorithm == "gradient_boosted_trees"
    if task.kind == "clustering":
        given_names = {}
    seeded = {"seed": seed} if make().hasParam("seed") else {}
    estimator = make(featuresCol=FEATURES, **seeded, **({} if one_vs_rest else given_names), **parameters)
    return OneVsRest(featuresCol=FEATURES, classifier=estimator, **given_names) if one_vs_rest else estimator


def _preparation(algorithm: str, rows: DataFrame, columns: Columns, parameters: Parameters) -> PipelineModel:
    """Medians for absent numbers, categories by index with one more for the unseen, then what the algorithm needs."""
    stages, filled = list[Any](), [f"{name}{FILLED}" for name in columns.plain_numbers]
    if columns.numbers:
        stages.append(Imputer(inputCols=columns.plain_numbers, outputCols=filled, strategy="median"))
    if algorithm in TREES:
        indexed = [f"{name}{INDEXED}" for name in columns.plain_categories]
        if columns.categories:
            stages.append(StringIndexer(inputCols=columns.plain_categories, outputCols=indexed, handleInvalid="keep"))
        stages.append(VectorAssembler(inputCols=[*indexed, *filled], outputCol=FEATURES))
        return Pipeline(stages=stages).fit(rows)
    parts: list[str] = []
    if columns.numbers and algorithm == "naive_bayes" and parameters.get("modelType") != "gaussian":
        # It counts how often a class has a feature. So numbers become features by their tenths.
        bins, hot = [f"{name}__bin" for name in columns.plain_numbers], [f"{name}__hot" for name in columns.plain_numbers]
        stages.append(QuantileDiscretizer(inputCols=filled, outputCols=bins, numBucketsArray=[BINS] * len(bins)))
        stages.append(OneHotEncoder(inputCols=bins, outputCols=hot, dropLast=False))
        parts += hot
    elif columns.numbers:
        stages.append(VectorAssembler(inputCols=filled, outputCol="numbers"))
        stages.append(StandardScaler(inputCol="numbers", outputCol="numbers__scaled", withMean=True))
        parts.append("numbers__scaled")
    if columns.categories:
        indexers, indexed = _indexers(algorithm, rows, columns)
        hot = [name.replace(INDEXED, "__hot") for name in indexed]
        # The last index is that of the unseen: no column of its own, so they have none at all.
        stages += [*indexers, OneHotEncoder(inputCols=indexed, outputCols=hot, dropLast=True)] if indexed else []
        parts += hot
    if not parts:
        raise UpdraftError(f"model.algorithms.{algorithm}: found no feature that varies, expected at least one.")
    return Pipeline(stages=[*stages, VectorAssembler(inputCols=parts, outputCol=FEATURES)]).fit(rows)


def _indexers(algorithm: str, rows: DataFrame, columns: Columns) -> tuple[list[StringIndexerModel], list[str]]:
    """Indices of the categories, and what they are called.

    Of independent columns, the most frequent category is what the others are compared to, so it has no index, and the unseen
    count as it. With a column for each category their sum would be 1, and unregularised weights could be anything.
    """
    names, indexed = columns.plain_categories, [f"{name}{INDEXED}" for name in columns.plain_categories]
    found = StringIndexer(inputCols=names, outputCols=indexed, handleInvalid="keep").fit(rows)
    if algorithm not in INDEPENDENT:
        return [found], indexed
    kept = [one for one in zip(names, indexed, found.labelsArray, strict=True) if len(one[2]) > 1]
    # One by one, because pyspark pads lists of labels to the same length with null.
    make = StringIndexerModel.from_labels
    return [make(labels[1:], name, index, handleInvalid="keep") for name, index, labels in kept], [one[1] for one in kept]
