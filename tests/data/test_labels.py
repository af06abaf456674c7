"""When the labels of partitions are complete."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from updraft.core.interval import Interval, Unit
from updraft.core.schema import FEATURES
from updraft.core.use_case import UseCase
from updraft.data.labels import (
    IMMEDIATE,
    Maturity,
    labelled_share,
    newest_mature,
    with_complete_labels,
)
from updraft.data.tables import Table

DELAYS = [None, *(timedelta(hours=hours) for hours in (1, 23, 24, 25, 36, 24 * 14, 24 * 45))]


@pytest.mark.parametrize("unit", ["hour", "day", "month"])
@pytest.mark.parametrize("delay", DELAYS)
def test_the_newest_complete_partition_ended_long_enough_ago(
    unit: Unit, delay: timedelta | None
) -> None:
    """The arithmetic agrees with looking at each partition; hours lie in their day's partition."""
    maturity = Maturity(unit, delay)
    first = date(2012, 11, 1)
    every = "month" if unit == "month" else "day"
    partitions = Interval(first, date(2013, 4, 1), every).days
    start = datetime(2013, 2, 26, tzinfo=UTC)
    for hours in range(0, 24 * 8, 5):
        for moment in (start + timedelta(hours=hours), start + timedelta(hours=hours, seconds=-1)):
            complete = [
                day
                for day in partitions
                if Interval(day, day, every).end + (delay or timedelta(0)) <= moment
            ]
            assert maturity.newest(moment) == complete[-1], moment


@pytest.mark.parametrize(
    ("unit", "delay", "end", "newest"),
    [
        ("day", timedelta(days=14), date(2013, 3, 31), date(2013, 3, 17)),
        ("hour", timedelta(days=14), date(2013, 3, 31), date(2013, 3, 17)),
        ("day", timedelta(hours=36), date(2013, 3, 31), date(2013, 3, 29)),
        ("month", timedelta(days=14), date(2013, 3, 13), date(2013, 1, 1)),
        ("month", timedelta(days=14), date(2013, 3, 14), date(2013, 2, 1)),
        ("month", timedelta(days=14), date(2013, 3, 31), date(2013, 2, 1)),
        ("day", None, date(2013, 3, 31), date(2013, 3, 31)),
        ("month", None, date(2013, 3, 13), date(2013, 3, 13)),
    ],
)
def test_a_training_knows_what_was_complete_at_the_end_of_its_last_day(
    unit: Unit, delay: timedelta | None, end: date, newest: date
) -> None:
    assert Maturity(unit, delay).known(end) == newest


@pytest.mark.parametrize("unit", ["hour", "day", "month"])
@pytest.mark.parametrize("delay", DELAYS)
def test_a_partition_is_first_known_on_a_day_before_which_it_is_not(
    unit: Unit, delay: timedelta | None
) -> None:
    maturity = Maturity(unit, delay)
    first, last = date(2012, 11, 1), date(2013, 4, 1)
    for partition in Interval(first, last, "month" if unit == "month" else "day").days:
        day = maturity.first_known(partition)
        known, known_before = (maturity.known(end) for end in (day, day - timedelta(days=1)))
        assert known is not None
        assert known_before is not None
        assert known_before < partition <= known


def test_without_a_last_day_a_training_knows_what_is_complete_now() -> None:
    assert IMMEDIATE.known(None) is None, "labels that arrive with their rows are all known"
    before = datetime.now(UTC)
    known = Maturity("day", timedelta(days=14)).known(None)
    expected = {
        (moment - timedelta(days=15)).date() for moment in (before, datetime.now(UTC))
    }  # Two at midnight.
    assert known in expected


def test_a_delay_is_named_as_the_use_case_has_it() -> None:
    names = [str(Maturity("day", delay)) for delay in DELAYS]
    hours = ["0 days", "1 hour", "23 hours", "1 day", "25 hours", "36 hours"]
    assert names == [*hours, "14 days", "45 days"]
    assert labelled_share(3, 25) == "3 of 25 rows (12%) have a label"


def test_the_newest_complete_partition_is_looked_for_in_the_present_table(
    spark: SparkSession, root: Path, flights: UseCase
) -> None:
    """A day of last week has labels that are not complete; 6 March has none at all."""
    target = flights.data.target
    assert target is not None
    mature = target.model_copy(update={"matures": timedelta(days=14)})
    late = flights.model_copy(update={"data": flights.data.model_copy(update={"target": mature})})
    last_week = datetime.now(UTC).date() - timedelta(days=7)
    days = [date(2013, 3, 4), date(2013, 3, 5), date(2013, 3, 6), last_week]
    rows = [(f"{day}", None if day == date(2013, 3, 6) else 1.0) for day in days]
    frame = spark.createDataFrame(rows, "row_id string, label double")
    frame = frame.withColumn("event_time", F.to_timestamp("row_id"))
    with Table(flights, FEATURES).hold(spark) as held:
        held.replace(frame, "true")
    for holdout_last, newest, newest_at_once in [
        (date(2013, 3, 3), date(2013, 3, 5), last_week),
        (date(2013, 3, 4), date(2013, 3, 5), last_week),
        (date(2013, 3, 5), date(2013, 3, 5), last_week),
        (last_week, datetime.now(UTC).date() - timedelta(days=15), last_week),
    ]:
        assert newest_mature(late, holdout_last) == newest
        assert newest_mature(flights, holdout_last) == newest_at_once


def test_labels_that_are_still_coming_in_are_left_out(
    spark: SparkSession, flights: UseCase
) -> None:
    """Monitoring would take the first of them for a drift of the label."""
    today = datetime.now(UTC).date()
    ages = (1, 14, 15, 16, 40)
    rows = [(f"r{age}", today - timedelta(days=age), 1.0) for age in ages]
    frame = spark.createDataFrame(rows, "row_id string, event_date date, label double")
    target = flights.data.target
    assert target is not None
    late = target.model_copy(update={"matures": timedelta(days=14)})
    data = flights.data.model_copy(update={"target": late})
    use_case = flights.model_copy(update={"data": data})
    found = with_complete_labels(frame, use_case).where("label IS NOT NULL").collect()
    assert sorted(row["row_id"] for row in found) == ["r15", "r16", "r40"]
    assert with_complete_labels(frame, flights).where("label IS NULL").count() == 0
