"""Who is champion by the ledger: after promotions, rollbacks, and events without effect."""

from datetime import UTC, datetime, timedelta

import pytest

from updraft.core.ledger import (
    Entry,
    Event,
    barred_files,
    champion_before,
    champion_history,
    current_hold,
    describe_rollback,
    key_of,
    last_change,
)
from updraft.core.manifest import MODEL, Manifest

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


def trained(version: int, file: str, run_id: str | None = None) -> Entry:
    """The entry of a version whose model file has this hash."""
    manifest = Manifest(files={MODEL: file, "MLmodel": f"{file} {version}"}, facts={})
    (entry,) = ledger(("trained", None))
    run_id = run_id or f"run {version}"
    return entry._replace(version=version, run_id=run_id, model=manifest.model_dump_json())


def moved(event: Event, before: int | None, after: int | None, **fields: object) -> Entry:
    """The entry of a change of champion, or of a release that leaves it as it is."""
    (entry,) = ledger((event, after))
    run_id = f"run {after}" if after else None
    entry = entry._replace(version=after or before or 0, from_version=before, run_id=run_id)
    return entry._replace(**fields)  # type: ignore[arg-type]


# Three champions; the third has the file of the first.
FILES = [trained(1, "a"), trained(2, "b"), trained(3, "a"), trained(4, "c")]
ONE = moved("promoted", None, 1)
TWO = moved("promoted", 1, 2)
THREE = moved("promoted", 2, 3)


@pytest.mark.parametrize(
    ("events", "barred"),
    [
        ([ONE, TWO], {}),
        ([ONE, TWO, moved("rolled back", 2, 1)], {"b": 2}),
        # A version that was jumped over is not taken away: it was replaced by a better one.
        ([ONE, moved("promoted", 1, 4), TWO, moved("rolled back", 2, 1)], {"b": 2}),
        ([ONE, TWO, moved("rolled back", 2, None)], {"b": 2}),
        # Back and forth: who returns is admitted, who is taken away is not.
        ([ONE, TWO, moved("rolled back", 2, 1), moved("rolled back", 1, 2)], {"a": 1}),
        # Whatever the version: the first and the third have one file.
        ([ONE, TWO, THREE, moved("rolled back", 3, 2)], {"a": 3}),
        ([TWO, THREE, moved("rolled back", 3, 2), moved("rolled back", 2, 1)], {"b": 2}),
        ([ONE, THREE, moved("rolled back", 3, 1)], {}),
        ([ONE, TWO, moved("rolled back", 2, 1), moved("promoted", 1, 4)], {"b": 2}),
        ([ONE, TWO, moved("rolled back", 2, 1), moved("released", 1, 1)], {"b": 2}),
        ([ONE, TWO, moved("rolled back", 2, 1), moved("restored", 2, 1)], {"b": 2}),
        ([ONE, TWO, moved("rolled back", 2, 1), moved("readmitted", 1, 1, version=2)], {"b": 2}),
        (
            [
                *(ONE, TWO, moved("rolled back", 2, 1)),
                moved("readmitted", 1, 1, version=2, run_id="run 2"),
            ],
            {},
        ),
        # The ledger does not know the file of a version that is older than its manifests.
        ([moved("adopted", None, 7), ONE, moved("rolled back", 1, 7)], {"a": 1}),
        ([ONE, moved("adopted", 1, 7), moved("rolled back", 7, 1)], {}),
    ],
)
def test_a_rollback_bars_the_file_that_it_takes_away(
    events: list[Entry], barred: dict[str, int]
) -> None:
    found = barred_files([*FILES, *events])
    assert {file: bar.from_version for file, bar in found.items()} == barred
    assert all(bar.event == "rolled back" for bar in found.values())


def test_a_version_number_that_was_given_again_is_another_model() -> None:
    """MLflow was lost after version 2 had become champion; its numbers begin again."""
    entries = [*FILES, ONE, TWO, trained(2, "z", run_id="later"), moved("rolled back", 2, 1)]
    assert set(barred_files(entries)) == {"b"}


@pytest.mark.parametrize(
    ("holds", "held_by"),
    [
        ([], None),
        ([None], None),  # A rollback of an older release.
        ([False], None),
        ([True], 0),
        ([True, True], 1),
        ([True, False], 0),
        ([True, None], 0),
    ],
)
def test_promotions_are_held_from_a_rollback_to_a_release(
    holds: list[bool | None], held_by: int | None
) -> None:
    rollbacks = [moved("rolled back", 2, 1, holds=value) for value in holds]
    entries = [ONE, TWO, *rollbacks, *ledger(("refused", 1), ("restored", 1))]
    expected = None if held_by is None else rollbacks[held_by]
    assert current_hold(entries) is expected
    released = [*entries, moved("released", 1, 1)]
    assert current_hold(released) is None
    assert current_hold([*released, *rollbacks]) is (rollbacks[held_by] if expected else None)


@pytest.mark.parametrize("event", ["released", "readmitted", "trained"])
def test_what_is_not_a_change_leaves_the_champion(event: Event) -> None:
    entries = [*FILES, ONE, TWO]
    after = [*entries, moved(event, 2, 2)]
    assert last_change(after) is last_change(entries)
    assert champion_history(after) == champion_history(entries) == [1, 2]


def test_the_champion_before_is_the_last_but_one() -> None:
    assert champion_before([]) is None
    assert champion_before([ONE]) is None
    assert champion_before([ONE, TWO]) == 1
    assert champion_before([ONE, TWO, moved("rolled back", 2, 1)]) is None
    assert champion_before([ONE, TWO, moved("rolled back", 2, None)]) is None


def test_a_rollback_is_described_with_what_when_who_and_why() -> None:
    rollback = moved("rolled back", 2, 1, by="ada", reasons=["late", "wrong"])
    text = "the rollback from version 2 to version 1 at 2013-03-08 00:00 UTC by ada (late; wrong)"
    assert describe_rollback(rollback) == text
    assert "to no champion at" in describe_rollback(rollback._replace(to_version=None))
    assert "from no champion to" in describe_rollback(rollback._replace(from_version=None))


@pytest.mark.parametrize("version", [0, 5])
def test_bars_survive_any_later_training(version: int) -> None:
    """The issue's case: complaints, a rollback, and the same file trained again."""
    entries = [*FILES, ONE, TWO, moved("rolled back", 2, 1), trained(version, "b")]
    assert set(barred_files(entries)) == {"b"}
