"""Spark ML models as Spark saves them: read at once, instead of by a JVM call for each part."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession

from updraft.core.locations import Location
from updraft.core.settings import settings


@contextmanager
def saved_model(model: Any) -> Iterator[Location]:
    """A temporary folder with the saved model, under the root, which Spark's workers see too."""
    folder = settings().location("scratch", uuid.uuid4().hex)
    try:
        model.write().save(folder.spark)
        yield folder
    finally:
        if folder.path.exists():
            folder.path.fs.rm(folder.path.path, recursive=True)


def read_table(folder: Location, *expressions: str) -> pd.DataFrame:
    """A Parquet table of a saved model: all its columns, or the SQL ``expressions`` on them."""
    table = SparkSession.builder.getOrCreate().read.parquet(folder.spark_literal)
    return table.selectExpr(*(expressions or ["*"])).toPandas()
