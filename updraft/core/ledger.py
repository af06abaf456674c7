"""The ledger's entries, and what follows from them: who is champion, who was at a time, whom a rollback returns to."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

Event = Literal["refused", "approved", "promoted", "rolled back", "adopted", "restored"]
TABLE = "ledger"
NOBODY = 0  # In place of a version: a rollback to no champion at all.
# After these another version is champion; the rest decide or mend, and leave the champion as it was.
CHANGES: tuple[Event, ...] = ("promoted", "rolled back", "adopted")


class Entry(NamedTuple):
    """One decision, as it is kept for ever. ``number``: its place, by which entries are in order whatever the clocks say.

    ``version``: the one that it is about, ``run_id`` its training run in MLflow, whose numbers begin anew when it is lost.
    ``from_version`` and ``to_version``: the champion before and after, none where there is none. ``by``: the DAG run or the
    person. ``evidence``: its hash. ``features_version`` and ``code``: those that the decision rests on. ``key``: the same for
    the same decision, however often it is taken.
    """

    number: int
    key: str
    time: datetime
    event: Event
    version: int
    from_version: int | None
    to_version: int | None
    by: str
    reasons: list[str]
    evidence: str | None
    run_id: str | None
    features_version: int | None
    code: str


def key_of(*parts: object) -> str:
    """A short name for a decision: the same parts, the same name."""
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


def last_change(entries: Sequence[Entry]) -> Entry | None:
    """The entry that has made the champion, of those in order; none before the first."""
    return next((entry for entry in reversed(entries) if entry.event in CHANGES), None)


def champions(entries: Sequence[Entry]) -> list[int]:
    """The champion and those before it, the oldest first. A rollback takes away those after the version it returns to."""
    found: list[int] = []
    for entry in entries:
        if entry.event not in CHANGES:
            continue
        if entry.to_version is None:
            found.clear()
            continue
        if entry.event == "rolled back" and entry.to_version in found:
            del found[found.index(entry.to_version) + 1 :]
        elif not found or found[-1] != entry.to_version:
            found.append(entry.to_version)
    return found
