"""The table ``triggers``: what monitoring has decided, kept for ever. It starts no Spark."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from updraft.core.ledger import key_of
from updraft.core.schema import TRIGGERS
from updraft.core.settings import settings
from updraft.core.triggers import Trigger
from updraft.core.use_case import UseCase
from updraft.data.append_only import AppendOnlyTable, HeldRows

SCHEMA = pa.schema(
    {
        "key": pa.string(),
        "time": pa.timestamp("us", "UTC"),
        "day": pa.date32(),
        "by": pa.string(),
        "champion": pa.int32(),
        "run_id": pa.string(),
        "drifted": pa.bool_(),
        "decayed": pa.bool_(),
        "cause": pa.string(),
        "columns": pa.list_(pa.string()),
        "action": pa.string(),
        "reasons": pa.list_(pa.string()),
        "replayed": pa.bool_(),
    }
)


def with_key(trigger: Trigger) -> Trigger:
    """The decision with its key: equal for decisions that are equal in all but their time."""
    values = trigger._replace(key="")._asdict()
    del values["time"]
    return trigger._replace(key=key_of(*values.values()))


@dataclass(frozen=True)
class Triggers:
    """The decisions of a use case's monitoring.

    Monitoring holds them from reading the earlier ones to adding its own, so that no two runs
    start a training because neither knows of the other.
    """

    use_case: UseCase

    @property
    def table(self) -> AppendOnlyTable:
        return AppendOnlyTable(settings().table(self.use_case.name, TRIGGERS), SCHEMA)

    def all(self) -> list[Trigger]:
        """All decisions, in the order in which they were taken."""
        triggers = [Trigger(**row) for row in self.table.rows()]
        return sorted(triggers, key=lambda trigger: (trigger.time, trigger.day))

    @contextmanager
    def hold(self) -> "Iterator[HeldTriggers]":
        """Hold the table's lock: one decision at a time. See ``AppendOnlyTable.hold``."""
        with self.table.hold() as rows:
            yield HeldTriggers(self, rows)


@dataclass
class HeldTriggers:
    """The table whose lock is held. ``Triggers.hold`` makes it; only its holder adds decisions."""

    triggers: Triggers
    rows: HeldRows

    def all(self) -> list[Trigger]:
        """All decisions, in the order in which they were taken."""
        return self.triggers.all()

    def add(self, decisions: Sequence[Trigger], after: Sequence[Trigger]) -> None:
        """Add decisions in one commit, but for those that are there already.

        Args:
            decisions: The new ones. Their keys are replaced by ``with_key``.
            after: All decisions that they were based on.

        Raises:
            UpdraftError: others were added since then, which is possible only where nothing is
                locked. Nothing was written.
        """
        written = {trigger.key for trigger in after}
        keyed = [with_key(trigger) for trigger in decisions]
        new = [trigger._asdict() for trigger in keyed if trigger.key not in written]
        if new:
            what = f"the decision on {decisions[-1].day}"
            self.rows.add(new, after=len(after), what=what)
