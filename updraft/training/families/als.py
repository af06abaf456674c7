"""Recommendation by alternating least squares: ratings from factors of users and items."""

import atexit
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.ml import PipelineModel
from pyspark.ml.feature import StringIndexer
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import ITEM, LABEL, USER
from updraft.core.scratch import scratch_folder
from updraft.models.answers import Floats
from updraft.models.feature_columns import FeatureColumns
from updraft.models.onnx_runtime import Scores
from updraft.training.families.fitted import Labels, select_features
from updraft.training.families.parameters import SPARK
from updraft.training.families.spark import in_fixed_order, refusal
from updraft.training.recipe import Recipe

MAX_BYTES = 1_000_000_000  # Of the factors: an ONNX file holds 2 GB at most.
FACTOR_BYTES = 4  # ALS computes factors in single precision.
# The lineage of the factors is truncated after so many iterations. With Spark's default of 10 it
# overflows Java's stack, which ends the process.
CHECKPOINT_INTERVAL = 3
ROW_NUMBER = "row_number"
_CHECKPOINT_FOLDER = Lock()  # Trials run in threads.
Indices = npt.NDArray[np.int_]


@dataclass(frozen=True)
class Fallback:
    """The predictions for pairs in which user or item has no factors, from the training rows.

    ``users`` (users,) and ``items`` (items,), by index: the means of their ratings, ``overall``
    the mean of all. With implicit feedback the mean of a user says nothing, so it is 0, and an
    item's prediction is the share of the users who have met it, on the scale of ALS.
    """

    users: Floats
    items: Floats
    overall: float

    def predict(self, users: Indices, items: Indices) -> Floats:
        """Predictions of shape (rows,) for pairs of indices.

        The number of users stands for an unknown user, that of items for an unknown item.
        """
        by_user = np.append(self.users, self.overall)[users]
        by_item = np.append(self.items, self.overall)[items]
        return np.where(items < len(self.items), by_item, by_user)


@dataclass(frozen=True)
class Recommender:
    """Spark's indexer and ALS, with a fallback where there are no factors."""

    task: Task
    columns: FeatureColumns
    model: PipelineModel
    fallback: Fallback

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        # ALS joins, which changes the order of the rows.
        numbered = select_features(rows, self.columns).withColumn(
            ROW_NUMBER, F.monotonically_increasing_id()
        )
        scored = self.model.transform(numbered).select(ROW_NUMBER, LABEL, USER, ITEM, "prediction")
        predicted = scored.toPandas().sort_values(ROW_NUMBER)
        by_factors = predicted["prediction"].to_numpy(float)
        users = predicted[USER].to_numpy(int)
        items = predicted[ITEM].to_numpy(int)
        fallback = self.fallback.predict(users, items)
        scores = np.where(np.isnan(by_factors), fallback, by_factors).reshape(-1, 1)
        return predicted[LABEL].to_numpy(float), scores


def fit_als(recipe: Recipe, rows: DataFrame) -> Recommender:
    """Index users and items, fit their factors and the fallback.

    Raises:
        UpdraftError: the features are not user and item, there are too many users or items, or
            ALS refuses a parameter's value.
    """
    columns = recipe.columns
    if sorted(columns.all) != [ITEM, USER] or columns.numbers:
        raise UpdraftError(
            f"features: found {columns.all}, expected the strings {USER} and {ITEM} "
            "for a recommendation."
        )
    plain = dict(zip(columns.categories, columns.plain_categories, strict=True))
    features = select_features(rows, columns)
    pairs = features.where(F.col(plain[USER]).isNotNull() & F.col(plain[ITEM]).isNotNull())
    frame = in_fixed_order(pairs).persist()
    try:
        indexer = StringIndexer(
            inputCols=[plain[USER], plain[ITEM]], outputCols=[USER, ITEM], handleInvalid="keep"
        ).fit(frame)
        _ensure_checkpoint_folder(rows.sparkSession)
        als = _estimator(recipe)
        users, items = map(len, indexer.labelsArray)
        _check_size(recipe.algorithm, users, items, als.getRank())
        indexed = indexer.transform(frame)
        fallback = _fallback(indexed, users, items, implicit=als.getImplicitPrefs())
        model = PipelineModel([indexer, als.fit(indexed)])
        return Recommender(recipe.task, columns, model, fallback)
    except (TypeError, IllegalArgumentException, Py4JJavaError) as error:
        raise refusal(recipe.algorithm, error) from None
    finally:
        frame.unpersist()


def _estimator(recipe: Recipe) -> Any:
    return SPARK[recipe.task.kind][recipe.algorithm](
        userCol=USER,
        itemCol=ITEM,
        ratingCol=LABEL,
        coldStartStrategy="nan",
        seed=recipe.seed,
        **{"checkpointInterval": CHECKPOINT_INTERVAL, **recipe.parameters},
    )


def _check_size(algorithm: str, users: int, items: int, rank: int) -> None:
    size = (users + items) * rank * FACTOR_BYTES
    if size > MAX_BYTES:
        raise UpdraftError(
            f"model.algorithms.{algorithm}: found {users:,} users and {items:,} items, whose "
            f"{rank} factors each would take {size / 1e9:.1f} GB, expected at most "
            f"{MAX_BYTES / 1e9:.0f} GB. Lower rank or model.window."
        )


def _ensure_checkpoint_folder(spark: SparkSession) -> None:
    """Give Spark a folder for checkpoints, which its workers see too, until this process ends.

    Without one Spark makes no checkpoints.
    """
    with _CHECKPOINT_FOLDER:
        if spark.sparkContext.getCheckpointDir() is None:
            until_exit = ExitStack()
            folder = until_exit.enter_context(scratch_folder())
            spark.sparkContext.setCheckpointDir(folder.spark)
            atexit.register(until_exit.close)


def _fallback(indexed: DataFrame, users: int, items: int, *, implicit: bool) -> Fallback:
    if implicit:
        share_of_users = F.countDistinct(USER) / users
        return Fallback(np.zeros(users), _by_index(indexed, ITEM, items, share_of_users), 0.0)
    mean = F.avg(LABEL)
    return Fallback(
        users=_by_index(indexed, USER, users, mean),
        items=_by_index(indexed, ITEM, items, mean),
        overall=float(indexed.agg(mean).collect()[0][0]),
    )


def _by_index(indexed: DataFrame, name: str, size: int, aggregate: Column) -> Floats:
    """An aggregate for each user or item, of shape (size,), in the order of the indices."""
    groups: pd.DataFrame = indexed.groupBy(name).agg(aggregate.alias("value")).toPandas()
    values = np.zeros(size)
    values[groups[name].to_numpy(int)] = groups["value"].to_numpy(float)
    return values
