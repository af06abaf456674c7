"""The rows of raw files as text, whatever their formats."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from upath import UPath

from updraft.core.schema import quote
from updraft.core.use_case import UseCase
from updraft.data.sources.checks import check_columns
from updraft.data.sources.csv_files import CSV
from updraft.data.sources.format import CORRUPT, SOURCE, Format
from updraft.data.sources.json_files import JSON
from updraft.data.sources.parquet_files import PARQUET

FORMATS: dict[str, Format] = {".csv": CSV, ".json": JSON, ".jsonl": JSON, ".parquet": PARQUET}


def read_raw(spark: SparkSession, use_case: UseCase, files: list[UPath]) -> DataFrame:
    """The files' rows: the declared columns as text, ``corrupt_record`` and ``source_file``.

    Raises:
        UpdraftError: a file's columns are not the declared ones; the message names the file and
            the columns.
    """
    groups: dict[tuple[str, tuple[str, ...]], list[UPath]] = {}
    for file in files:
        group = str(file) if FORMATS[file.suffix].read_alone else file.suffix
        columns = _declared_columns(spark, file, use_case)
        groups.setdefault((group, columns), []).append(file)
    frames = [
        FORMATS[same[0].suffix].read(spark, same, columns, use_case)
        for (_, columns), same in groups.items()
    ]
    rows = frames[0]
    for frame in frames[1:]:
        rows = rows.unionByName(frame, allowMissingColumns=True)
    names = [*use_case.data.columns, CORRUPT, SOURCE]
    present = set(rows.columns)
    missing_column = F.lit(None).cast("string")
    return rows.select(
        *[F.col(quote(name)) if name in present else missing_column.alias(name) for name in names]
    )


def _declared_columns(spark: SparkSession, file: UPath, use_case: UseCase) -> tuple[str, ...]:
    """The declared columns that a file has, in the declared order."""
    file_format = FORMATS[file.suffix]
    columns = file_format.columns(spark, file, use_case)
    if columns is None:
        return tuple(use_case.data.columns)
    check_columns(file, columns, use_case, ordered=file_format.ordered)
    present = set(columns)
    return tuple(name for name in use_case.data.columns if name in present)
