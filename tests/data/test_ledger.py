"""The ledger's table: what stands in it, for Spark too, and that no two entries get one place."""

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data import ledger, tables
from updraft.data.ledger import Ledger

ENTRY = Entry(0, "k", datetime(2013, 3, 8, 12, 0, 0, 1, UTC), "refused", 2, 1, 1, "us", ["worse", "late"], "e", "r", 2**40, "c")
FIRST = Entry(0, "l", datetime(2013, 3, 8, tzinfo=UTC), "adopted", 1, None, 1, "us", [], None, None, None, "c")
MINUTES = """
    import sys
    from datetime import UTC, datetime
    from updraft.core.ledger import Entry
    from updraft.core.use_case import load_use_case
    from updraft.data.ledger import Ledger
    ledger = Ledger(load_use_case("flights"))
    with ledger.held():
        print("held", flush=True)
        sys.stdin.readline()
        ledger.add(Entry(0, "k", datetime.now(UTC), "refused", 1, None, None, "us", [], None, None, None, "c"))
"""


def test_entries_come_back_in_order_as_they_were_and_spark_reads_them(
    spark: SparkSession, root: Path, flights: UseCase
) -> None:
    kept = Ledger(flights)
    assert kept.entries() == []
    for entry in (FIRST, ENTRY):
        kept.add(entry)
    assert kept.entries() == [FIRST, ENTRY._replace(number=1)]
    table = tables.read(spark, "flights", "ledger")
    assert [row.asDict()["reasons"] for row in table.orderBy("number").collect()] == [[], ["worse", "late"]]
    assert dict(table.dtypes)["time"] == "timestamp"
    assert [row["us"] for row in table.selectExpr("unix_micros(time) us").orderBy("us").collect()][1] % 10**6 == 1


def test_entries_of_spark_and_of_before_are_read(spark: SparkSession, root: Path, flights: UseCase) -> None:
    """Ledgers from before they were written without Spark."""
    Ledger(flights).add(FIRST)
    path = tables.table_path("flights", "ledger")
    row = tables.read(spark, "flights", "ledger").selectExpr("* except (number)", "1 as number")
    row.write.format("delta").mode("append").save(path)
    Ledger(flights).add(ENTRY)
    assert Ledger(flights).entries() == [FIRST, FIRST._replace(number=1), ENTRY._replace(number=2)]


def test_who_decides_is_alone_until_it_ends(root: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(MINUTES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        monkeypatch.setattr(ledger, "LOCK_SECONDS", 0.2)
        with pytest.raises(UpdraftError, match=r"another process has held .*ledger\.lock"), Ledger(flights).held():
            pass
        other.communicate("decide\n", timeout=60)
        with Ledger(flights).held():
            assert [one.number for one in Ledger(flights).entries()] == [0]
    finally:
        other.kill()
        other.wait()


def test_the_lock_of_a_killed_process_is_free(root: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(MINUTES)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout
    assert other.stdout.readline() == "held\n"
    other.kill()
    other.wait()
    monkeypatch.setattr(ledger, "LOCK_SECONDS", 0.2)
    with Ledger(flights).held():
        assert Ledger(flights).entries() == []


@pytest.mark.parametrize("first", [True, False])
def test_without_a_lock_an_entry_that_comes_between_refuses_the_other(
    tmp_path: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    monkeypatch.setenv("UPDRAFT_ROOT", tmp_path.as_uri())  # At a URI nothing is locked.
    settings.cache_clear()
    kept = Ledger(flights)
    if not first:
        kept.add(FIRST)

    def add(number: int) -> str:
        try:
            with kept.held():
                kept.add(ENTRY._replace(key=str(number)))
            return ""
        except UpdraftError as error:
            return str(error)

    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(add, range(8)))
    entries = kept.entries()
    assert [one.number for one in entries] == list(range(len(entries)))
    written = {one.key for one in entries if one.event == "refused"}
    assert written == {str(number) for number, words in enumerate(said) if not words} != set()
    assert all("clear this task: it decides anew" in words for words in said if words)
    settings.cache_clear()
