"""Rankings worked by hand: what a user has had is not shown again, and what proved relevant counts by its place."""

import math

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import SparkSession

from updraft.evaluation.ranking import Truth, rank
from updraft.models.recommendations import TOP, best

BEFORE = pd.DataFrame(
    [("ann", "i0", 5.0), ("ann", "i1", 1.0), ("bob", "i2", 4.0), *[("cyd", f"i{n}", 3.0) for n in range(15)]],
    columns=["user", "item", "label"],
)
HOLDOUT = pd.DataFrame(
    [("ann", "i3", 5.0), ("ann", "i4", 1.0), ("ann", "new", 5.0), ("bob", "i2", 5.0), ("dan", "i5", 4.0), ("dan", "i6", 4.5)],
    columns=["user", "item", "label"],
)


def by_number(rows: pd.DataFrame) -> np.ndarray:
    """A model that likes items the more, the higher their number; of i14 it knows nothing."""
    numbers = rows["item"].str[1:].astype(float).to_numpy()
    return np.where(numbers == 14, np.nan, numbers).reshape(-1, 1)


@pytest.fixture(scope="module")
def truth(spark: SparkSession) -> Truth:
    return Truth.of(spark.createDataFrame(BEFORE), spark.createDataFrame(HOLDOUT), least=4.0)


def test_only_new_known_items_that_were_liked_are_relevant(spark: SparkSession, truth: Truth) -> None:
    assert set(truth.items) == {f"i{n}" for n in range(15)}
    assert {user: truth.relevant[user] for user in truth.users} == {"ann": {"i3"}, "dan": {"i5", "i6"}}, "bob had i2 before"
    assert truth.had == {"ann": {"i0", "i1"}}
    implicit = Truth.of(spark.createDataFrame(BEFORE), spark.createDataFrame(HOLDOUT), least=-math.inf)
    assert implicit.relevant["ann"] == {"i3", "i4"}


def test_precision_and_ndcg_by_hand(truth: Truth) -> None:
    ranking = rank(by_number, truth)
    assert ranking is not None
    found = dict(zip(ranking.users, zip(ranking.precision, ranking.ndcg, strict=True), strict=True))
    # i13 to i4 are shown: ann's i3 is not among them; dan's i6 has place 8, his i5 place 9.
    assert found["ann"] == (0, 0)
    ndcg = (1 / math.log2(9) + 1 / math.log2(10)) / (1 + 1 / math.log2(3))
    assert found["dan"] == pytest.approx((0.2, ndcg))
    assert [truth.items[place] for place in ranking.shown[0]] == [f"i{n}" for n in range(13, 3, -1)], "i14 has no score"


def test_a_bounded_number_of_users_is_chosen_and_the_same_again(spark: SparkSession) -> None:
    holdout = pd.DataFrame({"user": [f"u{n}" for n in range(300)], "item": "i3", "label": 5.0})
    before = spark.createDataFrame(BEFORE)
    one, two = (
        Truth.of(before, spark.createDataFrame(rows), 1.0, users=50)
        for rows in (holdout, holdout.sample(frac=1, random_state=1))
    )
    assert len(one.users) == 50
    assert one.users == two.users
    assert one.users != sorted(one.users)


def test_without_anybody_to_please_there_is_no_ranking(truth: Truth) -> None:
    assert rank(by_number, Truth([], truth.items, {}, {})) is None


def test_the_best_leave_out_what_was_had_and_are_at_most_ten() -> None:
    assert best(np.arange(30.0), [29, 28]).tolist() == list(range(27, 27 - TOP, -1))
    assert best(np.array([1.0, -math.inf, 1.0]), [0]).tolist() == [2]
