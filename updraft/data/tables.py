"""The Delta tables of a use case: how they are read, locked and written."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from deltalake import DeltaTable
from py4j.protocol import Py4JJavaError
from pyspark.sql import Column, DataFrame, DataFrameWriter, SparkSession
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.interval import Unit
from updraft.core.locations import Location
from updraft.core.schema import (
    BRONZE,
    CLEAN,
    EVENT_DATE,
    EVENT_TIME,
    FEATURES,
    QUARANTINE,
    UNPLACED,
)
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.core.waiting import wait_for
from updraft.data.lineage import Commit, Input, Note, read_commit

LOCK_SECONDS = 1200
LOCK_POLL_SECONDS = 0.2
# How long an old version of the features table can be read. The evidence compares a champion with
# the rows that it was trained on, and many champions outlive Delta's default of 30 days.
# The log says which raw rows were audited and by what; it outlives the rows that it speaks of.
LONG_LOG = {"delta.logRetentionDuration": "interval 4000 days"}
RETENTION = {
    BRONZE: LONG_LOG,
    CLEAN: LONG_LOG,
    QUARANTINE: LONG_LOG,
    FEATURES: {**LONG_LOG, "delta.deletedFileRetentionDuration": "interval 400 days"},
}
# Tables that gain a column which the use case declares later; their older rows have no value in it.
GROWING = (BRONZE, CLEAN, QUARANTINE, UNPLACED)
# Characters that Parquet does not allow in column names; with them, Delta maps names to its own.
NOT_IN_PARQUET = set(" ,;{}()\n\t=")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Table:
    """One table of a use case; ``name`` is a constant of ``core.schema`` or the catalog's name."""

    use_case: UseCase
    name: str

    @property
    def location(self) -> Location:
        return settings().table(self.use_case.name, self.name)

    @property
    def exists(self) -> bool:
        """Whether the table has ever been written."""
        location = self.location
        return DeltaTable.is_deltatable(location.deltalake, location.storage_options)

    @property
    def version(self) -> int:
        """The number of the newest commit.

        Raises:
            UpdraftError: the table does not exist yet.
        """
        self._check_exists()
        return self._log().version()

    @property
    def id(self) -> str:
        """Delta's identity of the table: one that is deleted and written anew has another.

        Raises:
            UpdraftError: the table does not exist yet.
        """
        self._check_exists()
        return str(self._log().metadata().id)

    def commits(self) -> list[Commit]:
        """All commits, in any order; none if the table has never been written."""
        if not self.exists:
            return []
        return [read_commit(entry) for entry in self._log().history()]

    def as_input(self) -> Input:
        """The table as it is now, as what other rows are made from.

        Raises:
            UpdraftError: the table does not exist yet.
        """
        return Input(table=self.name, id=self.id, version=self.version)

    def read(
        self,
        spark: SparkSession,
        where: str | None = None,
        *,
        version: int | None = None,
        table_id: str | None = None,
    ) -> DataFrame:
        """The table's rows, all or those of ``where``, in the newest or an older ``version``.

        ``where``: a condition from ``Interval.predicate`` or ``on_days``. ``table_id``: of the
        table that ``version`` is of.

        Raises:
            UpdraftError: the table does not exist yet, or was deleted and written anew since.
        """
        self._check_exists()
        if table_id is not None and table_id != self.id:
            raise UpdraftError(
                f"table {self.location}: its id is {self.id}, but version {version} is one of the "
                f"table {table_id}, which has been deleted. Its rows can no longer be read. Train "
                "again."
            )
        reader = spark.read.format("delta")
        if version is not None:
            reader = reader.option("versionAsOf", version)
        frame = reader.load(self.location.spark)
        return frame if where is None else frame.where(where)

    def partitions(self) -> list[date]:
        """The partitions that have rows, in order.

        Read from Delta's log, which takes milliseconds; a query takes seconds.

        Raises:
            UpdraftError: the table does not exist yet.
        """
        self._check_exists()
        partitions = self._log().partitions()
        return sorted(date.fromisoformat(partition[EVENT_DATE]) for partition in partitions)

    @contextmanager
    def hold(self, spark: SparkSession) -> Iterator["HeldTable"]:
        """Hold the writer's lock: one writer at a time.

        On a local disk, Delta's log alone does not keep two processes apart. The lock belongs to
        the JVM, which is the process that commits: when its task is killed, the lock lives exactly
        as long as the orphaned JVM can write. On an object store nothing is locked, because the
        store itself keeps writers apart.

        Raises:
            UpdraftError: another writer has held the lock for ``LOCK_SECONDS``.
        """
        is_local = self.location.is_local
        lock = _jvm_file_lock(spark, self.location.local) if is_local else nullcontext()
        with lock:
            held = _HeldTable(self)
            try:
                yield held
            finally:
                held.is_held = False

    def _log(self) -> DeltaTable:
        location = self.location
        return DeltaTable(location.deltalake, storage_options=location.storage_options)

    def _check_exists(self) -> None:
        if not self.exists:
            raise UpdraftError(
                f"table {self.location}: not found. "
                f"Run {self.use_case.name}_data first, for at least one partition with rows."
            )


