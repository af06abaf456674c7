"""What a format of raw files has to provide, and what formats made of lines of text share."""

import codecs
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T
from upath import UPath

from updraft.core.locations import Location
from updraft.core.use_case import UseCase

CORRUPT = "corrupt_record"  # The complete line, if it cannot be split into the columns.
SOURCE = "source_file"


@dataclass(frozen=True)
class Format:
    """A format of raw files.

    Attributes:
        columns: A file's columns; None if it has no rows that could be wrong.
        read: The rows of files with the same columns, as text, with ``source_file``.
        ordered: The columns of a file are in the declared order.
        read_alone: Each file is read alone, because types may differ from file to file.
    """

    columns: Callable[[SparkSession, UPath, UseCase], list[str] | None]
    read: Callable[[SparkSession, list[UPath], Sequence[str], UseCase], DataFrame]
    ordered: bool = False
    read_alone: bool = False


def spark_paths(files: list[UPath]) -> list[str]:
    """The files as Spark takes them, none of them as a pattern."""
    return [Location.of(file).spark_literal for file in files]


def line_reader(spark: SparkSession, columns: Sequence[str], use_case: UseCase) -> DataFrameReader:
    """A reader of lines into columns of text; other lines go to ``corrupt_record``."""
    schema = T.StructType([T.StructField(name, T.StringType()) for name in (*columns, CORRUPT)])
    reader = spark.read.schema(schema).option("columnNameOfCorruptRecord", CORRUPT)
    return reader.option("mode", "PERMISSIVE").option("encoding", java_encoding(use_case))


def java_encoding(use_case: UseCase) -> str:
    """The encoding's canonical name in Python, which Java knows; it does not know all aliases."""
    return codecs.lookup(use_case.data.encoding).name


def file_name() -> Column:
    """The name of the file that a row comes from, URL-encoded."""
    return F.col("_metadata.file_name").alias(SOURCE)
