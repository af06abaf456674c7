"""The recommendations table: for each user the best items that are new to them, by their scores."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.manifest import MODEL
from updraft.core.schema import EVENT_TIME, ITEM, USER
from updraft.models.answers import Floats
from updraft.models.onnx_runtime import score_onnx
from updraft.models.versions import RegisteredVersion

TOP = 10  # Recommended items for each user.
ITEMS = 10_000  # The most frequent items, from which recommendations are chosen.
PAIRS = 500_000  # Pairs of user and item that are scored at a time.
COLUMNS = f"{USER} string, {ITEM} string, rank int, score double"


def recommendations(known: DataFrame, version: RegisteredVersion, entry_key: str) -> DataFrame:
    """Recommend, to each user, the best of the most frequent items that the user has not had.

    Returns rows of user, item, rank (from 1), score, model version, ledger entry, the time of
    scoring, and the newest event time of ``known``.

    ``known``: rows of user and item. ``entry_key``: the key of the ledger entry by which the
    version is champion.
    """
    model = (version.folder / MODEL).read_bytes()
    items = known_items(known)
    users = known.groupBy(USER).agg(F.collect_set(ITEM).alias("seen"))

    def ranked(batches: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        exported = onnx.load_from_string(model)
        step = max(1, PAIRS // len(items))
        for batch in batches:
            for start in range(0, len(batch), step):
                yield _ranked(exported, batch.iloc[start : start + step], items)

    newest = known.agg(F.max(EVENT_TIME)).collect()[0][0]
    return users.mapInPandas(ranked, COLUMNS).withColumns(
        {
            "model_version": F.lit(version.version),
            "ledger_entry": F.lit(entry_key),
            "scored_at": F.current_timestamp(),
            EVENT_TIME: F.lit(newest),
        }
    )


def _ranked(model: onnx.ModelProto, users: pd.DataFrame, items: list[str]) -> pd.DataFrame:
    """Score all pairs of some users and the items; returns the best items of each user."""
    catalogue = np.array(items, dtype=object)
    positions = {item: position for position, item in enumerate(items)}
    names = users[USER].to_numpy(object)
    pairs = pd.DataFrame({USER: np.repeat(names, len(items)), ITEM: np.tile(catalogue, len(names))})
    scores = score_onnx(model, pairs)[:, 0].reshape(len(names), len(items))
    rankings = []
    for name, seen, user_scores in zip(names, users["seen"], scores, strict=True):
        excluded = [positions[item] for item in seen if item in positions]
        chosen = best_items(user_scores, excluded)
        ranking = {
            USER: name,
            ITEM: catalogue[chosen],
            "rank": np.arange(1, len(chosen) + 1, dtype=np.int32),
            "score": user_scores[chosen],
        }
        rankings.append(pd.DataFrame(ranking))
    return pd.concat(rankings, ignore_index=True)


def known_items(known: DataFrame) -> list[str]:
    """Return the items to choose from: the most frequent ones of the rows."""
    by_frequency = known.groupBy(ITEM).count().orderBy(F.desc("count"), ITEM).limit(ITEMS)
    return [row[ITEM] for row in by_frequency.collect()]


def best_items(scores: Floats, excluded: list[int]) -> npt.NDArray[np.int64]:
    """Return the positions of the highest scores, best first, at most ``TOP``.

    Ties go to the first position. ``excluded``: positions that are left out, as are scores that
    are not finite.
    """
    scores = scores.astype(float)
    scores[excluded] = -np.inf
    order = np.argsort(-scores, kind="stable")[:TOP]
    return order[np.isfinite(scores[order])]
