"""Rollback to a former champion or to none; release of what a rollback has held or barred."""

from collections.abc import Callable

from updraft.core.errors import UpdraftError
from updraft.core.ledger import (
    NOBODY,
    Entry,
    barred_files,
    champion_before,
    current_hold,
    key_of,
    last_change,
    model_file,
)
from updraft.core.reports import ReleaseReport, RollbackReport
from updraft.core.use_case import UseCase
from updraft.decisions.champions import Champions


def roll_back(
    champions: Champions, to: int, reason: str, check: Callable[[int], None]
) -> RollbackReport:
    """Make a former champion champion again.

    The rollback bars the model file of the version that it takes away, and lifts the bar of the
    file to which it returns. By the policy, it also holds all promotions. Idempotent for the same
    DAG run or person.

    Args:
        champions: The champions of the use case.
        to: The version to return to; ``NOBODY`` for no champion at all.
        reason: Why, in a person's words.
        check: Raises an UpdraftError if a version no longer scores.

    Raises:
        UpdraftError: There is no such former champion, it no longer scores, or a rollback to
            another version was interrupted; that one is then completed. Nothing else has moved.
    """
    use_case = champions.use_case
    target = None if to == NOBODY else to
    with champions.ledger.hold() as held:
        entries = held.entries()
        key = key_of("rolled back", champions.origin.by, to)
        entry = _entry_with(key, entries)
        if entry is None:
            entry = _interrupted(champions, entries)
            if entry is not None and entry.to_version != target:
                champions.reconcile(held)
                raise _other_than_asked(use_case, entry, to)
        if entry is None:
            current = _current(entries)
            if target is None and current is None:
                raise _no_champion(use_case)
            if target == current:
                champions.reconcile(held)
                return _report(use_case, held.entries(), previous=current)
            if target is not None:
                _check_was_champion(use_case, entries, target)
                check(target)
            entry = champions.new_entry(
                key,
                "rolled back",
                target or current or NOBODY,
                from_version=current,
                to_version=target,
                reasons=[reason],
            )
            entry = entry._replace(
                run_id=_run_id(entries, target), holds=use_case.gate.hold_after_rollback
            )
            champions.carry_out(held, entry, after=entries)
        champions.reconcile(held)
        return _report(use_case, held.entries(), previous=entry.from_version)


def release(champions: Champions, reason: str) -> ReleaseReport:
    """Release the promotions that rollbacks hold; bars of model files stay.

    Idempotent for the same DAG run or person: a run that is repeated after another rollback does
    not release what that one holds. ``reason``: why, in a person's words.
    """
    with champions.ledger.hold() as held:
        champions.reconcile(held)
        entries = held.entries()
        champion = _current(entries)
        key = key_of("released", champions.origin.by)
        is_done = _entry_with(key, entries) is not None
        if not is_done and current_hold(entries) is None:
            return ReleaseReport(
                use_case=champions.use_case.name, outcome="no hold", champion=champion
            )
        if not is_done:
            entry = champions.new_entry(
                key,
                "released",
                champion or NOBODY,
                from_version=champion,
                to_version=champion,
                reasons=[reason],
            )
            held.add(entry, entries)
        champions.describe(held.entries())
    return ReleaseReport(use_case=champions.use_case.name, champion=champion)


def readmit(champions: Champions, version: int, reason: str) -> ReleaseReport:
    """Lift the bar of a version's model file; a hold stays, and the champion, too.

    Args:
        champions: The champions of the use case.
        version: Any version with that file.
        reason: Why, in a person's words.

    Raises:
        UpdraftError: The file of that version is not barred. Nothing was changed.
    """
    use_case = champions.use_case
    with champions.ledger.hold() as held:
        champions.reconcile(held)
        entries = held.entries()
        barred = barred_files(entries)
        if (model_file(entries, version, None) or "") not in barred:
            versions = sorted({entry.from_version or NOBODY for entry in barred.values()})
            raise UpdraftError(
                f"release of {use_case.name}: the model file of version {version} is not barred. "
                f"Barred are the files of versions {versions}. Nothing was changed."
            )
        champion = _current(entries)
        entry = champions.new_entry(
            key_of("readmitted", len(entries), version),
            "readmitted",
            version,
            from_version=champion,
            to_version=champion,
            reasons=[reason],
        )
        held.add(entry, entries)
        champions.describe([*entries, entry])
    return ReleaseReport(use_case=use_case.name, champion=champion, readmitted=version)


def previous_champion(use_case: UseCase, entries: list[Entry]) -> int:
    """Return the champion before the current one, to which a rollback usually returns.

    Raises:
        UpdraftError: There is none.
    """
    current = _current(entries)
    if current is None:
        raise _no_champion(use_case)
    previous = champion_before(entries)
    if previous is None:
        raise UpdraftError(
            f"rollback of {use_case.name}: version {current} is the first champion. Nothing "
            f"was changed. With --to {NOBODY} there will be no champion, and the next model is "
            "judged as a first one."
        )
    return previous


def _current(entries: list[Entry]) -> int | None:
    change = last_change(entries)
    return change.to_version if change else None


def _no_champion(use_case: UseCase) -> UpdraftError:
    return UpdraftError(
        f"rollback of {use_case.name}: there is no champion to roll back from. Nothing was changed."
    )


def _report(use_case: UseCase, entries: list[Entry], previous: int | None) -> RollbackReport:
    change = last_change(entries)
    barred = [file for file, bar in barred_files(entries).items() if bar is change]
    return RollbackReport(
        use_case=use_case.name,
        champion=change.to_version if change else None,
        previous=previous,
        barred=barred[0] if barred else None,
        holds=current_hold(entries) is not None,
    )


def _entry_with(key: str, entries: list[Entry]) -> Entry | None:
    for entry in entries:
        if entry.key == key:
            return entry
    return None


def _interrupted(champions: Champions, entries: list[Entry]) -> Entry | None:
    """Return the last rollback if its alias has not moved."""
    change = last_change(entries)
    if change is None or change.event != "rolled back" or change.from_version is None:
        return None
    return change if champions.alias() == change.from_version else None


def _other_than_asked(use_case: UseCase, interrupted: Entry, to: int) -> UpdraftError:
    target = f"version {interrupted.to_version}" if interrupted.to_version else "no champion"
    return UpdraftError(
        f"rollback of {use_case.name} to {to or 'no champion'}: an earlier rollback to {target} "
        "was interrupted. That one has now been completed, and nothing else was changed. Look at "
        f"`updraft history {use_case.name}`, and ask again if you still want this one."
    )


def _check_was_champion(use_case: UseCase, entries: list[Entry], version: int) -> None:
    appointments = [entry for entry in entries if _appoints(entry)]
    former = sorted({entry.to_version for entry in appointments if entry.to_version is not None})
    if version not in former:
        raise UpdraftError(
            f"rollback of {use_case.name}: version {version} was never champion, expected one of "
            f"{former}. Nothing was changed. Other versions become champion through the gate."
        )


def _appoints(entry: Entry) -> bool:
    """Whether an entry may have made a version champion for the first time."""
    return entry.event in ("promoted", "adopted")


def _run_id(entries: list[Entry], version: int | None) -> str | None:
    """Return the training run of a former champion, according to the ledger."""
    if version is None:
        return None
    for entry in reversed(entries):
        if _appoints(entry) and entry.to_version == version:
            return entry.run_id
    return None
