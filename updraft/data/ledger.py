"""The ledger as a Delta table: entries are added and never removed. It starts no Spark."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import DeltaError
from filelock import FileLock, Timeout

from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry, HeldLedger
from updraft.core.locations import Location
from updraft.core.schema import LEDGER
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data.tables import LOCK_SECONDS

SCHEMA = pa.schema(
    {
        "number": pa.int32(),
        "key": pa.string(),
        "time": pa.timestamp("us", "UTC"),
        "event": pa.string(),
        "version": pa.int32(),
        "from_version": pa.int32(),
        "to_version": pa.int32(),
        "by": pa.string(),
        "reasons": pa.list_(pa.string()),
        "evidence": pa.string(),
        "run_id": pa.string(),
        "features_version": pa.int64(),
        "code": pa.string(),
        "model": pa.string(),
        "holdout_first": pa.date32(),
        "holdout_last": pa.date32(),
        "holds": pa.bool_(),
        "policy": pa.string(),
        "use_case": pa.string(),
        "suites": pa.string(),
    }
)
# No checkpoints, which could fail after the commit, and no clean-up of the history.
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
# Delta itself refuses to change or delete rows of such a table.
APPEND_ONLY = {"delta.appendOnly": "true"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeltaLedger:
    """The ledger of a use case. A decision holds it from reading the entries to adding its own."""

    use_case: UseCase

    @property
    def location(self) -> Location:
        return settings().table(self.use_case.name, LEDGER)

    def entries(self) -> list[Entry]:
        """All entries, in order."""
        table = self._table()
        if table is None:
            return []
        rows = table.to_pyarrow_table().sort_by("number").to_pylist()
        return [Entry(**row) for row in rows]

    def _table(self) -> DeltaTable | None:
        """The table as it is now; None before the first entry."""
        path = self.location.deltalake
        options = self.location.storage_options
        if not DeltaTable.is_deltatable(path, options):
            return None
        return DeltaTable(path, storage_options=options)

    @contextmanager
    def hold(self) -> Iterator[HeldLedger]:
        """Hold the ledger's lock: one decision at a time.

        The lock lives as long as this process, which is the one that commits. On an object store
        nothing is locked; there, ``add`` refuses an entry if another one has been added since the
        decision.

        Raises:
            UpdraftError: another process has held the lock for ``LOCK_SECONDS``.
        """
        with self._file_lock() if self.location.is_local else nullcontext():
            held = _HeldLedger(self)
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
class _HeldLedger:
    """A ledger whose lock is held. ``DeltaLedger.hold`` makes it; only its holder adds entries."""

    ledger: DeltaLedger
    is_held: bool = True

    def entries(self) -> list[Entry]:
        """All entries, in order."""
        return self.ledger.entries()

    def add(self, entry: Entry, after: list[Entry]) -> None:
        """Add an entry behind ``after``, the complete ledger that its decision was based on.

        Raises:
            UpdraftError: another entry was added since then, which is possible only where nothing
                is locked. Nothing was written.
        """
        if not self.is_held:
            raise RuntimeError(f"table {self.ledger.location}: its lock has been released")
        number = len(after)
        rows = pa.Table.from_pylist([entry._replace(number=number)._asdict()], SCHEMA)
        # Delta refuses one of two commits at the same time. A retry would write it behind an entry
        # that its decision does not know.
        options: dict[str, Any] = {
            "commit_properties": CommitProperties(max_commit_retries=0),
            "post_commithook_properties": NO_HOOKS,
        }
        location = self.ledger.location
        try:
            if not after:
                write_deltalake(
                    location.deltalake,
                    rows,
                    mode="error",
                    configuration=APPEND_ONLY,
                    storage_options=location.storage_options,
                    **options,
                )
                return
            table = DeltaTable(location.deltalake, storage_options=location.storage_options)
            if table.to_pyarrow_table(columns=["number"]).num_rows == number:
                # An older ledger gains the columns that entries have had since.
                write_deltalake(table, rows, mode="append", schema_mode="merge", **options)
                return
            reason = "another entry was added in the meantime"
        except DeltaError as error:
            reason = str(error)
        raise UpdraftError(
            f"table {location}: the entry {entry.event!r} of version {entry.version} "
            f"was not written: {reason}. Expected the {number} entries on which it was decided. "
            "Clear this task: it decides anew."
        )
