"""Which commit of a table was made from which version of another: what commits say of themselves.

Each commit to bronze, clean, quarantine and features carries a note, as Delta's user metadata. So
it is known whether the clean rows of a partition are the audit of its present raw rows, and its
features the result of its present clean rows, whatever has been run, killed or marked since.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from updraft.core.interval import Span

# Commits that change no row. All others without a note may have changed any row.
WITHOUT_CHANGES = {
    "OPTIMIZE",
    "VACUUM START",
    "VACUUM END",
    "SET TBLPROPERTIES",
    "UNSET TBLPROPERTIES",
    "ADD COLUMNS",
    "UPGRADE PROTOCOL",
    "ADD FEATURE",
    "FSCK",
}


class Input(BaseModel):
    """A version of a table that rows were made from; version numbers are only those of its id."""

    model_config = ConfigDict(frozen=True)

    table: str
    id: str
    version: int


class Note(BaseModel):
    """What a commit says of itself.

    Attributes:
        spans: The intervals of event time whose rows it replaced.
        inputs: What the new rows were made from.
        run: The report of the job that made the commit, which names its DAG run.
        suites: The hash of the suites that the rows were checked against, if any.
        files: ``file_state`` of each raw file that was read, by name, if the names say a day.
        late: The first and last of days (or months) of which the raw files have other numbers of
            rows than bronze, outside the partitions that were replaced.
    """

    model_config = ConfigDict(frozen=True)

    spans: list[tuple[AwareDatetime, AwareDatetime]]
    inputs: list[Input] = []
    run: str
    suites: str | None = None
    files: dict[str, str] = {}
    late: list[tuple[date, date]] = []

    def input_of(self, table: str) -> Input | None:
        for source in self.inputs:
            if source.table == table:
                return source
        return None


class Commit(NamedTuple):
    """A commit of a table. ``note``: None if it was not made by a job."""

    version: int
    operation: str
    time: datetime
    note: Note | None


def read_commit(entry: Mapping[str, Any]) -> Commit:
    """A commit from an entry of Delta's history."""
    text = entry.get("userMetadata")
    try:
        note = Note.model_validate_json(text) if text else None
    except ValidationError:  # The note of another program.
        note = None
    time = datetime.fromtimestamp(entry["timestamp"] / 1000, UTC)
    return Commit(entry["version"], entry.get("operation", ""), time, note)


def last_changes(commits: Iterable[Commit], partitions: Sequence[Span]) -> dict[Span, Commit]:
    """The newest commit that may have changed rows of each partition; none if there is no key."""
    known = set(partitions)
    changes: dict[Span, Commit] = {}
    for commit in sorted(commits, key=lambda commit: commit.version):
        if commit.note is None:
            if commit.operation not in WITHOUT_CHANGES:
                changes.update(dict.fromkeys(partitions, commit))
            continue
        for start, end in commit.note.spans:
            span = Span(start, end)
            # Usually a partition; it is not if the schedule's unit has been changed.
            touched = [span] if span in known else [own for own in partitions if own.overlaps(span)]
            changes.update(dict.fromkeys(touched, commit))
    return changes


def is_made_from(made: Commit | None, change: Commit | None, present: Input) -> bool:
    """Whether rows were made from the present rows of their input. What is not known is no.

    ``made``: the newest commit that wrote the rows. ``change``: the newest commit that changed the
    rows of the input that they depend on. ``present``: the input as it is now.
    """
    if change is None:
        return True  # There never was anything to make them from.
    if made is None or made.note is None:
        return False
    source = made.note.input_of(present.table)
    # A version that is yet to come is that of a table which was put back from a copy.
    return (
        source is not None
        and source.id == present.id
        and change.version <= source.version <= present.version
    )


def changed_since(commits: Iterable[Commit], source: Input, partitions: Sequence[Span]) -> bool:
    """Whether rows of some partitions may have changed since a version of their table was read."""
    changes = last_changes(commits, partitions)
    return any(commit.version > source.version for commit in changes.values())
