"""Counting in Spark for a diagnosis: by partition and label, and the volumes of partitions."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
from pyspark.sql import SparkSession

from updraft.core.kinds import Task
from updraft.core.schema import EVENT_DATE, LABEL, REASONS
from updraft.monitoring.bins import bins_of_numbers, bins_of_texts
from updraft.monitoring.broken import Volume
from updraft.monitoring.by_label import Tally, count_by_label, label_bins
from updraft.monitoring.volumes import volumes
from updraft.quality.audit import SUPERSEDED

FIRST = date(2024, 1, 1)


def test_spark_counts_what_one_tally_does(spark: SparkSession) -> None:
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            EVENT_DATE: [FIRST + timedelta(days=int(n)) for n in np.arange(300) // 60],
            "größe (a)": np.where(rng.random(300) < 0.1, np.nan, rng.normal(size=300)),
            "text": rng.choice(list("abc"), 300),
            LABEL: rng.choice([0.0, 1.0, np.nan], 300),
        }
    )
    bins = {
        "größe (a)": bins_of_numbers(rows["größe (a)"].to_numpy()),
        "text": bins_of_texts(pa.array(rows["text"])),
    }
    of_label = label_bins(Task("binary"), bins["größe (a)"])
    tally = Tally(bins, of_label)
    arrays = [pa.array(rows[name], from_pandas=True) for name in bins]
    label = pa.array(rows[LABEL], from_pandas=True)
    tally.add(pa.array(rows[EVENT_DATE], pa.date32()), label, arrays)
    expected = tally.counts()
    schema = "event_date date, `größe (a)` double, text string, label double"
    frame = spark.createDataFrame(rows.replace({np.nan: None}), schema).repartition(3)
    found = count_by_label(frame, bins, of_label)
    assert found.days == expected.days
    for name in bins:
        assert (found.rows[name] == expected.rows[name]).all()
    number = "größe (a)"
    np.testing.assert_allclose(found.sums[number], expected.sums[number])
    assert (found.lowest[number] == expected.lowest[number]).all()
    assert (found.highest[number] == expected.highest[number]).all()
    assert (found.far[number] == expected.far[number]).all()
    assert found.rows["text"][:, 2].sum() == rows[LABEL].isna().sum()


def test_superseded_rows_are_no_bad_rows(spark: SparkSession) -> None:
    next_day = FIRST + timedelta(days=1)
    clean = spark.createDataFrame([(FIRST,), (FIRST,)], f"{EVENT_DATE} date")
    quarantine = spark.createDataFrame(
        [(FIRST, [f"{SUPERSEDED}: r1"]), (FIRST, ["x: missing"]), (next_day, ["x: missing"])],
        f"{EVENT_DATE} date, {REASONS} array<string>",
    )
    assert volumes(clean, quarantine) == {FIRST: Volume(2, 1), next_day: Volume(0, 1)}
