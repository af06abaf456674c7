"""Airflow's processes wait for each other's writes instead of failing on them."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError

from updraft.cli.airflow_database import CONNECT_ARGS

SECONDS = 0.5


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "airflow.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE runs (id int)")
    return path


@pytest.fixture
def writer(database: Path) -> Iterator[threading.Timer]:
    """Another process that is writing, for a while."""
    connection = sqlite3.connect(database, check_same_thread=False)
    connection.execute("INSERT INTO runs VALUES (1)")
    timer = threading.Timer(SECONDS, connection.commit)
    timer.start()
    yield timer
    timer.join()
    connection.close()


def read_then_write(engine: Engine) -> list[int]:
    with engine.begin() as connection:
        with connection.begin_nested():
            connection.execute(text("SELECT count(*) FROM runs")).all()
            connection.execute(text("INSERT INTO runs VALUES (2)"))
        return list(connection.execute(text("SELECT id FROM runs ORDER BY id")).scalars())


def test_a_savepoint_waits_for_another_process_to_finish_writing(
    database: Path, writer: threading.Timer
) -> None:
    engine = create_engine(f"sqlite:///{database}", connect_args=CONNECT_ARGS)
    assert read_then_write(engine) == [1, 2]


def test_the_wait_has_an_end(database: Path, writer: threading.Timer) -> None:
    engine = create_engine(f"sqlite:///{database}", connect_args={"timeout": SECONDS / 10})
    with pytest.raises(OperationalError, match="database is locked"):
        read_then_write(engine)
    writer.join()
    assert read_then_write(engine) == [1, 2]
