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
        ledger.add(Entry(0, "k", datetime.now(UTC), "refused", 1, None, None, "us", [], None, None, None, "c"), [])
"""


def test_entries_come_back_in_order_as_they_were_and_spark_reads_them(
    spark: SparkSession, root: Path, flights: UseCase
) -> None:
    kept = Ledger(flights)
    assert kept.entries() == []
    for entry in (FIRST, ENTRY):
        kept.add(entry, kept.entries())
    assert kept.entries() == [FIRST, ENTRY._replace(number=1)]
    table = tables.read(spark, "flights", "ledger")
    assert [row.asDict()["reasons"] for row in table.orderBy("number").collect()] == [[], ["worse", "late"]]
    assert dict(table.dtypes)["time"] == "timestamp"
    assert [row["us"] for row in table.selectExpr("unix_micros(time) us").orderBy("us").collect()][1] % 10**6 == 1


def test_a_ledger_that_spark_has_written_goes_on(spark: SparkSession, root: Path, flights: UseCase) -> None:
    schema = """number INT, key STRING, time TIMESTAMP, event STRING, version INT, from_version INT, to_version INT, by STRING,
        reasons ARRAY<STRING>, evidence STRING, run_id STRING, features_version BIGINT, code STRING"""
    rows = spark.createDataFrame([tuple(FIRST)], schema)
    rows.write.format("delta").option("delta.appendOnly", "true").save(tables.table_path("flights", "ledger"))
    Ledger(flights).add(ENTRY, [FIRST])
    assert Ledger(flights).entries() == [FIRST, ENTRY._replace(number=1)]


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


def test_an_entry_that_comes_between_decision_and_writing_refuses_the_other(root: Path, flights: UseCase) -> None:
    kept = Ledger(flights)
    for before in ([], [FIRST]):
        kept.add(FIRST, before)
        with pytest.raises(UpdraftError, match=rf"was not written: .*Expected the {len(before)} entries.* decides anew"):
            kept.add(ENTRY, before)
    assert [one.event for one in kept.entries()] == ["adopted", "adopted"]


@pytest.mark.parametrize("before", [[], [FIRST]])
def test_of_entries_that_are_written_at_once_one_stays(root: Path, flights: UseCase, before: list[Entry]) -> None:
    kept = Ledger(flights)
    for entry in before:
        kept.add(entry, [])

    def add(key: str) -> str:
        try:
            kept.add(ENTRY._replace(key=key), before)  # Without the lock.
            return key
        except UpdraftError as error:
            return str(error)

    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(add, "abcdefgh"))
    *_, last = kept.entries()
    assert kept.entries() == [*before, ENTRY._replace(number=len(before), key=last.key)]
    assert sorted(words == last.key for words in said) == [False] * 7 + [True]
