"""Spark ML models as Spark saves them: read at once, instead of by a JVM call for each part."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession

from updraft.core.locations import Location
from updraft.core.scratch import scratch_folder


@contextmanager
def saved_model(model: Any) -> Iterator[Location]:
    """A temporary folder with the saved model, under the root, which Spark's workers see too."""
    with scratch_folder() as folder:
        saved = folder / "model"
        model.write().save(saved.spark)
        yield saved


def read_table(folder: Location, *expressions: str) -> pd.DataFrame:
    """A Parquet table of a saved model: all its columns, or the SQL ``expressions`` on them."""
    table = SparkSession.builder.getOrCreate().read.parquet(folder.spark_literal)
    return table.selectExpr(*(expressions or ["*"])).toPandas()
