"""The recommendations table: for each user the best items that are new to them, by the champion's own scores."""

from collections.abc import Iterable, Iterator

import mlflow
import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.schema import EVENT_TIME, ITEM, USER
from updraft.core.use_case import UseCase
from updraft.models.onnx_runtime import score_onnx
from updraft.models.records import Registered
from updraft.models.scoring import model_uri

Floats = npt.NDArray[np.float64]
TOP = 10
ITEMS = 10_000  # The most frequent ones, from which is recommended.
PAIRS = 500_000  # Scored at a time.
COLUMNS = f"{USER} string, {ITEM} string, rank int, score double"


def recommendations(known: DataFrame, use_case: UseCase, champion: Registered, entry: str) -> DataFrame:
    """Rows of user, item, rank (from 1), score, by which version, ledger's ``entry`` and when, and the newest event_time.

    ``known``: rows of user and item. Chosen is from the most frequent items; what a user has had is left out.
    """
    model = mlflow.onnx.load_model(model_uri(use_case, champion.version)).SerializeToString()
    items = known_items(known)
    users = known.groupBy(USER).agg(F.collect_set(ITEM).alias("had"))

    def ranked(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        exported, step = onnx.load_from_string(model), max(1, PAIRS // len(items))
        for batch in batches:
            for start in range(0, len(batch), step):
                yield _ranked(exported, batch.iloc[start : start + step], items)

    newest = known.agg(F.max(EVENT_TIME)).collect()[0][0]
    return (
        users.mapInPandas(ranked, COLUMNS)
        .withColumns(
            {"model_version": F.lit(champion.version), "ledger_entry": F.lit(entry), "scored_at": F.current_timestamp()}
        )
        .withColumn(EVENT_TIME, F.lit(newest))
    )


def _ranked(model: onnx.ModelProto, users: pd.DataFrame, items: list[str]) -> pd.DataFrame:
    catalogue = np.array(items, dtype=object)
    place = {item: n for n, item in enumerate(items)}
    names = users[USER].to_numpy(object)
    pairs = pd.DataFrame({USER: np.repeat(names, len(items)), ITEM: np.tile(catalogue, len(names))})
    scores = score_onnx(model, pairs)[:, 0].reshape(len(names), len(items))
    found = []
    for name, had, row in zip(names, users["had"], scores, strict=True):
        chosen = best(row, [place[item] for item in had if item in place])
        ranks = np.arange(1, len(chosen) + 1, dtype=np.int32)
        found.append(pd.DataFrame({USER: name, ITEM: catalogue[chosen], "rank": ranks, "score": row[chosen]}))
    return pd.concat(found, ignore_index=True)


def known_items(before: DataFrame) -> list[str]:
    """The items to choose from: the most frequent ones of the rows before."""
    counted = before.groupBy(ITEM).count().orderBy(F.desc("count"), ITEM).limit(ITEMS)
    return [row[ITEM] for row in counted.collect()]


def best(scores: Floats, without: list[int]) -> npt.NDArray[np.int64]:
    """Places of the highest scores, at most ``TOP``, best first; of equal ones the first place wins."""
    scores = scores.astype(float)
    scores[without] = -np.inf
    order = np.argsort(-scores, kind="stable")[:TOP]
    return order[np.isfinite(scores[order])]
