"""What commits say of themselves decides which rows are the audit of which: pure, by tables."""

from datetime import UTC, datetime, timedelta

import pytest

from updraft.core.interval import Span
from updraft.data.lineage import (
    Commit,
    Input,
    Note,
    changed_since,
    is_made_from,
    last_changes,
    read_commit,
)

DAYS = [
    Span(start, start + timedelta(days=1))
    for start in (datetime(2024, 1, day, tzinfo=UTC) for day in range(1, 5))
]


def commit(version: int, *days: int, source: int | None = None, table_id: str = "b") -> Commit:
    inputs = [] if source is None else [Input(table="bronze", id=table_id, version=source)]
    spans = [tuple(DAYS[day - 1]) for day in days]
    note = Note(spans=spans, inputs=inputs, run="reports/a/b/c.json")  # type: ignore[arg-type]
    entry = {"version": version, "operation": "WRITE", "timestamp": 0}
    return read_commit({**entry, "userMetadata": note.model_dump_json()})


def commit_of_others(version: int, operation: str) -> Commit:
    return read_commit({"version": version, "operation": operation, "timestamp": 0})


def audited(bronze: list[Commit], clean: list[Commit]) -> list[int]:
    """The days whose clean rows are the audit of the present raw rows."""
    newest = max((commit.version for commit in bronze), default=0)
    present = Input(table="bronze", id="b", version=newest)
    changes = last_changes(bronze, DAYS)
    audits = last_changes(clean, DAYS)
    return [
        number
        for number, day in enumerate(DAYS, start=1)
        if is_made_from(audits.get(day), changes.get(day), present)
    ]


@pytest.mark.parametrize(
    ("bronze", "clean", "expected"),
    [
        ([], [], [1, 2, 3, 4]),
        ([commit(0, 1, 2)], [], [3, 4]),
        ([commit(0, 1, 2)], [commit(0, 1, 2, source=0)], [1, 2, 3, 4]),
        # A corrected day, with as many rows, that no audit has passed.
        ([commit(0, 1, 2), commit(1, 2)], [commit(0, 1, 2, source=0)], [1, 3, 4]),
        # Day by day: the audit of a day says nothing of another.
        ([commit(0, 1), commit(1, 2)], [commit(0, 1, source=1)], [1, 3, 4]),
        (
            [commit(0, 1), commit(1, 2)],
            [commit(0, 1, source=0), commit(1, 2, source=1)],
            [1, 2, 3, 4],
        ),
        # The table was deleted and written anew: its version numbers begin again.
        ([commit(0, 1)], [commit(0, 1, source=5, table_id="deleted")], [2, 3, 4]),
        # The table was put back from an older copy, with its id.
        ([commit(0, 1), commit(1, 2)], [commit(0, 1, 2, source=5)], [3, 4]),
        # What nobody knows is not fine.
        ([commit(0, 1)], [commit_of_others(0, "WRITE")], [2, 3, 4]),
        ([commit(0, 1), commit_of_others(1, "DELETE")], [commit(0, 1, source=0)], []),
        ([commit(0, 1)], [commit(0, 1)], [2, 3, 4]),
        # What changes no row changes nothing.
        ([commit(0, 1), commit_of_others(1, "OPTIMIZE")], [commit(0, 1, source=0)], [1, 2, 3, 4]),
        (
            [commit(0, 1)],
            [commit(0, 1, source=0), commit_of_others(1, "VACUUM END")],
            [1, 2, 3, 4],
        ),
    ],
)
def test_clean_rows_are_the_audit_of_the_present_raw_rows(
    bronze: list[Commit], clean: list[Commit], expected: list[int]
) -> None:
    """(08.8, 08.9)"""
    assert audited(bronze, clean) == expected
    assert audited(bronze[::-1], clean[::-1]) == expected, "Delta gives the newest commit first"


def test_a_span_that_is_no_partition_touches_all_that_it_overlaps() -> None:
    """(08.8) After a change of schedule.partition, older commits speak of other partitions."""
    month = Note(spans=[(DAYS[0].start, DAYS[2].end)], run="r")
    changes = last_changes([Commit(7, "WRITE", DAYS[3].end, month)], DAYS)
    assert sorted(changes) == DAYS[:3]


def test_a_later_commit_to_a_partition_is_a_change() -> None:
    """(08.7) And one to another partition is none."""
    commits = [commit(0, 1, 2), commit(1, 3)]
    source = Input(table="bronze", id="b", version=0)
    assert not changed_since(commits, source, DAYS[:2])
    assert changed_since(commits, source, DAYS[2:3])
    assert changed_since([*commits, commit(2, 2)], source, DAYS[:2])


def test_the_note_of_another_program_is_none() -> None:
    entry = {"version": 1, "operation": "WRITE", "timestamp": 0}
    for text in ("nightly load", '{"run": 3}'):
        assert read_commit({**entry, "userMetadata": text}).note is None
