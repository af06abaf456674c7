"""Rankings checked by hand: earlier items are left out, relevant ones count by their rank."""

import math

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from updraft.evaluation.ranking import Truth, rank
from updraft.models.recommendations import TOP, best_items

BEFORE = pd.DataFrame(
    [
        ("ann", "i0", 5.0),
        ("ann", "i1", 1.0),
        ("bob", "i2", 4.0),
        *[("cyd", f"i{n}", 3.0) for n in range(15)],
    ],
    columns=["user", "item", "label"],
)
HOLDOUT = pd.DataFrame(
    [
        ("ann", "i3", 5.0),
        ("ann", "i4", 1.0),
        ("ann", "new", 5.0),
        ("bob", "i2", 5.0),
        ("dan", "i5", 4.0),
        ("dan", "i6", 4.5),
    ],
    columns=["user", "item", "label"],
)


def by_number(rows: pd.DataFrame) -> np.ndarray:
    """A model whose scores are the items' numbers; for i14 it has none."""
    numbers = rows["item"].str[1:].astype(float).to_numpy()
    return np.where(numbers == 14, np.nan, numbers).reshape(-1, 1)


@pytest.fixture(scope="module")
def truth(spark: SparkSession) -> Truth:
    return Truth.of(spark.createDataFrame(BEFORE), spark.createDataFrame(HOLDOUT), relevance=4.0)


def test_only_new_known_items_that_were_liked_are_relevant(
    spark: SparkSession, truth: Truth
) -> None:
    assert set(truth.items) == {f"i{n}" for n in range(15)}
    relevant = {user: truth.relevant[user] for user in truth.users}
    assert relevant == {"ann": {"i3"}, "dan": {"i5", "i6"}}, "bob had i2 before"
    assert truth.seen == {"ann": {"i0", "i1"}}
    before = spark.createDataFrame(BEFORE)
    implicit = Truth.of(before, spark.createDataFrame(HOLDOUT), relevance=-math.inf)
    assert implicit.relevant["ann"] == {"i3", "i4"}


def test_precision_and_ndcg_equal_values_computed_by_hand(truth: Truth) -> None:
    ranking = rank(by_number, truth)
    assert ranking is not None
    by_user = {
        user: (ranking.precision[n], ranking.ndcg[n]) for n, user in enumerate(ranking.users)
    }
    # i13 to i4 are shown: not ann's i3; dan's i6 has rank 8, his i5 rank 9.
    assert by_user["ann"] == (0, 0)
    ndcg = (1 / math.log2(9) + 1 / math.log2(10)) / (1 + 1 / math.log2(3))
    assert by_user["dan"] == pytest.approx((0.2, ndcg))
    shown = [truth.items[place] for place in ranking.shown[0]]
    assert shown == [f"i{n}" for n in range(13, 3, -1)], "i14 has no score"


def test_the_selection_of_users_is_limited_and_deterministic(spark: SparkSession) -> None:
    holdout = pd.DataFrame({"user": [f"u{n}" for n in range(300)], "item": "i3", "label": 5.0})
    shuffled = holdout.sample(frac=1, random_state=1)
    before = spark.createDataFrame(BEFORE)
    first = Truth.of(before, spark.createDataFrame(holdout), 1.0, users=50)
    second = Truth.of(before, spark.createDataFrame(shuffled), 1.0, users=50)
    assert len(first.users) == 50
    assert first.users == second.users
    assert first.users != sorted(first.users)


def test_without_users_to_rank_for_there_is_no_ranking(truth: Truth) -> None:
    assert rank(by_number, Truth([], truth.items, {}, {})) is None


def test_the_best_items_leave_out_earlier_ones_and_are_at_most_ten() -> None:
    assert best_items(np.arange(30.0), [29, 28]).tolist() == list(range(27, 27 - TOP, -1))
    assert best_items(np.array([1.0, -math.inf, 1.0]), [0]).tolist() == [2]
