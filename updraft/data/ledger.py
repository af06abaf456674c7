"""The ledger as a Delta table: entries are added and never removed. It starts no Spark."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from updraft.core.ledger import Entry, HeldLedger
from updraft.core.schema import LEDGER
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data.append_only import AppendOnlyTable, HeldRows

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


@dataclass(frozen=True)
class DeltaLedger:
    """The ledger of a use case. A decision holds it from reading the entries to adding its own."""

    use_case: UseCase

    @property
    def table(self) -> AppendOnlyTable:
        return AppendOnlyTable(settings().table(self.use_case.name, LEDGER), SCHEMA)

    def entries(self) -> list[Entry]:
        """All entries, in order."""
        rows = sorted(self.table.rows(), key=lambda row: int(row["number"]))
        return [Entry(**row) for row in rows]

    @contextmanager
    def hold(self) -> Iterator[HeldLedger]:
        """Hold the ledger's lock: one decision at a time. See ``AppendOnlyTable.hold``."""
        with self.table.hold() as rows:
            yield _HeldLedger(self, rows)


@dataclass
class _HeldLedger:
    """A ledger whose lock is held. ``DeltaLedger.hold`` makes it; only its holder adds entries."""

    ledger: DeltaLedger
    rows: HeldRows

    def entries(self) -> list[Entry]:
        """All entries, in order."""
        return self.ledger.entries()

    def add(self, entry: Entry, after: list[Entry]) -> None:
        """Add an entry behind ``after``, the complete ledger that its decision was based on.

        Raises:
            UpdraftError: another entry was added since then, which is possible only where nothing
                is locked. Nothing was written.
        """
        number = len(after)
        what = f"the entry {entry.event!r} of version {entry.version}"
        self.rows.add([entry._replace(number=number)._asdict()], after=number, what=what)
