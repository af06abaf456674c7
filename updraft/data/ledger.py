"""The ledger: a Delta table to which entries are added, and from which none is ever taken. It needs no Spark."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import DeltaError
from filelock import FileLock, Timeout

from updraft.core.errors import UpdraftError
from updraft.core.ledger import TABLE, Entry
from updraft.core.use_case import UseCase
from updraft.data.tables import LOCK_SECONDS, table_path

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
    }
)
# Neither checkpoints, which could fail after the commit, nor an end to the history.
NO_HOOKS = PostCommitHookProperties(create_checkpoint=False, cleanup_expired_logs=False)
APPEND_ONLY = {"delta.appendOnly": "true"}  # Delta itself refuses to change or delete rows of such a table.


@dataclass(frozen=True)
class Ledger:
    """The ledger of a use case. Who decides holds it from the reading to the writing."""

    use_case: UseCase

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from deciding meanwhile.

        The lock lives as long as this process, which is the one that commits. At a URI nothing is locked: there ``add``
        refuses to write behind an entry that has come between.

        Raises:
            UpdraftError: another process has held it for too long.
        """
        if "://" in self._path:
            yield
            return
        Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self._path}.lock", fallback_to_soft=False)
        try:
            lock.acquire(blocking=False)
        except Timeout:
            print(f"waiting for another decision in {self._path}")
            self._wait(lock)
        try:
            yield
        finally:
            lock.release()

    def _wait(self, lock: FileLock) -> None:
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise UpdraftError(
                f"table {self._path}: another process has held {lock.lock_file} for {LOCK_SECONDS} s. "
                "Expected it to decide. Find the process (fuser names it), let it end or end it, then clear this task."
            ) from None

    def entries(self) -> list[Entry]:
        """All of them, in order."""
        if not DeltaTable.is_deltatable(self._path):
            return []
        return [Entry(**row) for row in DeltaTable(self._path).to_pyarrow_table().sort_by("number").to_pylist()]

    def add(self, entry: Entry, after: list[Entry]) -> None:
        """Write an entry behind those ``after`` which it was decided: all that there are.

        Raises:
            UpdraftError: another entry has come between, where no lock keeps it away. Nothing was written.
        """
        number = len(after)
        rows = pa.Table.from_pylist([entry._replace(number=number)._asdict()], SCHEMA)
        # Of two commits at once Delta refuses one; a retry would write it behind an entry that nobody here has seen.
        once = CommitProperties(max_commit_retries=0)
        how: dict[str, Any] = {"commit_properties": once, "post_commithook_properties": NO_HOOKS}
        try:
            if not after:
                write_deltalake(self._path, rows, mode="error", configuration=APPEND_ONLY, **how)
                return
            table = DeltaTable(self._path)
            if table.to_pyarrow_table(columns=["number"]).num_rows == number:
                write_deltalake(table, rows, mode="append", **how)
                return
            found = "another entry has come between"
        except DeltaError as error:
            found = str(error)
        raise UpdraftError(
            f"table {self._path}: the entry {entry.event!r} of version {entry.version} was not written: {found}. "
            f"Expected the {number} entries on which it was decided. Clear this task: it decides anew."
        )

    @property
    def _path(self) -> str:
        return table_path(self.use_case.name, TABLE)
