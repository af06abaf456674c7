"""Raw files in JSON lines: one object a line."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from upath import UPath

from updraft.core.use_case import UseCase
from updraft.data.sources.format import Format, file_name, java_encoding, line_reader, spark_paths


def _columns(spark: SparkSession, file: UPath, _use_case: UseCase) -> list[str] | None:
    """Every key of every line that is an object."""
    parsed = F.from_json("value", "map<string,string>")
    lines = spark.read.text(spark_paths([file]))
    keys = lines.select(F.explode(F.map_keys(parsed)).alias("key")).distinct().collect()
    return [row["key"] for row in keys] or None


def _read(
    spark: SparkSession, files: list[UPath], columns: Sequence[str], use_case: UseCase
) -> DataFrame:
    reader = line_reader(spark, columns, use_case)
    if java_encoding(use_case) != "utf-8":
        reader = reader.option("lineSep", "\n")  # Spark detects it in UTF-8 only.
    return reader.json(spark_paths(files)).select("*", file_name())


JSON = Format(_columns, _read)
