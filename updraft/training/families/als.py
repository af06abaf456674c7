"""Recommendation by alternating least squares: what a user would think of an item, from the factors of both."""

import atexit
import uuid
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
import pandas as pd
from py4j.protocol import Py4JJavaError
from pyspark.errors import IllegalArgumentException
from pyspark.ml import PipelineModel
from pyspark.ml.feature import StringIndexer
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import ITEM, LABEL, USER
from updraft.core.settings import settings
from updraft.models.feature_columns import Columns
from updraft.models.onnx_runtime import Scores
from updraft.training.families.fitted import Labels, Parameters, given
from updraft.training.families.parameters import SPARK
from updraft.training.families.spark import in_fixed_order, refusal

MAX_BYTES = 1_000_000_000  # Of the factors: an ONNX file holds 2 GB at most.
# Iterations after which ALS forgets what its factors come from. With Spark's 10 their lineage overflows Java's stack, which
# ends the whole process.
CHECKPOINT_INTERVAL = 3
_CHECKPOINTS = Lock()  # Trials run in threads.
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Fallback:
    """What is answered for those without factors, learnt from the training rows.

    ``users`` and ``items``, by index: the means of their ratings. With implicit feedback nothing is known of a user's mean,
    so it is 0, and an item's number is the share of the users who have met it, on the scale of the predictions.
    """

    users: Floats
    items: Floats
    both: float


@dataclass(frozen=True)
class Recommender:
    """Spark's indexer and ALS, with what is answered for the cold."""

    task: Task
    columns: Columns
    model: PipelineModel
    fallback: Fallback

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        placed = given(rows, self.columns).withColumn("place", F.monotonically_increasing_id())  # ALS joins.
        scored = self.model.transform(placed).select("place", LABEL, USER, ITEM, "prediction").toPandas().sort_values("place")
        found = scored["prediction"].to_numpy(float)
        cold = fallback_scores(self.fallback, scored[USER].to_numpy(int), scored[ITEM].to_numpy(int))
        return scored[LABEL].to_numpy(float), np.where(np.isnan(found), cold, found).reshape(-1, 1)


def fallback_scores(fallback: Fallback, users: npt.NDArray[np.int_], items: npt.NDArray[np.int_]) -> Floats:
    """By index, of shape (rows,). The number of users, or items, stands for an unknown one."""
    by_user, by_item = np.append(fallback.users, fallback.both)[users], np.append(fallback.items, fallback.both)[items]
    return np.where(items < len(fallback.items), by_item, by_user)


def fit_als(algorithm: str, rows: DataFrame, columns: Columns, parameters: Parameters, seed: int, task: Task) -> Recommender:
    """Index users and items, learn their factors and what to answer for the cold.

    Raises:
        UpdraftError: the columns are not user and item, there are too many of them, or ALS refuses a value.
    """
    if sorted(columns.all) != [ITEM, USER] or columns.numbers:
        raise UpdraftError(f"features: found {columns.all}, expected the strings {USER} and {ITEM} for a recommendation.")
    plain = dict(zip(columns.categories, columns.plain_categories, strict=True))
    known = given(rows, columns).where(F.col(plain[USER]).isNotNull() & F.col(plain[ITEM]).isNotNull())
    frame = in_fixed_order(known).persist()
    try:
        indexer = StringIndexer(inputCols=[plain[USER], plain[ITEM]], outputCols=[USER, ITEM], handleInvalid="keep").fit(frame)
        _checkpoints(rows.sparkSession)
        ours = {"userCol": USER, "itemCol": ITEM, "ratingCol": LABEL, "coldStartStrategy": "nan", "seed": seed}
        als = SPARK[task.kind][algorithm](**ours, **{"checkpointInterval": CHECKPOINT_INTERVAL, **parameters})
        users, items = map(len, indexer.labelsArray)
        if (size := (users + items) * als.getRank() * 4) > MAX_BYTES:
            raise UpdraftError(
                f"model.algorithms.{algorithm}: found {users:,} users and {items:,} items, whose {als.getRank()} factors "
                f"each would take {size / 1e9:.1f} GB, expected at most {MAX_BYTES / 1e9:.0f} GB. Lower rank or model.window."
            )
        indexed = indexer.transform(frame)
        fallback = _fallback(indexed, users, items, implicit=als.getImplicitPrefs())
        return Recommender(task, columns, PipelineModel([indexer, als.fit(indexed)]), fallback)
    except (TypeError, IllegalArgumentException, Py4JJavaError) as error:
        raise refusal(algorithm, error) from None
    finally:
        frame.unpersist()


def _checkpoints(spark: SparkSession) -> None:
    """Give Spark a place for checkpoints until this process ends, where its workers see it; without one it makes none."""
    with _CHECKPOINTS:
        if spark.sparkContext.getCheckpointDir() is None:
            folder = settings().path("scratch", uuid.uuid4().hex)
            spark.sparkContext.setCheckpointDir(str(folder))
            atexit.register(folder.fs.rm, folder.path, recursive=True)


def _fallback(indexed: DataFrame, users: int, items: int, *, implicit: bool) -> Fallback:
    if implicit:
        met = indexed.groupBy(ITEM).agg((F.countDistinct(USER) / users).alias("answer")).toPandas()
        return Fallback(np.zeros(users), _by_index(met, ITEM, items), 0.0)
    means = [indexed.groupBy(name).agg(F.avg(LABEL).alias("answer")).toPandas() for name in (USER, ITEM)]
    both = float(indexed.agg(F.avg(LABEL)).collect()[0][0])
    return Fallback(_by_index(means[0], USER, users), _by_index(means[1], ITEM, items), both)


def _by_index(found: pd.DataFrame, name: str, number: int) -> Floats:
    answers = np.zeros(number)
    answers[found[name].to_numpy(int)] = found["answer"].to_numpy(float)
    return answers
