"""Raw files in Parquet: single files, and folders that hold the parts of one."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from upath import UPath

from updraft.core.errors import UpdraftError
from updraft.core.schema import quote
from updraft.core.use_case import UseCase
from updraft.data.sources.format import SOURCE, Format, file_name, spark_paths

END_OF_FILE = b"PAR1"


def _columns(spark: SparkSession, file: UPath, _use_case: UseCase) -> list[str]:
    for part in _parts(file):
        _check_end(part)
    return list(spark.read.parquet(*spark_paths([file])).columns)


def _read(
    spark: SparkSession, files: list[UPath], columns: Sequence[str], _use_case: UseCase
) -> DataFrame:
    (file,) = files
    frame = spark.read.parquet(*spark_paths(files))
    in_nanoseconds = _nanosecond_times(file, frame)

    def as_text(name: str) -> Column:
        value = F.col(quote(name))
        if name in in_nanoseconds:
            value = F.timestamp_micros(F.expr(f"{quote(name)} div 1000"))
        return value.cast("string").alias(name)

    name = F.url_encode(F.lit(file.name)).alias(SOURCE) if file.is_dir() else file_name()
    return frame.select(*[as_text(column) for column in columns], name)


def _check_end(file: UPath) -> None:
    """Refuse a file that was not copied completely."""
    with file.open("rb") as content:
        content.seek(0, 2)
        size = content.tell()
        content.seek(max(0, size - len(END_OF_FILE)))
        if content.read() != END_OF_FILE:
            raise UpdraftError(
                f"{file}: found {size} bytes that do not end as Parquet does, "
                "expected a complete file. Copy it again."
            )


def _parts(file: UPath) -> list[UPath]:
    """The Parquet files that a folder holds, at any depth; for a file, the file itself."""
    if file.is_file():
        return [file]
    parts = [
        part for part in file.rglob("*.parquet") if part.name[0] not in "._" and part.is_file()
    ]
    if not parts:
        raise UpdraftError(
            f"{file}: found a folder without Parquet files, expected at least one. "
            "Copy it again, or remove it."
        )
    return sorted(parts, key=str)


def _nanosecond_times(file: UPath, frame: DataFrame) -> set[str]:
    """The columns with times in nanoseconds, as pandas writes them.

    Spark has no such times and reads them as numbers.
    """
    from pyarrow import parquet, types

    with _parts(file)[0].open("rb") as content:
        arrow_types = {field.name: field.type for field in parquet.read_schema(content)}

    def is_nanosecond_time(name: str) -> bool:
        arrow_type = arrow_types.get(name)
        return arrow_type is not None and types.is_timestamp(arrow_type) and arrow_type.unit == "ns"

    return {name for name, kind in frame.dtypes if kind == "bigint" and is_nanosecond_time(name)}


PARQUET = Format(_columns, _read, read_alone=True)
