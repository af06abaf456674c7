"""A decision that was carried out is not taken again."""

from datetime import UTC, datetime

import pytest

from updraft.core.ledger import Entry, Event
from updraft.decisions.promotion import promotion_of


def entries(*events: tuple[Event, int, str]) -> list[Entry]:
    return [
        Entry(
            number=number,
            key=str(number),
            time=datetime.now(UTC),
            event=event,
            version=version,
            from_version=None,
            to_version=version if event == "promoted" else None,
            by="test",
            reasons=[],
            evidence="e",
            run_id=run_id,
            features_version=1,
            code="c",
        )
        for number, (event, version, run_id) in enumerate(events)
    ]


APPROVED: list[tuple[Event, int, str]] = [
    ("trained", 1, "a"),
    ("approved", 1, "a"),
    ("promoted", 1, "a"),
]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (APPROVED, 1),
        ([*APPROVED, ("trained", 2, "b"), ("approved", 2, "b"), ("promoted", 2, "b")], 1),
        ([*APPROVED, ("refused", 1, "a")], 1),
        (APPROVED[:2], None),
        ([("trained", 1, "a"), ("refused", 1, "a")], None),
        ([("trained", 1, "x"), ("approved", 1, "x"), ("promoted", 1, "x")], None),
        ([], None),
    ],
)
def test_a_cleared_gate_returns_the_approval_that_was_carried_out(
    events: list[tuple[Event, int, str]], expected: int | None
) -> None:
    """(08.34) Also after another model has become champion; only for the run that trained it."""
    approval = promotion_of(entries(*events), 1, "a")
    assert (approval.number if approval else None) == expected
