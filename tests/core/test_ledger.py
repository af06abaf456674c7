"""Who is champion by the ledger: after promotions, rollbacks, and events without effect."""

from datetime import UTC, datetime, timedelta

from updraft.core.ledger import Entry, Event, champion_history, key_of, last_change

START = datetime(2013, 3, 8, tzinfo=UTC)


def ledger(*events: tuple[Event, int | None]) -> list[Entry]:
    """Entries of these events, each with the champion after it."""
    entries: list[Entry] = []
    before = None
    for number, (event, after) in enumerate(events):
        entries.append(
            Entry(
                number=number,
                key=str(number),
                time=START + timedelta(hours=number),
                event=event,
                version=after or 0,
                from_version=before,
                to_version=after,
                by="test",
                reasons=[],
                evidence=None,
                run_id=None,
                features_version=None,
                code="code",
            )
        )
        before = after
    return entries


def test_only_promotions_rollbacks_and_adoptions_make_a_champion() -> None:
    assert last_change([]) is None
    assert last_change(ledger(("refused", None), ("approved", None))) is None
    entries = ledger(
        ("adopted", 1), ("approved", 1), ("promoted", 2), ("refused", 2), ("restored", 2)
    )
    assert last_change(entries) is entries[2]
    assert champion_history(entries) == [1, 2]


def test_a_rollback_goes_to_earlier_versions() -> None:
    """Two rollbacks from 3 lead to 1, not to 3."""
    entries = ledger(("promoted", 1), ("promoted", 2), ("promoted", 3), ("rolled back", 2))
    assert champion_history(entries) == [1, 2]
    assert champion_history([*entries, *ledger(("rolled back", 1))]) == [1]
    # By its number, a later version can be chosen as well.
    forward = [*entries, *ledger(("rolled back", 3))]
    assert champion_history(forward) == [1, 2, 3]
    assert champion_history([*forward, *ledger(("promoted", 4))]) == [1, 2, 3, 4]


def test_a_rollback_to_nobody_lets_a_use_case_begin_anew() -> None:
    entries = ledger(("promoted", 1), ("promoted", 2), ("rolled back", None))
    assert champion_history(entries) == []
    change = last_change(entries)
    assert change is not None
    assert change.to_version is None
    assert champion_history([*entries, *ledger(("promoted", 3))]) == [3]


def test_the_same_decision_has_the_same_key() -> None:
    assert key_of("promoted", 1, None) == key_of("promoted", 1, None)
    assert (
        len({key_of("promoted", 1, None), key_of("promoted", 1, 2), key_of("approved", 1, None)})
        == 3
    )
