"""Raw files in CSV, with a header."""

import csv
from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from upath import UPath

from updraft.core.use_case import UseCase
from updraft.data.sources.format import Format, file_name, line_reader, spark_paths


def _columns(_spark: SparkSession, file: UPath, use_case: UseCase) -> list[str] | None:
    encoding = use_case.data.encoding
    if encoding.upper() == "UTF-8":
        encoding = "utf-8-sig"  # Without the mark that some programs put in front.
    with file.open("r", encoding=encoding, errors="replace") as lines:
        header = lines.readline().strip()
    if not header:
        return None
    return [name.strip() for name in next(csv.reader([header]))]


def _read(
    spark: SparkSession, files: list[UPath], columns: Sequence[str], use_case: UseCase
) -> DataFrame:
    reader = line_reader(spark, columns, use_case).option("header", True).option("escape", '"')
    return reader.csv(spark_paths(files)).select("*", file_name())


CSV = Format(_columns, _read, ordered=True)
