"""The algorithm families: each learns a whole pipeline, preparation included, and says what it would predict.

A family is fitted on a Spark frame of feature columns and ``label``. Categories are strings, all else doubles; NaN or null
means absent. What has to be learnt (medians, categories, scales) is learnt from the training rows only.
"""

import os
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import GBTClassifier, LogisticRegression, RandomForestClassifier
from pyspark.ml.feature import Imputer, OneHotEncoder, StandardScaler, StringIndexer, StringIndexerModel, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.mistakes import suggest
from updraft.core.schema import LABEL, ROW_ID

# LightGBM trains on one node: 4 M values take about 2 GiB with its copies. Above it, use a Spark ML family.
LIGHTGBM_MAX_VALUES = 100_000_000
# Set here, or not part of what the export knows.
LIGHTGBM_OURS = [
    *("random_state", "seed", "deterministic", "force_row_wise", "verbose", "objective"),
    *("categorical_feature", "zero_as_missing", "linear_tree", "sigmoid"),
]
SPARK_FAMILIES: dict[str, Any] = {
    "logistic_regression": LogisticRegression,
    "random_forest": RandomForestClassifier,
    "gradient_boosted_trees": GBTClassifier,
}
PARTITIONS = 4
Scores = npt.NDArray[np.float64]  # Of shape (rows, outputs), in the order of Task.outputs.
Labels = npt.NDArray[np.float64]
Parameters = dict[str, Any]  # By name, as the algorithm knows them.


@dataclass(frozen=True)
class Columns:
    """The feature columns by kind, in the frame's order."""

    numbers: list[str]
    categories: list[str]

    @property
    def all(self) -> list[str]:
        return self.categories + self.numbers

    @classmethod
    def of(cls, frame: DataFrame, names: list[str]) -> "Columns":
        categories = [name for name in names if isinstance(frame.schema[name].dataType, T.StringType)]
        return cls([name for name in names if name not in categories], categories)


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


@dataclass(frozen=True)
class SparkModel:
    """A Spark ML pipeline."""

    task: Task
    columns: Columns
    model: PipelineModel

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        scored = self.model.transform(rows).select(LABEL, vector_to_array(F.col("probability"))[1].alias("p")).toPandas()
        return scored[LABEL].to_numpy(float), scored[["p"]].to_numpy(float)


