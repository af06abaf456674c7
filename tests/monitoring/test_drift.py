"""Drift in Spark: what is monitored of a use case, and what counts as drifted."""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from scipy import stats

from updraft.core.errors import UpdraftError
from updraft.core.reports import ColumnDrift
from updraft.core.schema import LABEL, ROW_ID
from updraft.core.sections import Drift
from updraft.core.use_case import UseCase, load_use_case
from updraft.monitoring.counting import count, make_bins, some_rows
from updraft.monitoring.drift import (
    Reference,
    compare,
    entity_reference,
    has_drifted,
    output_columns,
    reference,
    significant,
    training_reference,
    with_outputs,
    with_window,
)

RNG = np.random.default_rng(5)
FIRST = date(2024, 1, 1)
DAYS = 35
ROWS = 60  # Of a day.
COLUMNS = ["number", "word", "constant", "absent", "a.b `c`", "größe"]
SCHEMA = (
    "row_id string, event_date date, number double, word string, constant double, absent double, "
    "`a.b ``c``` int, `größe` string, label double"
)


def rows_of(days: int, first: int = 0) -> pd.DataFrame:
    size = days * ROWS
    number = first * ROWS + np.arange(size)
    return pd.DataFrame(
        {
            "row_id": [f"r{each}" for each in number],
            "event_date": [FIRST + timedelta(days=int(each // ROWS)) for each in number],
            "number": RNG.normal(0, 1, size),
            "word": RNG.choice(list("aabc"), size),
            "constant": 1.0,
            "absent": None,
            "a.b `c`": number % 7,
            "größe": RNG.choice(["other", "absent"], size),
            "label": RNG.choice([0.0, 1.0, None], size),
        }
    )


@pytest.fixture(scope="module")
def train(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(rows_of(DAYS), SCHEMA).cache()


@pytest.fixture(scope="module")
def stored(train: DataFrame) -> Reference:
    return reference(train, [*COLUMNS, LABEL], 7)


def newest(spark: SparkSession, **changes: Any) -> DataFrame:
    return spark.createDataFrame(rows_of(7, DAYS).assign(**changes), SCHEMA)


def verdicts(columns: list[ColumnDrift]) -> dict[str, bool]:
    return {column.column: column.drifted for column in columns}


def test_same_rows_do_not_drift_and_changed_ones_do(
    spark: SparkSession, train: DataFrame, stored: Reference
) -> None:
    assert json.loads(json.dumps(stored, allow_nan=False)) == stored
    assert not any(verdicts(compare(newest(spark), stored, Drift(), train)).values())
    changed = newest(spark, number=9.0, word="d", constant=2.0, **{"größe": None, "a.b `c`": 3})
    columns = compare(changed, stored, Drift(), train)
    assert verdicts(columns) == {
        **dict.fromkeys(["number", "word", "constant", "größe", "a.b `c`"], True),
        LABEL: False,
        "absent": False,
    }
    assert all(column.psi > (column.bound or 0) for column in columns if column.drifted)
    reasons = {column.column: str(column.reason) for column in columns}
    assert "the mean without extremes is 9, that of blocks before" in reasons["number"]
    assert reasons["größe"] == "100.0% of the rows are missing, before 0.0%"


def test_a_column_that_was_empty_and_is_filled_has_drifted(
    spark: SparkSession, train: DataFrame, stored: Reference
) -> None:
    columns = compare(newest(spark, absent=1.0), stored, Drift(), train)
    assert verdicts(columns)["absent"]


def test_a_label_that_has_not_come_yet_is_no_drift_and_no_verdict(
    spark: SparkSession, train: DataFrame, stored: Reference
) -> None:
    columns = {
        column.column: column
        for column in compare(newest(spark, label=None), stored, Drift(), train)
    }
    assert not columns[LABEL].drifted
    assert columns[LABEL].p_value is None
    assert columns[LABEL].reason == "0 rows with a value, 20 needed"


def test_counts_are_exact_for_each_partition(train: DataFrame) -> None:
    days, counted = count(train.repartition(3), make_bins(train, COLUMNS))
    assert days == [FIRST + timedelta(days=n) for n in range(DAYS)]
    for name, counts in counted.items():
        assert (counts.rows.sum(axis=1) == ROWS).all()
        missing = train.where(F.col(f"`{name.replace('`', '``')}`").isNull()).count()
        assert counts.rows[:, -1].sum() == missing


def test_a_sample_for_bins_is_bounded_and_always_the_same(train: DataFrame) -> None:
    once = some_rows(train, DAYS * ROWS, 500).select(ROW_ID).toPandas()[ROW_ID]
    again = some_rows(train.orderBy(F.desc("number")), DAYS * ROWS, 500)
    assert set(once) == set(again.select(ROW_ID).toPandas()[ROW_ID])
    assert 400 < len(once) < 600
    assert some_rows(train, DAYS * ROWS, DAYS * ROWS) is train


def test_another_window_has_the_spread_of_its_own_blocks(
    train: DataFrame, stored: Reference
) -> None:
    assert with_window(stored, train, 7) is stored
    other = with_window(stored, train, 3)
    assert other == reference(train, [*COLUMNS, LABEL], 3)
    assert {column["spread"]["blocks"] for column in other.values()} == {DAYS // 3}


def test_a_reference_of_an_earlier_version_is_refused(train: DataFrame) -> None:
    earlier: Any = {"word": {"categories": ["a"], "shares": {"a": 1.0}}}
    with pytest.raises(UpdraftError, match=r"found shares, expected rows by bin.* Train again"):
        with_window(earlier, train, 7)


def test_a_snapshot_has_no_blocks_and_is_judged(spark: SparkSession, train: DataFrame) -> None:
    without_days = train.drop("event_date")
    usual = reference(without_days, ["number", "word"], None)
    assert all("spread" not in column for column in usual.values())
    same = compare(newest(spark).drop("event_date"), usual, Drift(), train)
    other = compare(newest(spark, word="a").drop("event_date"), usual, Drift(), train)
    assert verdicts(same) == {"number": False, "word": False}
    assert verdicts(other) == {"number": False, "word": True}


@pytest.mark.parametrize(
    ("drifted", "judged", "expected"),
    [(0, 4, False), (1, 4, False), (2, 4, True), (3, 4, True), (0, 1, None), (1, 1, None)],
)
def test_a_use_case_has_drifted_from_min_columns_on(
    drifted: int, judged: int, expected: bool | None
) -> None:
    """It is unknown where so few columns were judged that it could not have drifted."""
    columns = [
        ColumnDrift(
            column=f"c{n}", psi=0.3, drifted=n < drifted, p_value=0.1 if n < judged else None
        )
        for n in range(4)
    ]
    assert has_drifted(columns, Drift(min_columns=2)) is expected


@pytest.mark.parametrize(
    ("p_values", "drifted"),
    [
        ([], set()),
        ([0.05], {0}),
        ([0.051], set()),
        # The smallest of four must be at most 0.05 / 4, the second 0.05 * 2 / 4, ...
        ([0.0125, 0.9, 0.9, 0.9], {0}),
        ([0.0126, 0.9, 0.9, 0.9], set()),
        ([0.9, 0.025, 0.024, 0.9], {1, 2}),
        ([0.9, 0.026, 0.024, 0.9], set()),
        ([0.9, 0.026, 0.024, 0.037], {1, 2, 3}),
    ],
)
def test_the_more_columns_have_drifted_the_less_each_must_show(
    p_values: list[float], drifted: set[int]
) -> None:
    by_name = {str(n): p_value for n, p_value in enumerate(p_values)}
    assert significant(by_name, 0.05) == {str(n) for n in drifted}


@pytest.mark.parametrize("dependent", [False, True])
def test_any_false_alarm_is_as_rare_as_asked_for(dependent: bool) -> None:
    rng = np.random.default_rng(6)
    alarms = 0
    for _ in range(2000):
        values = rng.normal(size=12)
        if dependent:
            values = 0.9 * rng.normal() + np.sqrt(1 - 0.81) * values
        by_name = {str(n): float(each) for n, each in enumerate(stats.norm.sf(values))}
        alarms += bool(significant(by_name, 0.05))
    assert alarms / 2000 <= 0.065


def test_all_features_and_the_label_are_monitored(train: DataFrame, flights: UseCase) -> None:
    assert list(training_reference(train, flights)) == [*COLUMNS, LABEL]


def test_outputs_are_columns_that_no_feature_can_be(train: DataFrame, flights: UseCase) -> None:
    answer = F.struct(F.col("number").alias("probability"))
    scored = with_outputs(train, answer, flights.task)
    assert output_columns(flights.task) == ["__probability"]
    assert scored.columns == [*train.columns, "__probability"]


def entities(spark: SparkSession, users: list[list[str]], first: int = 0) -> DataFrame:
    rows = [
        (f"r{first + day} {user}", FIRST + timedelta(days=first + day), user, f"i{user}", 4.0)
        for day, of_day in enumerate(users)
        for user in of_day
    ]
    schema = "row_id string, event_date date, user string, item string, label double"
    return spark.createDataFrame(rows, schema)


def test_entities_drift_when_more_of_them_are_new(spark: SparkSession) -> None:
    """Each day has one new user among ten. Blocks of two days have three rows of new ones."""
    usual = [[f"u{day + n}" for n in range(10)] for day in range(24)]
    before = entities(spark, usual)
    stored = entity_reference(before, ["user"], 2)
    assert stored["user"]["rows"] == [17 * 6, 3 * 6], "the newer half of the blocks"
    assert stored["user"]["spread"]["blocks"] == 6
    same = entities(spark, [[f"u{day + n}" for n in range(10)] for day in (24, 25)], first=24)
    strange = entities(spark, [[f"v{n}" for n in range(10)]] * 2, first=24)
    assert verdicts(compare(same, stored, Drift(), before)) == {"user": False}
    assert verdicts(compare(strange, stored, Drift(), before)) == {"user": True}


def test_the_label_and_new_entities_of_a_recommender_are_monitored(spark: SparkSession) -> None:
    ratings = load_use_case("ratings")
    frame = entities(spark, [[f"u{day}"] for day in range(6)])
    assert list(training_reference(frame, ratings)) == [LABEL, "user", "item"]
