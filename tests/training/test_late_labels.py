"""Invoices whose label takes 14 days: late is what is unpaid 14 days after it was due."""

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tests.decisions.test_gate import CASE, EVIDENCE, POLICY
from updraft.core.errors import UpdraftError
from updraft.core.evidence import Labels, sha256
from updraft.core.sections import Algorithm, Search
from updraft.core.use_case import UseCase
from updraft.data.labels import labelled_rows
from updraft.decisions.gate import Verdict, decide
from updraft.evaluation.comparison import rows_sha256
from updraft.evaluation.evidence import TrainingRows, check_complete
from updraft.models.feature_columns import FeatureColumns
from updraft.training.export import to_onnx
from updraft.training.families import fit
from updraft.training.recipe import Recipe
from updraft.training.search import check_rows
from updraft.training.windows import DataSplit, split_data

FIRST = date(2013, 1, 1)
INVOICES = 40  # Due on each day.
TERM = timedelta(days=14)
LATE = 0.37
TODAY = date(2013, 3, 31)


def invoices(spark: SparkSession, today: date) -> DataFrame:
    """The features as they are at the end of ``today``: a label is null until it is known.

    Who pays in time is known on the day of the payment, who is late only after 14 days.
    """
    days = (today - FIRST).days + 1
    rng = np.random.default_rng(37)
    due = np.repeat(np.arange(200), INVOICES)
    is_late = rng.random(len(due)) < LATE
    paid_after = 14 * rng.random(len(due)) ** 0.87
    x = is_late + rng.normal(0, 1, len(due))
    age = days - due - 0.5  # Of an invoice, in days; it is due at noon.
    known = np.where(is_late, age >= TERM.days, age >= paid_after)
    frame = pd.DataFrame(
        {
            "row_id": [f"invoice {n}" for n in range(len(due))],
            "event_time": [
                datetime.combine(FIRST, time(12)) + timedelta(days=int(day)) for day in due
            ],
            "x": x,
            "label": np.where(known, is_late.astype(float), np.nan),
        }
    )
    rows = spark.createDataFrame(frame[due < days]).withColumn(
        "event_date", F.to_date("event_time")
    )
    return rows.withColumn("label", F.when(~F.isnan("label"), F.col("label"))).coalesce(1).cache()


@pytest.fixture(scope="module")
def use_case(flights: UseCase) -> UseCase:
    """Without ``matures``."""
    algorithms = {"lightgbm": Algorithm(fixed={"n_estimators": 5, "num_leaves": 4})}
    update = {
        "window": 40,
        "holdout": 7,
        "algorithms": algorithms,
        "search": Search(folds=2, seed=1),
    }
    return flights.model_copy(update={"model": flights.model.model_copy(update=update)})


@pytest.fixture(scope="module")
def with_maturity(use_case: UseCase) -> UseCase:
    target = use_case.data.target
    assert target is not None
    mature = target.model_copy(update={"matures": TERM})
    return use_case.model_copy(update={"data": use_case.data.model_copy(update={"target": mature})})


def shares(frame: DataFrame, split: DataSplit) -> tuple[float, float]:
    """The share of the holdout's rows with a label, and of those the share that is late."""
    held_out = frame.where(split.holdout_rows)
    rows, labelled, late = held_out.agg(
        F.count("*"), F.count("label"), F.sum(F.col("label"))
    ).collect()[0]
    return labelled / rows, late / labelled


def verdict(frame: DataFrame, split: DataSplit, use_case: UseCase) -> Verdict:
    """The gate's, on the labels of this split, with all else in order."""
    held_out = frame.where(split.holdout_rows)
    labelled = labelled_rows(held_out, use_case.task)
    train = frame.where(split.train_rows)
    number = labelled.count()
    learnt = labelled_rows(train, use_case.task).count()
    holdout = {"rows": number, "keys": number, "units": {"auc": number}}
    positives = labelled.where("label = 1").count()
    document = {
        **EVIDENCE,
        "holdout": {**EVIDENCE["holdout"], **holdout, "positives": positives},
        "labels": {
            **EVIDENCE["labels"],
            "holdout_rows": held_out.count(),
            "training_rows": train.count(),
        },
        "challenger": {**EVIDENCE["challenger"], "learnt": learnt},
        "baseline": {**EVIDENCE["baseline"], "learnt": learnt},
    }
    policy = POLICY.model_copy(update={"min_rows": 30})
    return decide(document, policy, replace(CASE, evidence=sha256(document)))


