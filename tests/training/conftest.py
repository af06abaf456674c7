"""The features of six weeks and their split; each family fitted and exported once for all tests."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from tests.conftest import environment
from tests.training.families import FittedCase, fit_and_export
from updraft.core.schema import FEATURES
from updraft.core.use_case import UseCase
from updraft.data.tables import Table
from updraft.training.windows import TimeSplit, split_days


@pytest.fixture(scope="module")
def frame(spark: SparkSession, training: Path, small: UseCase) -> DataFrame:
    return Table(small, FEATURES).read(spark)


@pytest.fixture(scope="module")
def split(training: Path, small: UseCase) -> TimeSplit:
    return split_days(Table(small, FEATURES).partitions(), small.model)


@pytest.fixture
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A root of its own, in which an export saves models for a moment."""
    with environment({"UPDRAFT_ROOT": str(tmp_path_factory.mktemp("exporting"))}):
        yield


@pytest.fixture(scope="session")
def fitted_cases() -> dict[str, FittedCase]:
    return {}


@pytest.fixture
def fitted_case(
    spark: SparkSession, exporting: None, fitted_cases: dict[str, FittedCase]
) -> Callable[[str], FittedCase]:
    """A case by its name, fitted when a test of this run first asks for it."""

    def fit_once(case: str) -> FittedCase:
        if case not in fitted_cases:
            fitted_cases[case] = fit_and_export(spark, case)
        return fitted_cases[case]

    return fit_once
