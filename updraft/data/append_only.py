"""Delta tables to which rows are added and never removed, written without Spark."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import DeltaError
from filelock import FileLock, Timeout

from updraft.core.errors import UpdraftError
from updraft.core.locations import Location
from updraft.data.tables import LOCK_SECONDS

# Nothing happens after a commit, since it could fail then, and nothing cleans up the history.
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
# From as many files on, a table is compacted: each commit adds one, and all of them are read.
MANY_FILES = 100
# Delta itself refuses to change or delete rows of such a table.
APPEND_ONLY = {"delta.appendOnly": "true"}
# Delta refuses one of two commits at the same time. A retry would write it behind rows that its
# decision does not know.
OPTIONS: dict[str, Any] = {
    "commit_properties": CommitProperties(max_commit_retries=0),
    "post_commithook_properties": NO_HOOKS,
}
Row = dict[str, Any]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AppendOnlyTable:
    """A table of decisions. Who decides holds it from reading its rows to adding new ones.

    ``schema``: its columns. An older table gains those that it lacks with the next row.
    """

    location: Location
    schema: pa.Schema

    def rows(self) -> list[Row]:
        """All rows, in any order; none before the first is added."""
        path = self.location.deltalake
        options = self.location.storage_options
        if not DeltaTable.is_deltatable(path, options):
            return []
        rows: list[Row] = DeltaTable(path, storage_options=options).to_pyarrow_table().to_pylist()
        return rows

    @contextmanager
    def hold(self) -> "Iterator[HeldRows]":
        """Hold the table's lock: one decision at a time.

        The lock lives as long as this process, which is the one that commits. On an object store
        nothing is locked; there, ``add`` refuses rows if others have been added since the decision.

        Raises:
            UpdraftError: another process has held the lock for ``LOCK_SECONDS``.
        """
        with self._file_lock() if self.location.is_local else nullcontext():
            held = HeldRows(self)
            try:
                yield held
            finally:
                held.is_held = False

    @contextmanager
    def _file_lock(self) -> Iterator[None]:
        path = self.location.local
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{path}.lock", fallback_to_soft=False)
        self._acquire(lock)
        try:
            yield
        finally:
            lock.release()

    def _acquire(self, lock: FileLock) -> None:
        try:
            lock.acquire(blocking=False)
            return
        except Timeout:
            logger.info("waiting for another decision in %s", self.location)
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise UpdraftError(
                f"table {self.location}: another process has held {lock.lock_file} "
                f"for {LOCK_SECONDS} s. Expected it to decide. "
                "Find the process (fuser names it), let it end or end it, then clear this task."
            ) from None


@dataclass
class HeldRows:
    """A table whose lock is held. ``AppendOnlyTable.hold`` makes it; only its holder adds rows."""

    table: AppendOnlyTable
    is_held: bool = True

    def add(self, rows: Sequence[Row], after: int, what: str) -> None:
        """Add rows in one commit: all of them or none.

        Args:
            rows: The new rows, at least one.
            after: The number of rows on which the decision was based: all that there were.
            what: The new rows in words, for errors.

        Raises:
            UpdraftError: other rows were added since then, which is possible only where nothing is
                locked. Nothing was written.
        """
        location = self.table.location
        if not self.is_held:
            raise RuntimeError(f"table {location}: its lock has been released")
        new_rows = pa.Table.from_pylist(list(rows), self.table.schema)
        try:
            if not after:
                write_deltalake(
                    location.deltalake,
                    new_rows,
                    mode="error",
                    configuration=APPEND_ONLY,
                    storage_options=location.storage_options,
                    **OPTIONS,
                )
                return
            table = DeltaTable(location.deltalake, storage_options=location.storage_options)
            if table.count() == after:
                _compact(table)
                write_deltalake(table, new_rows, mode="append", schema_mode="merge", **OPTIONS)
                return
            reason = "others were added in the meantime"
        except DeltaError as error:
            reason = str(error)
        raise UpdraftError(
            f"table {location}: {what} was not written: {reason}. Expected the {after} rows on "
            "which it was decided. Clear this task: it decides anew."
        )


def _compact(table: DeltaTable) -> None:
    """Bring the rows of many files into one, and the log of many commits, too."""
    if len(table.file_uris()) >= MANY_FILES:
        table.optimize.compact(**OPTIONS)
        table.create_checkpoint()
