"""What a recommender would recommend: the best items that a user has not had yet, by the exported model's own scores."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.schema import ITEM, LABEL, USER
from updraft.core.sections import Model
from updraft.models.recommendations import PAIRS, TOP, best, known_items

Floats = npt.NDArray[np.float64]
Score = Callable[[pd.DataFrame], Floats]  # From rows of user and item to scores of shape (rows, 1).
USERS = 200  # Of the holdout, chosen by a hash, for whom everything is ranked.


@dataclass(frozen=True)
class Ranking:
    """What ``users`` of the holdout are shown, of ``items`` that there are; one row a user, in their order.

    ``shown`` (users, TOP): places of the items, best first; -1 where there are no more. ``precision`` and ``ndcg``, of shape
    (users,): of what is shown, against the items that have turned out to be relevant.
    """

    users: list[str]
    items: int
    shown: npt.NDArray[np.int64]
    precision: Floats
    ndcg: Floats


@dataclass(frozen=True)
class Truth:
    """The users to rank for, the items to choose from, and by user what they had before and what proved relevant."""

    users: list[str]
    items: list[str]
    had: dict[str, set[str]]
    relevant: dict[str, set[str]]

    @classmethod
    def of(cls, before: DataFrame, holdout: DataFrame, least: float, users: int = USERS) -> "Truth":
        """From frames of user, item and label. Relevant is a new item whose label is at least ``least``.

        Users for whom no known item proved relevant are left out: no recommender could have pleased them.
        """
        items = known_items(before)
        catalogue = before.sparkSession.createDataFrame([(item,) for item in items], f"{ITEM} string")
        liked = holdout.where(F.col(LABEL) >= least).select(USER, ITEM).distinct()
        new = liked.join(catalogue, ITEM, "left_semi").join(before, [USER, ITEM], "left_anti").cache()
        chosen = new.select(USER).distinct().orderBy(F.xxhash64(USER), USER).limit(users).cache()
        names = [row[USER] for row in chosen.orderBy(F.xxhash64(USER), USER).collect()]
        relevant = _by_user(new.join(F.broadcast(chosen), USER, "left_semi"))
        had = _by_user(before.select(USER, ITEM).join(F.broadcast(chosen), USER, "left_semi").distinct())
        return cls(names, items, had, relevant)


def _by_user(pairs: DataFrame) -> dict[str, set[str]]:
    return {str(user): set(rows[ITEM]) for user, rows in pairs.select(USER, ITEM).toPandas().groupby(USER)}


def relevance(model: Model, train: DataFrame) -> float:
    """The label from which an item counts as relevant: the mean of the training rows. Of implicit labels each one counts."""
    if any(algorithm.fixed.get("implicitPrefs") for algorithm in model.algorithms.values()):
        return -math.inf
    return float(train.agg(F.mean(LABEL)).collect()[0][0])


def rank(score: Score, truth: Truth) -> Ranking | None:
    """Rank the items for each user; none if there is nobody to rank for."""
    if not truth.users:
        return None
    items = np.array(truth.items, dtype=object)
    place = {item: n for n, item in enumerate(truth.items)}
    shown = np.full((len(truth.users), TOP), -1, dtype=np.int64)
    batch = max(1, PAIRS // len(items))
    for start in range(0, len(truth.users), batch):
        users = truth.users[start : start + batch]
        pairs = pd.DataFrame({USER: np.repeat(np.array(users, dtype=object), len(items)), ITEM: np.tile(items, len(users))})
        scores = score(pairs)[:, 0].reshape(len(users), len(items))
        if not np.isfinite(scores).all():
            scores = np.where(np.isfinite(scores), scores, -np.inf)  # No answer is the last that one would recommend.
        for n, user in enumerate(users):
            old = [place[item] for item in truth.had.get(user, set()) if item in place]
            found = best(scores[n], old)
            shown[start + n, : len(found)] = found
    hits = np.array(
        [[p >= 0 and truth.items[p] in truth.relevant[user] for p in row] for user, row in zip(truth.users, shown, strict=True)]
    )
    discount = 1 / np.log2(np.arange(TOP) + 2)
    ideal = np.array([discount[: len(truth.relevant[user])].sum() for user in truth.users])
    return Ranking(truth.users, len(items), shown, hits.mean(axis=1), (hits * discount).sum(axis=1) / ideal)
