"""The features of six weeks, and how they are cut."""

from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.training.windows import Windows, windows


@pytest.fixture(scope="module")
def frame(spark: SparkSession, training: Path) -> DataFrame:
    return tables.read(spark, "flights", "features")


@pytest.fixture(scope="module")
def cut(frame: DataFrame, small: UseCase) -> Windows:
    return windows(tables.partitions(frame), small.model)
