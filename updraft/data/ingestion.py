"""From the landing folder to bronze: every raw row as it came, as text, in the partition of its file."""

import re
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.mistakes import suggest
from updraft.core.reports import IngestReport
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.data.columns import typed

CORRUPT = "corrupt_record"
SOURCE = "source_file"


def ingest(spark: SparkSession, use_case: UseCase, interval: Interval, files: dict[date, UPath]) -> IngestReport:
    """Replace, in bronze, the rows of the days that have raw ones. ``files`` are given by their day.

    Bronze holds the raw columns as text, ``corrupt_record`` (the whole line, where it does not have the columns),
    ``source_file``, ``event_time`` (the start of the partition where it cannot be read or lies outside) and ``event_date``.

    Raises:
        UpdraftError: a file's header differs from the declared columns; nothing is written then.
    """
    report = IngestReport(use_case=use_case.name, first=interval.first, last=interval.last, files=len(files))
    for file in files.values():
        check_header(file, list(use_case.data.columns))
    raw = bronze(read_raw(spark, use_case, list(files.values())), use_case).cache()
    try:
        rows = {row["day"]: row["count"] for row in raw.groupBy(F.to_date("event_time").alias("day")).count().collect()}
        report = report.model_copy(update={"missing_days": [day for day in interval.days if day not in rows]})
        if not rows:
            return report.model_copy(update={"outcome": "no data"})
        # A day without rows is left as it is, in a range as in a run of its own.
        tables.replace_days(raw, use_case.name, "bronze", sorted(rows))
        return report.model_copy(update={"rows": sum(rows.values())})
    finally:
        raw.unpersist()  # Spark would take the old rows for a file of the same name.


def raw_files(use_case: UseCase, interval: Interval) -> dict[date, UPath]:
    """The raw files of the interval that exist, by their day."""
    folder = settings().source(use_case.name, use_case.data.input)
    files = {day: folder / use_case.data.files.format(day=day.isoformat()) for day in interval.days}
    return {day: file for day, file in files.items() if file.exists()}


def check_header(file: UPath, expected: list[str]) -> None:
    """Refuse a file whose header is not the declared columns in their order. An empty file has no rows: that is no mistake."""
    with file.open("r", encoding="utf-8-sig", errors="replace") as lines:
        header = lines.readline().strip()
    found = [name.strip().strip('"') for name in header.split(",")] if header else expected
    if found == expected:
        return
    missing = [name for name in expected if name not in found]
    extra = [name + suggest(name, missing) for name in found if name not in expected]
    what = [f"missing {', '.join(missing)}"] * bool(missing) + [f"not declared {', '.join(extra)}"] * bool(extra)
    raise UpdraftError(
        f"{file}: its columns are not those of use_case.yaml: {'; '.join(what) or 'another order'}. "
        "Expected data.columns, in that order. Mend the file, or data.columns if the source has changed."
    )


def read_raw(spark: SparkSession, use_case: UseCase, files: list[UPath]) -> DataFrame:
    """The files' rows as text. A line with too few or too many fields keeps its text in ``corrupt_record``."""
    names = [*use_case.data.columns, CORRUPT]
    schema = T.StructType([T.StructField(name, T.StringType()) for name in names])
    reader = spark.read.schema(schema).option("header", True).option("columnNameOfCorruptRecord", CORRUPT)
    frame = reader.option("mode", "PERMISSIVE").csv([str(file) for file in files])
    return frame.select("*", F.col("_metadata.file_name").alias(SOURCE))


def bronze(raw: DataFrame, use_case: UseCase) -> DataFrame:
    """Give every row the partition of its file, and its own event time where that lies in it."""
    pattern = re.escape(use_case.data.files).replace(re.escape("{day}"), r"(\d{4}-\d{2}-\d{2})")
    day = F.to_date(F.regexp_extract(F.url_decode(SOURCE), pattern, 1))
    event_time = typed(raw, use_case).select("*", F.expr(use_case.data.event_time).alias("__event_time"))
    rows = event_time.select(*[F.col(f"__raw.{name}").alias(name) for name in raw.columns], "__event_time")
    inside = F.to_date("__event_time") == day
    return rows.withColumn("event_time", F.when(inside, F.col("__event_time")).otherwise(day.cast("timestamp"))).drop(
        "__event_time"
    )