@dataclass(frozen=True)
class SklearnModel:
    """A scikit-learn pipeline."""

    task: Task
    columns: Columns
    model: Any

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        frame = rows.select(*self.columns.all, LABEL).toPandas()
        return frame[LABEL].to_numpy(float), self.model.predict_proba(frame[self.columns.all])[:, 1:]


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
    """Fit one model of the family ``algorithm`` on all of ``rows``.

    ``balance``: weigh the rows so that each class counts the same.
    ``beside``: how many models are fitted at the same time; LightGBM takes its share of the cores. It changes no model.

    Raises:
        UpdraftError: the family refuses a parameter's value, or the rows.
    """
    if balance:
        raise UpdraftError("model.balance: not yet")
    if algorithm == "lightgbm":
        cores = max(1, (os.cpu_count() or 1) // beside)
        return _lightgbm(rows, columns, {"n_jobs": cores, **parameters}, seed, task)
    try:
        return SparkModel(task, columns, _spark_pipeline(algorithm, rows, columns, parameters, seed))
    except (TypeError, IllegalArgumentException) as error:
        reason = str(error).splitlines()[0]
        raise UpdraftError(f"model.algorithms.{algorithm}: {reason}. See the parameter in Spark's documentation.") from None
    except Py4JJavaError as error:
        reason = str(error.java_exception.getMessage())
        if "surrogate cannot be computed" not in reason:
            raise
        raise UpdraftError(
            f"model.algorithms.{algorithm}: found a feature without any value in the training rows: {reason}. "
            "Widen model.window, leave the feature out of features.sql, or use lightgbm."
        ) from None


def check_parameters(algorithm: str, names: Collection[str], task: Task) -> None:
    """Refuse names that are not parameters of the family, or that are not for a use case to set.

    Raises:
        UpdraftError: it names them, with the nearest right spelling.
    """
    if algorithm == "lightgbm":
        from lightgbm import LGBMClassifier
        from lightgbm.basic import _ConfigAliases

        known = {*LGBMClassifier().get_params(), *_ConfigAliases._get_all_param_aliases()}
        ours = {*LIGHTGBM_OURS, *(alias for name in LIGHTGBM_OURS for alias in _ConfigAliases.get(name))}
    else:
        known = {parameter.name for parameter in SPARK_FAMILIES[algorithm]().params}
        ours = {name for name in known if name.endswith("Col")} | {"seed"}
    if unknown := sorted(set(names) - (known - ours)):
        hints = "".join(suggest(name, known - ours) for name in unknown)
        raise UpdraftError(
            f"model.algorithms.{algorithm}: found {unknown}, expected names of the algorithm's parameters{hints}"
        )


def _spark_pipeline(algorithm: str, rows: DataFrame, columns: Columns, parameters: Parameters, seed: int) -> PipelineModel:
    """Spark ML: medians for absent numbers, categories by index with one more for the unseen, then what the family needs."""
    filled, indexed = [f"{c}__filled" for c in columns.numbers], [f"{c}__index" for c in columns.categories]
    stages: list[Any] = []
    if columns.numbers:
        stages.append(Imputer(inputCols=columns.numbers, outputCols=filled, strategy="median"))
    if columns.categories:
        stages.append(StringIndexer(inputCols=columns.categories, outputCols=indexed, handleInvalid="keep"))
    make = SPARK_FAMILIES[algorithm]
    if make is LogisticRegression:
        stages += _scaled_and_one_hot(columns, filled, indexed)
        estimator = make(featuresCol="features", labelCol=LABEL, **parameters)
        return Pipeline(stages=[*stages, estimator]).fit(rows)
    # Trees take categories as they are and split them by sets; bins must be at least as many as the categories of a column.
    stages.append(VectorAssembler(inputCols=[*indexed, *filled], outputCol="features"))
    estimator = make(featuresCol="features", labelCol=LABEL, seed=seed, **parameters)
    prepare = Pipeline(stages=stages).fit(_in_fixed_order(rows))
    if columns.categories and "maxBins" not in parameters:
        indexer = next(stage for stage in prepare.stages if isinstance(stage, StringIndexerModel))
        most = max(map(len, indexer.labelsArray)) + 1
        estimator = estimator.setMaxBins(max(most, estimator.getMaxBins()))
    return PipelineModel(stages=[*prepare.stages, estimator.fit(prepare.transform(_in_fixed_order(rows)))])


def _scaled_and_one_hot(columns: Columns, filled: list[str], indexed: list[str]) -> list[Any]:
    if not columns.numbers:
        raise UpdraftError(
            "model.algorithms.logistic_regression: found no numeric feature, expected at least one in features.sql."
        )
    hot = [f"{c}__hot" for c in columns.categories]
    stages: list[Any] = [
        VectorAssembler(inputCols=filled, outputCol="numbers__vector"),
        StandardScaler(inputCol="numbers__vector", outputCol="numbers__scaled", withMean=True),
    ]
    if columns.categories:
        stages.append(OneHotEncoder(inputCols=indexed, outputCols=hot, dropLast=False))
    return [*stages, VectorAssembler(inputCols=["numbers__scaled", *hot], outputCol="features")]


def _in_fixed_order(rows: DataFrame) -> DataFrame:
    """The same rows in the same partitions whatever the machine: trees draw rows and candidate splits by their place."""
    return rows.repartition(PARTITIONS, ROW_ID).sortWithinPartitions(ROW_ID)


def _lightgbm(rows: DataFrame, columns: Columns, parameters: Parameters, seed: int, task: Task) -> Fitted:
    """LightGBM on one node, behind an ordinal encoding (the unseen: -1). Same seed, same trees."""
    from lightgbm import LGBMClassifier
    from lightgbm.basic import LightGBMError
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline as SklearnPipeline
    from sklearn.preprocessing import OrdinalEncoder

    values = rows.count() * len(columns.all)
    if values > LIGHTGBM_MAX_VALUES:
        raise UpdraftError(
            f"model.algorithms.lightgbm: found {values:,} values to train on, expected at most {LIGHTGBM_MAX_VALUES:,} "
            "on one node. Narrow model.window or use a Spark ML algorithm."
        )
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float64)
    prepare = ColumnTransformer([("categories", encoder, columns.categories), ("numbers", "passthrough", columns.numbers)])
    booster = LGBMClassifier(random_state=seed, deterministic=True, force_row_wise=True, verbose=-1, **parameters)
    pipeline = SklearnPipeline([("prepare", prepare), ("model", booster)])
    # Sorted, because the order of rows decides which of them a bagging draws.
    training = rows.select(*columns.all, LABEL, ROW_ID).toPandas().sort_values(ROW_ID, ignore_index=True)
    # For the whole process, because trials run in threads, and a filter for a while is not safe among them.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    try:
        pipeline.fit(training[columns.all], training[LABEL].astype(int))
    except LightGBMError as error:
        raise UpdraftError(f"model.algorithms.lightgbm: {error} See the parameter in LightGBM's documentation.") from None
    return SklearnModel(task, columns, pipeline)


def example(rows: DataFrame, columns: Columns, number: int = 5) -> pd.DataFrame:
    """A few rows as a model gets them."""
    return rows.orderBy(ROW_ID).select(*columns.all).limit(number).toPandas()