def test_a_holdout_of_mature_days_is_complete(spark: SparkSession, with_maturity: UseCase) -> None:
    frame = invoices(spark, TODAY)
    split = split_data(frame, with_maturity, TODAY)
    assert split.holdout_interval.last == TODAY - TERM
    assert split.train_interval.last == split.holdout_interval.first - TERM - timedelta(days=1)
    labelled, late = shares(frame, split)
    assert labelled == 1
    assert abs(late - LATE) < 3 * np.sqrt(LATE * (1 - LATE) / (7 * INVOICES))
    assert verdict(frame, split, with_maturity).promote


def test_without_maturity_the_gate_refuses_the_holdout_as_incomplete(
    spark: SparkSession, use_case: UseCase
) -> None:
    frame = invoices(spark, TODAY)
    split = split_data(frame, use_case, TODAY)
    assert split.holdout_interval.last > TODAY - timedelta(days=2)
    labelled, late = shares(frame, split)
    assert 0.05 < labelled < 0.3
    assert late == 0
    refusal = verdict(frame, split, use_case)
    assert not refusal.promote
    (reason,) = refusal.reasons
    assert reason.startswith("labels are still coming in: ")

    held_out = labelled_rows(frame.where(split.holdout_rows), use_case.task)
    train = frame.where(split.train_rows)
    trained_on = TrainingRows(labelled_rows(train, use_case.task), train.count())
    labels = Labels(holdout_rows=280, training_rows=trained_on.rows, newest_mature=TODAY)
    with pytest.raises(UpdraftError, match=r"evaluation: labels are still coming in: only .* 280"):
        check_complete(use_case, held_out, labels, trained_on)
    some_late = held_out.withColumn("label", F.expr("CAST(hash(row_id) % 2 = 0 AS DOUBLE)"))
    check_complete(use_case, some_late, labels, trained_on)  # The gate refuses them.


def test_a_fold_of_labels_that_are_still_coming_in_is_not_one_of_a_single_class(
    spark: SparkSession, use_case: UseCase
) -> None:
    frame = invoices(spark, TODAY)
    small = use_case.model.model_copy(update={"holdout": 3})
    split = split_data(frame, use_case.model_copy(update={"model": small}), TODAY)
    message = r"training: labels are still coming in: only .* of 120 rows .* data\.target\.matures"
    with pytest.raises(UpdraftError, match=message):
        check_rows(split.prepare(frame), split, use_case.task, small)
    complete = frame.withColumn("label", F.lit(0.0))
    with pytest.raises(UpdraftError, match="of class 0 and 0 of class 1"):
        check_rows(split.prepare(complete), split, use_case.task, small)


def test_a_training_that_is_repeated_for_a_past_day_gives_the_model_of_that_day(
    spark: SparkSession, with_maturity: UseCase
) -> None:
    """Since then other days have come, and labels of days that were known before."""
    day = date(2013, 3, 20)
    then = invoices(spark, day)
    now = invoices(spark, TODAY)
    shared = now.where(F.col("event_date") <= day)
    assert labelled_rows(shared, with_maturity.task).count() > then.where("label >= 0").count()
    assert split_data(now, with_maturity, TODAY) != split_data(then, with_maturity, day)
    splits = [split_data(frame, with_maturity, day) for frame in (then, now)]
    assert splits[0] == splits[1]
    hashes = []
    models = []
    for frame, split in zip((then, now), splits, strict=True):
        rows = split.prepare(frame.where(split.train_rows))
        train = labelled_rows(rows, with_maturity.task)
        parts = [train, frame.where(split.holdout_rows)]
        parts += [train.where(fold.train) for fold in split.folds]
        parts += [train.where(fold.validation) for fold in split.folds]
        hashes.append([rows_sha256(part.select("row_id", "label").toPandas()) for part in parts])
        recipe = Recipe.of(
            with_maturity.model,
            with_maturity.task,
            FeatureColumns(["x"], []),
            "lightgbm",
            {"n_estimators": 5, "num_leaves": 4},
        )
        models.append(to_onnx(fit(recipe, train)).SerializeToString())
    assert len(set(hashes[0])) == len(hashes[0]) == 6
    assert hashes[0] == hashes[1]
    assert models[0] == models[1]


def test_where_labels_arrive_with_their_rows_the_last_day_is_the_newest(
    spark: SparkSession, use_case: UseCase
) -> None:
    frame = invoices(spark, TODAY).withColumn("label", F.lit(1.0))
    until = date(2013, 3, 10)
    assert split_data(frame, use_case, until).holdout_interval.last == until
    assert split_data(frame, use_case).holdout_interval.last == TODAY
