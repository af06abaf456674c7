"""Models of Spark ML as it saves them: one read, and no call into the JVM for each part."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pandas as pd
from pyspark.sql import SparkSession
from upath import UPath

from updraft.core.settings import settings


@contextmanager
def saved(model: Any) -> Iterator[UPath]:
    """The folder that holds the model for a while: under the root, which Spark's workers see too."""
    folder = settings().path("scratch", uuid.uuid4().hex)
    try:
        model.write().save(str(folder))
        yield folder
    finally:
        if folder.exists():
            folder.fs.rm(folder.path, recursive=True)


def table(folder: UPath, *expressions: str) -> pd.DataFrame:
    """A table that a model keeps in Parquet: all columns, or what the SQL expressions say."""
    found = SparkSession.builder.getOrCreate().read.parquet(str(folder))
    return found.selectExpr(*(expressions or ["*"])).toPandas()
