"""From clean rows to features: the use case's features.sql, with the label added separately."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval, Span, on_days
from updraft.core.locations import Location
from updraft.core.reports import FeaturesReport
from updraft.core.schema import (
    CLEAN,
    EVENT_DATE,
    EVENT_TIME,
    FEATURES,
    IDENTITY,
    LABEL,
    ROW_ID,
    feature_names,
    quote,
)
from updraft.core.scratch import scratch_folder
from updraft.core.use_case import UseCase
from updraft.data.audited import check_audited
from updraft.data.export import export_features, unregister
from updraft.data.expressions import check_target
from updraft.data.lineage import Note, changed_since
from updraft.data.lookups import lookup
from updraft.data.row_wise import check_repeatable, is_row_wise
from updraft.data.splits import with_split
from updraft.data.sql_errors import FEATURES_SQL, TARGET_SQL, sql_errors
from updraft.data.tables import Table, event_date, partitions_of

logger = logging.getLogger(__name__)

MISSING = "missing"  # The category of a missing value, in training and in serving.
IS_CLEAN = "__is_clean"  # True where a clean row has the same identity.
IS_OUTSIDE = "__is_outside"  # True where a row does not lie in the partition it was built for.
LOST_LABEL = "__lost_label"  # The value of target.sql, if no label can be made of it.
PROGRESS_SECONDS = 5


@dataclass(frozen=True)
class NewRows:
    """Rows for the features table.

    ``checked``: the rows, cached, beside ``IS_CLEAN``, ``IS_OUTSIDE`` and ``LOST_LABEL``.
    ``where``: the partitions that they replace, which ``spans`` lists. ``clean_rows``: as many rows
    are expected; None with ``data.history``, where instead each row_id is expected once.
    ``labels``: how many clean rows of these partitions have a label.
    """

    checked: DataFrame
    where: str
    spans: list[Span]
    clean_rows: int | None
    labels: int

    @property
    def frame(self) -> DataFrame:
        return self.checked.drop(IS_CLEAN, IS_OUTSIDE, LOST_LABEL)


def build_features(
    spark: SparkSession, use_case: UseCase, interval: Interval, run: str
) -> FeaturesReport:
    """Replace the interval's rows of the features table.

    The columns are row_id, event_time, the features and the label (null where it is unknown).
    With ``data.history``, later partitions that look back on the interval are built again. If
    another run changes the clean rows in the meantime, all is built again, so the result does not
    depend on the order of the runs. ``run``: the location of the job's report.

    Raises:
        UpdraftError: the clean rows are not the audit of the present raw rows, or features.sql
            does not return the expected rows.
    """
    check_audited(use_case, interval)
    clean = Table(use_case, CLEAN)
    table = Table(use_case, FEATURES)
    while True:
        source = clean.as_input()
        with _new_rows(spark, use_case, interval, source.version) as new_rows:
            counts = _count(new_rows, use_case)
            _check_counts(new_rows, use_case, counts)
            with table.hold(spark) as held:
                if not changed_since(clean.commits(), source, _looked_at(new_rows, use_case)):
                    note = Note(spans=new_rows.spans, inputs=[source], run=run)
                    held.replace(new_rows.frame, new_rows.where, note)
                    export_features(new_rows.frame, use_case, new_rows.where)
                    return _report(new_rows, use_case, counts)
        logger.info("clean rows have changed in the meantime: the features are built again")


def rebuild_features(spark: SparkSession, use_case: UseCase, run: str) -> int:
    """Write the complete features table anew, from all clean rows; returns the number of rows.

    A partition whose present raw rows no audit has passed has the clean rows of the last audit, or
    none. That does not keep the others from being built; status and gate go on to name it.

    Raises:
        UpdraftError: there are no clean rows, features.sql does not return the expected rows, or
            the clean rows have changed in the meantime.
    """
    clean = Table(use_case, CLEAN)
    days = clean.partitions() if clean.exists else []
    if not days:
        raise UpdraftError(
            f"table {clean.location}: found no rows to build features from. Nothing was written. "
            f"Run {use_case.name}_data, or `updraft status {use_case.name} --run`, first."
        )
    interval = Interval(days[0], days[-1], use_case.unit or "day")
    source = clean.as_input()
    with _new_rows(spark, use_case, interval, source.version) as new_rows:
        counts = _count(new_rows, use_case)
        _check_counts(new_rows, use_case, counts)
        with Table(use_case, FEATURES).hold(spark) as held:
            if changed_since(clean.commits(), source, interval.partitions):
                raise UpdraftError(
                    f"table {clean.location}: it has changed while its features were built. "
                    "Nothing was written. Wait until its runs have ended, then run this again."
                )
            held.rewrite(new_rows.frame, Note(spans=new_rows.spans, inputs=[source], run=run))
        export_features(new_rows.frame, use_case, new_rows.where)
        return int(counts["rows"])


def features(spark: SparkSession, use_case: UseCase, clean: DataFrame) -> DataFrame:
    """Run features.sql on the clean rows, without the columns that are known only later.

    So no feature can leak the label. Features are doubles or, if they are categories, strings
    without nulls.

    Raises:
        UpdraftError: a lookup's file, a column of ``IDENTITY`` or a usable type is missing; or
            the query cannot be computed, or not again with the same result.
    """
    unregister(spark, use_case)  # The table contains labels.
    for name in use_case.data.lookups:
        lookup(spark, use_case, name).createOrReplaceTempView(name)
    frame = _query(spark, use_case, clean)
    file = use_case.folder / "features.sql"
    check_repeatable(frame, use_case.features_sql, str(file))
    missing = [name for name in IDENTITY if name not in frame.columns]
    if missing:
        raise UpdraftError(
            f"{file}: expected {', '.join(IDENTITY)} among its columns, missing {missing}."
        )
    return _typed(use_case, frame)


def _query(spark: SparkSession, use_case: UseCase, clean: DataFrame) -> DataFrame:
    """The result of features.sql, with the lookups that are there."""
    clean.drop(*use_case.data.known_after).createOrReplaceTempView("clean")
    with sql_errors(use_case, FEATURES_SQL):
        return spark.sql(use_case.features_sql)


def _typed(use_case: UseCase, frame: DataFrame) -> DataFrame:
    """The result of features.sql with each feature in its type."""
    names = feature_names(frame.columns)
    with sql_errors(use_case, FEATURES_SQL):
        return frame.select(*IDENTITY, *[_feature(use_case, frame, name) for name in names])


@contextmanager
def _new_rows(
    spark: SparkSession, use_case: UseCase, interval: Interval, version: int
) -> Iterator[NewRows]:
    """The new rows, and what they are computed from, until they have been written.

    ``version``: of the clean rows.
    """
    check_target(spark, use_case)
    build = _build_with_history if use_case.data.history else _build_from_interval
    with scratch_folder() as folder:
        new_rows = build(spark, use_case, interval, version, folder)
        try:
            yield new_rows
        finally:
            new_rows.checked.unpersist()


def _build_from_interval(
    spark: SparkSession, use_case: UseCase, interval: Interval, version: int, folder: Location
) -> NewRows:
    where = interval.predicate()
    clean = Table(use_case, CLEAN).read(spark, where, version=version)
    frame = features(spark, use_case, clean)
    if is_row_wise(frame, "clean"):
        frame = _marked(use_case, frame, where)
    else:
        frame = _by_partition(spark, use_case, clean, _with_rows(interval, clean), folder)
    labels = _labels(use_case, clean)
    with sql_errors(use_case, TARGET_SQL):
        counts = labels.agg(F.count("*").alias("rows"), F.count(LABEL).alias("labels")).collect()[0]
    with sql_errors(use_case, FEATURES_SQL):
        labelled = with_split(frame.join(labels, IDENTITY, "left"), use_case).cache()
    return NewRows(labelled, where, interval.partitions, counts["rows"], counts["labels"])


def _build_with_history(
    spark: SparkSession, use_case: UseCase, interval: Interval, version: int, folder: Location
) -> NewRows:
    clean = Table(use_case, CLEAN).read(spark, version=version)
    last_day = interval.end.date() - timedelta(days=1)
    affected = Interval(interval.first, last_day + timedelta(days=use_case.data.history))
    days_with_rows = partitions_of(clean.where(affected.predicate()))
    days = sorted({*interval.days, *days_with_rows})
    unit = use_case.unit or "day"
    spans = [span for day in days for span in Interval(day, day, unit).partitions]
    where = on_days(days)
    if unit == "hour":
        # Earlier hours see none of the new rows, and after the last row there is nothing to see.
        with_rows = _with_rows(Interval(days[0], days[-1], unit), clean.where(where))
        last = max([*with_rows, interval.partitions[-1]]).start
        spans = [span for span in spans if interval.start <= span.start <= last]
        hours = Interval(days[0], last.date(), unit, interval.from_hour, last.hour)
        where = f"{where} AND {hours.predicate()}"
    _show_day(spark, spans[0])
    features(spark, use_case, clean)
    frame = _by_partition(spark, use_case, clean, spans, folder)
    labels = _labels(use_case, clean.where(where))
    with sql_errors(use_case, TARGET_SQL):
        known = labels.where(F.col(LABEL).isNotNull()).count() if use_case.data.target else 0
    joined = frame.join(labels, IDENTITY, "left").cache()
    return NewRows(joined, where, spans, None, known)


def _with_rows(interval: Interval, clean: DataFrame) -> list[Span]:
    """The partitions of an interval that have clean rows."""
    start = F.date_format(F.date_trunc(interval.unit, EVENT_TIME), "yyyy-MM-dd'T'HH")
    starts = {row["start"] for row in clean.select(start.alias("start")).distinct().collect()}
    return [span for span in interval.partitions if f"{span.start:%Y-%m-%dT%H}" in starts]


def _by_partition(
    spark: SparkSession, use_case: UseCase, clean: DataFrame, spans: list[Span], folder: Location
) -> DataFrame:
    """The features of each partition as if it were run alone, so no row sees a later partition.

    ``features`` has checked the query. Each partition is written away before the next: as parts of
    one query, they take Spark longer the more there are.
    """
    if len(spans) == 1:
        return _of_partition(spark, use_case, clean, spans[0])
    told = time.monotonic()
    for number, span in enumerate(spans, 1):
        frame = _of_partition(spark, use_case, clean, span)
        with sql_errors(use_case, FEATURES_SQL):
            frame.write.mode("append").parquet(folder.spark)
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            logger.info("features of %s of %s partitions", number, len(spans))
    return spark.read.schema(frame.schema).parquet(folder.spark_literal)


def _of_partition(
    spark: SparkSession, use_case: UseCase, clean: DataFrame, span: Span
) -> DataFrame:
    """The features of one partition, from its clean rows and those of the days before it."""
    unit = use_case.unit or "day"
    day = span.start.date()
    first = span.start - timedelta(days=use_case.data.history)
    own = Interval(day, day, unit)
    seen = Interval(first.replace(day=1).date() if unit == "month" else first.date(), day, unit)
    if unit == "hour":
        own = Interval(day, day, unit, span.start.hour, span.start.hour)
        seen = Interval(first.date(), day, unit, first.hour, span.start.hour)
    if use_case.data.history:
        _show_day(spark, span)
    frame = _typed(use_case, _query(spark, use_case, clean.where(seen.predicate())))
    marked = _marked(use_case, frame, own.predicate())
    if unit == "hour" and use_case.data.history:
        # The view ``days`` knows no hours: each hour of the day keeps its own rows.
        marked = marked.where(~F.col(IS_OUTSIDE) | (F.to_date(EVENT_TIME) != F.lit(day)))
    return marked


def _show_day(spark: SparkSession, span: Span) -> None:
    """Make the view ``days`` for a partition."""
    day = spark.sql(f"SELECT DATE'{span.start.date()}' AS {EVENT_DATE}")
    day.createOrReplaceTempView("days")


def _marked(use_case: UseCase, frame: DataFrame, where: str) -> DataFrame:
    """Add whether a row lies outside the partitions of a condition."""
    is_inside = F.coalesce(F.expr(where), F.lit(False))
    dated = frame.withColumn(EVENT_DATE, event_date(use_case.unit))
    return dated.withColumn(IS_OUTSIDE, ~is_inside).drop(EVENT_DATE)


def _report(new_rows: NewRows, use_case: UseCase, counts: Row) -> FeaturesReport:
    return FeaturesReport(
        use_case=use_case.name,
        # Without rows the table is written all the same, which removes the days' earlier rows.
        outcome="done" if counts["rows"] else "no data",
        rows=counts["rows"],
        labelled=counts["labelled"],
        unused_labels=new_rows.labels - counts["labelled"],
        columns=feature_names(new_rows.frame.columns),
        version=Table(use_case, FEATURES).version,
    )


def _looked_at(new_rows: NewRows, use_case: UseCase) -> list[Span]:
    """The partitions of the clean rows that the new rows depend on."""
    first = new_rows.spans[0].start.date()
    last = new_rows.spans[-1].start.date()
    days = Interval(first, last, use_case.unit or "day")
    return days.with_history(use_case.data.history).partitions


def _count(new_rows: NewRows, use_case: UseCase) -> Row:
    with sql_errors(use_case, FEATURES_SQL):
        return new_rows.checked.agg(
            F.count("*").alias("rows"),
            F.count(LABEL).alias("labelled"),
            F.count_distinct(ROW_ID).alias("keys"),
            F.count_if(IS_OUTSIDE).alias("outside"),
            F.count_if(F.col(IS_CLEAN).isNull()).alias("unknown"),
            F.count(LOST_LABEL).alias("lost_labels"),
            F.min(LOST_LABEL).alias("lost_label"),
        ).collect()[0]


def _check_counts(new_rows: NewRows, use_case: UseCase, counts: Row) -> None:
    # With data.history, features.sql may make rows of its own, such as one a month and customer.
    if counts["unknown"] and new_rows.clean_rows is not None:
        raise UpdraftError(
            f"{use_case.folder / 'features.sql'}: found {counts['unknown']} rows with a row_id and "
            "event_time that no clean row has, so they would get no label; "
            "expected both unchanged. Select them as they are in clean."
        )
    if new_rows.clean_rows is None:
        expected_rows = counts["keys"]
        expected = "every row_id once, with an event_time on a day of the view days."
    else:
        expected_rows = new_rows.clean_rows
        expected = (
            f"one row for each of the {new_rows.clean_rows} clean rows, with its event_time. "
            "A lookup probably has several rows for one key, or an inner join drops rows."
        )
    is_each_row_once = counts["rows"] == counts["keys"] == expected_rows
    if counts["outside"] or not is_each_row_once:
        raise UpdraftError(
            f"{use_case.folder / 'features.sql'}: "
            f"found {counts['rows']} rows with {counts['keys']} row_ids, "
            f"{counts['outside']} of them outside the partitions to build; expected {expected}"
        )
    if counts["lost_labels"]:
        raise UpdraftError(
            f"{use_case.folder / 'use_case.yaml'}: data.target.sql gives {counts['lost_labels']} "
            f"rows a value that is no label, such as {counts['lost_label']!r}; "
            f"expected {_expected_label(use_case)}. "
            "Correct it, or let it be null where the label is not known."
        )


def _labels(use_case: UseCase, clean: DataFrame) -> DataFrame:
    """The labels of clean rows, to join by ``IDENTITY``: features.sql never sees their columns.

    The label of a class is its position in ``data.target.classes``. ``LOST_LABEL`` and ``IS_CLEAN``
    tell a label that is not known from one that has been lost.
    """
    target = use_case.data.target
    found = F.expr(target.sql) if target else F.lit(None)
    if target and target.classes:
        position = F.array_position(F.lit(target.classes), found.cast("string"))  # From 1; 0: none.
        label = F.when(position > 0, position - 1).cast("double")
    else:
        number = found.try_cast("double")
        is_label = F.abs(number) < F.lit(float("inf"))  # Spark takes NaN for larger than infinity.
        if use_case.task.traits.has_threshold:
            is_label = number.isin(0.0, 1.0)
        label = F.when(is_label, number)
    lost = F.when(found.isNotNull() & label.isNull(), found.cast("string"))
    return clean.alias("clean").select(
        *IDENTITY,
        label.alias(LABEL),
        lost.alias(LOST_LABEL),
        F.lit(True).alias(IS_CLEAN),
    )


def _expected_label(use_case: UseCase) -> str:
    target = use_case.data.target
    if target and target.classes:
        return f"one of data.target.classes, {', '.join(target.classes)}"
    return "0 or 1" if use_case.task.traits.has_threshold else "a finite number"


def _feature(use_case: UseCase, frame: DataFrame, name: str) -> Column:
    data_type = frame.schema[name].dataType
    if isinstance(data_type, T.StringType):
        return F.coalesce(F.col(quote(name)), F.lit(MISSING)).alias(name)
    if isinstance(data_type, T.NumericType | T.BooleanType):
        return F.col(quote(name)).cast("double").alias(name)
    raise UpdraftError(
        f"{use_case.folder / 'features.sql'}: feature {name} is {data_type.simpleString()}, "
        "expected a number, boolean or string."
    )
