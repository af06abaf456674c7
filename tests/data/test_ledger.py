"""The ledger's table: its content, for Spark too, and that no two entries get one number."""

import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry
from updraft.core.schema import LEDGER
from updraft.core.use_case import UseCase
from updraft.data import append_only
from updraft.data.append_only import HeldRows
from updraft.data.ledger import DeltaLedger, _HeldLedger
from updraft.data.tables import Table

ENTRY = Entry(
    number=0,
    key="k",
    time=datetime(2013, 3, 8, 12, 0, 0, 1, UTC),
    event="refused",
    version=2,
    from_version=1,
    to_version=1,
    by="us",
    reasons=["worse", "late"],
    evidence="e",
    run_id="r",
    features_version=2**40,
    code="c",
)
FIRST = Entry(
    number=0,
    key="l",
    time=datetime(2013, 3, 8, tzinfo=UTC),
    event="adopted",
    version=1,
    from_version=None,
    to_version=1,
    by="us",
    reasons=[],
    evidence=None,
    run_id=None,
    features_version=None,
    code="c",
)
SPARK_SCHEMA = """
    number INT, key STRING, time TIMESTAMP, event STRING, version INT, from_version INT,
    to_version INT, by STRING, reasons ARRAY<STRING>, evidence STRING, run_id STRING,
    features_version BIGINT, code STRING
"""
# Another process that holds the ledger until it gets a line, then adds an entry.
OTHER_PROCESS = """
    import sys
    from datetime import UTC, datetime
    from updraft.core.ledger import Entry
    from updraft.core.use_case import load_use_case
    from updraft.data.ledger import DeltaLedger
    with DeltaLedger(load_use_case("flights")).hold() as held:
        print("held", flush=True)
        sys.stdin.readline()
        now = datetime.now(UTC)
        entry = Entry(0, "k", now, "refused", 1, None, None, "us", [], None, None, None, "c")
        held.add(entry, [])
"""


@contextmanager
def other_process() -> Iterator["subprocess.Popen[str]"]:
    """Another process that holds the ledger of the flights."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OTHER_PROCESS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()


def test_entries_come_back_in_order_as_they_were_and_spark_reads_them(
    spark: SparkSession, root: Path, flights: UseCase
) -> None:
    delta_ledger = DeltaLedger(flights)
    assert delta_ledger.entries() == []
    with delta_ledger.hold() as held:
        for entry in (FIRST, ENTRY):
            held.add(entry, held.entries())
    assert delta_ledger.entries() == [FIRST, ENTRY._replace(number=1)]
    table = Table(flights, LEDGER).read(spark)
    rows = table.orderBy("number").collect()
    assert [row.asDict()["reasons"] for row in rows] == [[], ["worse", "late"]]
    assert dict(table.dtypes)["time"] == "timestamp"
    times = table.selectExpr("unix_micros(time) us").orderBy("us").collect()
    assert [row["us"] for row in times][1] % 10**6 == 1


def test_a_ledger_that_spark_has_written_goes_on(
    spark: SparkSession, root: Path, flights: UseCase
) -> None:
    """Also one whose entries have neither model nor hold nor hashes, as of earlier releases."""
    rows = spark.createDataFrame([tuple(FIRST)[:13]], SPARK_SCHEMA)
    writer = rows.write.format("delta").option("delta.appendOnly", "true")
    writer.save(Table(flights, LEDGER).location.spark)
    assert DeltaLedger(flights).entries() == [FIRST]
    added = ENTRY._replace(model="{}", holds=True, policy="p", use_case="u", suites="s")
    with DeltaLedger(flights).hold() as held:
        held.add(added, [FIRST])
    assert DeltaLedger(flights).entries() == [FIRST, added._replace(number=1)]


def test_who_decides_is_alone_until_it_ends(
    root: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    delta_ledger = DeltaLedger(flights)
    with other_process() as process:
        monkeypatch.setattr(append_only, "LOCK_SECONDS", 0.2)
        message = r"another process has held .*ledger\.lock"
        with pytest.raises(UpdraftError, match=message), delta_ledger.hold():
            pass
        process.communicate("decide\n", timeout=60)
        with delta_ledger.hold() as held:
            assert [entry.number for entry in held.entries()] == [0]


def test_the_lock_of_a_killed_process_is_free(
    root: Path, flights: UseCase, monkeypatch: pytest.MonkeyPatch
) -> None:
    with other_process() as process:
        process.kill()
        process.wait()
    monkeypatch.setattr(append_only, "LOCK_SECONDS", 0.2)
    with DeltaLedger(flights).hold() as held:
        assert held.entries() == []


def test_an_entry_that_comes_between_decision_and_writing_refuses_the_other(
    root: Path, flights: UseCase
) -> None:
    with DeltaLedger(flights).hold() as held:
        for before in ([], [FIRST]):
            held.add(FIRST, before)
            expected = f"Expected the {len(before)} rows"
            what = "the entry 'refused' of version 2"
            message = rf"{what} was not written: .*{expected}.* decides anew"
            with pytest.raises(UpdraftError, match=message):
                held.add(ENTRY, before)
        assert [entry.event for entry in held.entries()] == ["adopted", "adopted"]


@pytest.mark.parametrize("before", [[], [FIRST]])
def test_one_of_several_simultaneous_entries_stays(
    root: Path, flights: UseCase, before: list[Entry]
) -> None:
    delta_ledger = DeltaLedger(flights)
    without_lock = _HeldLedger(delta_ledger, HeldRows(delta_ledger.table))
    for entry in before:
        without_lock.add(entry, [])

    def add(key: str) -> str:
        try:
            without_lock.add(ENTRY._replace(key=key), before)
            return key
        except UpdraftError as error:
            return str(error)

    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(add, "abcdefgh"))
    *_, last = without_lock.entries()
    added = ENTRY._replace(number=len(before), key=last.key)
    assert without_lock.entries() == [*before, added]
    assert sorted(result == last.key for result in results) == [False] * 7 + [True]


def test_nothing_is_added_once_the_lock_is_released(root: Path, flights: UseCase) -> None:
    with DeltaLedger(flights).hold() as held:
        held.add(FIRST, [])
    with pytest.raises(RuntimeError, match="lock has been released"):
        held.add(ENTRY, held.entries())
    assert len(DeltaLedger(flights).entries()) == 1
