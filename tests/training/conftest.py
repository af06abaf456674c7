"""The features of six weeks, and how they are cut; what each family learns from a small frame."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession

from tests.training.families import Learnt, learn
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data import tables
from updraft.training.windows import Windows, windows


@pytest.fixture(scope="module")
def frame(spark: SparkSession, training: Path) -> DataFrame:
    return tables.read(spark, "flights", "features")


@pytest.fixture(scope="module")
def cut(frame: DataFrame, small: UseCase) -> Windows:
    return windows(tables.partitions(frame), small.model)


@pytest.fixture
def exporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A root of their own for exports, which leave through it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPDRAFT_ROOT", str(tmp_path_factory.mktemp("exporting")))
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.fixture(scope="session")
def known() -> dict[str, Learnt]:
    return {}


@pytest.fixture
def learnt(spark: SparkSession, exporting: None, known: dict[str, Learnt]) -> Callable[[str], Learnt]:
    """What a case has learnt; fitted when a test of this run first asks for it."""

    def ask(case: str) -> Learnt:
        if case not in known:
            known[case] = learn(spark, case)
        return known[case]

    return ask
