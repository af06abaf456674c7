"""Who is champion by the ledger: after promotions, rollbacks and what changes nothing."""

from datetime import UTC, datetime, timedelta

from updraft.core.ledger import Entry, Event, champions, key_of, last_change

START = datetime(2013, 3, 8, tzinfo=UTC)


def ledger(*events: tuple[Event, int | None]) -> list[Entry]:
    """Entries of these events, each with the champion after it."""
    found: list[Entry] = []
    before = None
    for n, (event, after) in enumerate(events):
        time = START + timedelta(hours=n)
        found.append(Entry(n, str(n), time, event, after or 0, before, after, "test", [], None, None, None, "code"))
        before = after
    return found


def test_only_promotions_rollbacks_and_adoptions_make_a_champion() -> None:
    assert last_change([]) is None
    assert last_change(ledger(("refused", None), ("approved", None))) is None
    entries = ledger(("adopted", 1), ("approved", 1), ("promoted", 2), ("refused", 2), ("restored", 2))
    found = last_change(entries)
    assert found is entries[2]
    assert champions(entries) == [1, 2]


def test_a_rollback_goes_back_and_not_forth() -> None:
    """Twice back from 3 leads to 1, and not to 3 again."""
    entries = ledger(("promoted", 1), ("promoted", 2), ("promoted", 3), ("rolled back", 2))
    assert champions(entries) == [1, 2]
    assert champions([*entries, *ledger(("rolled back", 1))]) == [1]
    forth = [*entries, *ledger(("rolled back", 3))]  # By its number, one may go forth as well.
    assert champions(forth) == [1, 2, 3]
    assert champions([*forth, *ledger(("promoted", 4))]) == [1, 2, 3, 4]


def test_a_rollback_to_nobody_lets_a_use_case_begin_anew() -> None:
    entries = ledger(("promoted", 1), ("promoted", 2), ("rolled back", None))
    assert champions(entries) == []
    found = last_change(entries)
    assert found is not None
    assert found.to_version is None
    assert champions([*entries, *ledger(("promoted", 3))]) == [3]


def test_the_same_decision_has_the_same_key() -> None:
    assert key_of("promoted", 1, None) == key_of("promoted", 1, None)
    assert len({key_of("promoted", 1, None), key_of("promoted", 1, 2), key_of("approved", 1, None)}) == 3
