"""Rankings of a recommender: for each user the best new items by the model's own scores."""

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
from updraft.models.answers import Floats
from updraft.models.recommendations import PAIRS, TOP, best_items, known_items

Score = Callable[[pd.DataFrame], Floats]  # From rows of user and item to scores of shape (rows, 1).
USERS = 200  # Users of the holdout, selected by a hash, for whom all items are ranked.


@dataclass(frozen=True)
class Ranking:
    """The recommendations to ``users`` of the holdout, out of ``items`` items.

    ``shown`` (users, TOP): the indices of the items, best first; -1 where there are no more.
    ``precision`` and ``ndcg`` (users,): of the items shown, against those that proved relevant.
    Row n of each array belongs to ``users[n]``.
    """

    users: list[str]
    items: int
    shown: npt.NDArray[np.int64]
    precision: Floats
    ndcg: Floats


@dataclass(frozen=True)
class Truth:
    """The users to rank for, the items to rank, and each user's earlier and relevant items."""

    users: list[str]
    items: list[str]
    seen: dict[str, set[str]]
    relevant: dict[str, set[str]]

    @classmethod
    def of(
        cls, before: DataFrame, holdout: DataFrame, relevance: float, users: int = USERS
    ) -> "Truth":
        """From frames of user, item and label.

        New items with a label of at least ``relevance`` are relevant. Users for whom no known item
        proved relevant are left out: no recommender could have served them well.
        """
        items = known_items(before)
        catalogue = before.sparkSession.createDataFrame(
            [(item,) for item in items], f"{ITEM} string"
        )
        liked = holdout.where(F.col(LABEL) >= relevance).select(USER, ITEM).distinct()
        liked_known = liked.join(catalogue, ITEM, "left_semi")
        new = liked_known.join(before, [USER, ITEM], "left_anti").cache()
        by_hash = [F.xxhash64(USER), F.col(USER)]
        selected = new.select(USER).distinct().orderBy(*by_hash).limit(users).cache()
        names = [row[USER] for row in selected.orderBy(*by_hash).collect()]
        relevant = _by_user(new.join(F.broadcast(selected), USER, "left_semi"))
        earlier = before.select(USER, ITEM).join(F.broadcast(selected), USER, "left_semi")
        return cls(names, items, _by_user(earlier.distinct()), relevant)


def _by_user(pairs: DataFrame) -> dict[str, set[str]]:
    groups = pairs.select(USER, ITEM).toPandas().groupby(USER)
    return {str(user): set(rows[ITEM]) for user, rows in groups}


def relevance(model: Model, train: DataFrame) -> float:
    """The label from which an item counts as relevant: the mean label of the training rows.

    With implicit labels each one counts.
    """
    if any(algorithm.fixed.get("implicitPrefs") for algorithm in model.algorithms.values()):
        return -math.inf
    return float(train.agg(F.mean(LABEL)).collect()[0][0])


def rank(score: Score, truth: Truth) -> Ranking | None:
    """Rank the items for each user; None if there are no users to rank for.

    The precision of a user is the share of relevant items among TOP; the ndcg (normalized
    discounted cumulative gain) is that of Järvelin and Kekäläinen, 2002, with gains of 0 and 1.
    """
    if not truth.users:
        return None
    shown = _shown(score, truth)
    hits = np.array(
        [_hits(places, user, truth) for places, user in zip(shown, truth.users, strict=True)]
    )
    discount = 1 / np.log2(np.arange(TOP) + 2)
    ideal = np.array([discount[: len(truth.relevant[user])].sum() for user in truth.users])
    ndcg = (hits * discount).sum(axis=1) / ideal
    return Ranking(truth.users, len(truth.items), shown, hits.mean(axis=1), ndcg)


def _shown(score: Score, truth: Truth) -> npt.NDArray[np.int64]:
    """The indices of the best new items for each user, of shape (users, TOP); -1 for none."""
    items = np.array(truth.items, dtype=object)
    places = {item: n for n, item in enumerate(truth.items)}
    shown = np.full((len(truth.users), TOP), -1, dtype=np.int64)
    batch = max(1, PAIRS // len(items))
    for start in range(0, len(truth.users), batch):
        users = truth.users[start : start + batch]
        names = np.repeat(np.array(users, dtype=object), len(items))
        pairs = pd.DataFrame({USER: names, ITEM: np.tile(items, len(users))})
        scores = score(pairs)[:, 0].reshape(len(users), len(items))
        # An item without a score is the last that one would recommend.
        scores = np.where(np.isfinite(scores), scores, -np.inf)
        for n, user in enumerate(users):
            seen = [places[item] for item in truth.seen.get(user, set()) if item in places]
            best = best_items(scores[n], seen)
            shown[start + n, : len(best)] = best
    return shown


def _hits(places: npt.NDArray[np.int64], user: str, truth: Truth) -> list[bool]:
    """Whether the items at these indices proved relevant for the user."""
    relevant = truth.relevant[user]
    return [place >= 0 and truth.items[place] in relevant for place in places]
