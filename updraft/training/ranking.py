"""What a recommender would recommend: the best items that a user has not had yet, by the exported model's own scores."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Score = Callable[[pd.DataFrame], Floats]  # From rows of user and item to scores of shape (rows, 1).
TOP = 10
USERS = 200  # Of the holdout, chosen by a hash, for whom everything is ranked.
ITEMS = 10_000  # The most frequent ones, from which is recommended.
PAIRS = 500_000  # Scored at a time.


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
    def of(cls, before: pd.DataFrame, holdout: pd.DataFrame, least: float, users: int = USERS) -> "Truth":
        """From rows of user, item and label. Relevant is a new item whose label is at least ``least``.

        Users for whom no known item proved relevant are left out: no recommender could have pleased them.
        """
        items = before["item"].value_counts().sort_index(kind="stable").nlargest(ITEMS).index.tolist()
        known = set(items)
        wanted = {str(name): set(rows["item"]) for name, rows in holdout[holdout["label"] >= least].groupby("user")}
        there = before[before["user"].isin(wanted)]
        had = {str(name): set(rows["item"]) for name, rows in there.groupby("user")}
        relevant = {name: (found & known) - had.get(name, set()) for name, found in wanted.items()}
        names = pd.Series(sorted(name for name, found in relevant.items() if found), dtype=object)
        order = pd.util.hash_array(names.to_numpy(object), categorize=False).argsort(kind="stable")
        return cls(names.iloc[order[:users]].tolist(), items, had, relevant)


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
        pairs = pd.DataFrame({"user": np.repeat(np.array(users, dtype=object), len(items)), "item": np.tile(items, len(users))})
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


def best(scores: Floats, without: list[int]) -> npt.NDArray[np.int64]:
    """Places of the highest scores, at most ``TOP``, best first; of equal ones the first place wins."""
    scores = scores.astype(float)
    scores[without] = -np.inf
    order = np.argsort(-scores, kind="stable")[:TOP]
    return order[np.isfinite(scores[order])]