class HeldTable(Protocol):
    """A table whose writer's lock is held. Only ``Table.hold`` yields one, and only it writes."""

    def replace(self, frame: DataFrame, where: str, note: Note | None = None) -> None:
        """Replace exactly the rows that match ``where`` with ``frame``, in one Delta commit.

        All rows of ``frame`` must match ``where``, a condition on ``event_date`` and
        ``event_time`` as ``Interval.predicate`` and ``on_days`` give it. ``note``: what the commit
        says of itself.

        Raises:
            UpdraftError: the table has other columns.
        """
        ...

    def rewrite(self, frame: DataFrame, note: Note | None = None) -> None:
        """Replace all rows and the columns with those of ``frame``, in one Delta commit.

        The table keeps its identity, and its older versions can still be read.
        """
        ...


@dataclass
class _HeldTable:
    table: Table
    is_held: bool = True

    def replace(self, frame: DataFrame, where: str, note: Note | None = None) -> None:
        rows = self._by_partition(frame)
        writer = self._writer(rows, note)
        if self.table.exists and self._check_columns(rows):
            writer = writer.option("mergeSchema", True)
        writer.option("replaceWhere", where).save(self.table.location.spark)

    def rewrite(self, frame: DataFrame, note: Note | None = None) -> None:
        writer = self._writer(self._by_partition(frame), note)
        writer.option("overwriteSchema", True).save(self.table.location.spark)

    def _by_partition(self, frame: DataFrame) -> DataFrame:
        """One file for each partition, whether it is written alone or as part of a range."""
        dated = frame.withColumn(EVENT_DATE, event_date(self.table.use_case.unit))
        return dated.repartition(EVENT_DATE)

    def _writer(self, rows: DataFrame, note: Note | None) -> DataFrameWriter:
        if not self.is_held:
            raise RuntimeError(f"table {self.table.location}: its lock has been released")
        writer = rows.write.format("delta").mode("overwrite").partitionBy(EVENT_DATE)
        if not self.table.exists:
            writer = writer.options(**RETENTION.get(self.table.name, {}))
            if any(set(name) & NOT_IN_PARQUET for name in rows.columns):
                writer = writer.option("delta.columnMapping.mode", "name")
        return writer if note is None else writer.option("userMetadata", note.model_dump_json())

    def _check_columns(self, rows: DataFrame) -> bool:
        """Refuse other columns: Delta would add a new one, and fill a missing one with nulls.

        Returns whether there are new columns that the table may gain.
        """
        old = dict(self.table.read(rows.sparkSession).dtypes)
        new = dict(rows.dtypes)
        missing = [f"{name} ({old[name]}) is missing" for name in old if name not in new]
        added = [f"{name} ({new[name]}) is new" for name in new if name not in old]
        changed = [
            f"{name} is {new[name]}, in the table {old[name]}"
            for name in old
            if name in new and new[name] != old[name]
        ]
        may_grow = self.table.name in GROWING
        if missing or changed or (added and not may_grow):
            raise UpdraftError(
                f"table {self.table.location}: its columns are not those of the new rows: "
                f"{'; '.join([*missing, *added, *changed])}. "
                "Nothing was written. "
                f"{self._way_to_other_columns()}"
            )
        return bool(added)

    def _way_to_other_columns(self) -> str:
        name = self.table.use_case.name
        rebuilt = {QUARANTINE: CLEAN}.get(self.table.name, self.table.name)
        if rebuilt in (CLEAN, FEATURES):
            return f"After a change of the use case, run `updraft rebuild {name} {rebuilt}`."
        return (
            "If a column has gone, declare it as optional. For a wholly different source, make "
            "another use case."
        )


def partitions_of(frame: DataFrame) -> list[date]:
    """The partitions of which a frame has rows, in order."""
    rows = frame.select(EVENT_DATE).distinct().orderBy(EVENT_DATE).collect()
    return [row[EVENT_DATE] for row in rows]


def event_date(unit: Unit | None) -> Column:
    """The partition column: the day of the event time, or the first day of its month."""
    time = F.col(EVENT_TIME)
    if unit == "month":
        time = F.date_trunc("month", time)
    return F.to_date(time)


@contextmanager
def _jvm_file_lock(spark: SparkSession, table: Path) -> Iterator[None]:
    """Lock the file next to a table's folder, inside Spark's JVM."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    table.parent.mkdir(parents=True, exist_ok=True)
    file = jvm.java.io.RandomAccessFile(f"{table}.lock", "rw")
    try:
        lock = _acquire(file.getChannel(), table)
        try:
            yield
        finally:
            lock.release()
    finally:
        file.close()


def _acquire(channel: Any, table: Path) -> Any:
    lock = _try_lock(channel)
    if lock is None:
        logger.info("waiting for another writer of %s", table)
        lock = wait_for(lambda: _try_lock(channel), seconds=LOCK_SECONDS, every=LOCK_POLL_SECONDS)
    if lock is None:
        raise UpdraftError(
            f"table {table}: another writer has held {table}.lock for {LOCK_SECONDS} s. "
            "Expected it to finish. Find the process (fuser names it), let it end or end it, "
            "then clear this task."
        )
    return lock


def _try_lock(channel: Any) -> Any:
    """The lock, or None while another process or another thread of this JVM holds it."""
    try:
        return channel.tryLock()
    except Py4JJavaError as error:
        if "OverlappingFileLockException" not in str(error):  # Another thread of this JVM.
            raise
        return None
