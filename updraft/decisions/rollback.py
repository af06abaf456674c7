"""Rollback to a former champion, or to none."""

from collections.abc import Callable

from updraft.core.errors import UpdraftError
from updraft.core.ledger import NOBODY, Entry, champion_history, key_of, last_change
from updraft.core.reports import RollbackReport
from updraft.core.use_case import UseCase
from updraft.decisions.champions import Champions


def roll_back(
    champions: Champions, to: int | None, reason: str, check: Callable[[int], None]
) -> RollbackReport:
    """Make a former champion champion again.

    Idempotent for the same DAG run or person. A rollback that was interrupted is completed, and
    nothing else is done.

    Args:
        champions: The champions of the use case.
        to: The version to return to; None for the one before the current champion; ``NOBODY`` for
            no champion at all.
        reason: Why, in a person's words.
        check: Raises an UpdraftError if a version no longer scores.

    Raises:
        UpdraftError: There is no such former champion, or it no longer scores. Nothing has moved.
    """
    use_case = champions.use_case
    with champions.ledger.hold() as held:
        entries = held.entries()
        key = key_of("rolled back", champions.origin.by, to)
        entry = _entry_with(key, entries) or _interrupted(champions, entries)
        if entry is None:
            history = champion_history(entries)
            target = _target(use_case, entries, history, to)
            current = history[-1] if history else None
            if target == current:
                champions.reconcile(held)
                return RollbackReport(use_case=use_case.name, champion=current, previous=current)
            if target is not None:
                check(target)
            entry = champions.new_entry(
                key,
                "rolled back",
                target or current or NOBODY,
                from_version=current,
                to_version=target,
                reasons=[reason],
            )
            entry = entry._replace(run_id=_run_id(entries, target))
            champions.carry_out(held, entry, after=entries)
        change = champions.reconcile(held)
    champion = change.to_version if change else None
    return RollbackReport(use_case=use_case.name, champion=champion, previous=entry.from_version)


def _entry_with(key: str, entries: list[Entry]) -> Entry | None:
    for entry in entries:
        if entry.key == key:
            return entry
    return None


def _interrupted(champions: Champions, entries: list[Entry]) -> Entry | None:
    """Return the last rollback if its alias has not moved.

    A new request then completes that rollback instead of starting another.
    """
    change = last_change(entries)
    if change is None or change.event != "rolled back" or change.from_version is None:
        return None
    return change if champions.alias() == change.from_version else None


def _target(
    use_case: UseCase, entries: list[Entry], history: list[int], to: int | None
) -> int | None:
    """Return the version to return to; None for no champion."""
    if not history:
        raise UpdraftError(
            f"rollback of {use_case.name}: there is no champion to roll back from. "
            "Nothing was changed."
        )
    if to == NOBODY:
        return None
    if to is not None:
        _check_was_champion(use_case, entries, to)
        return to
    if len(history) == 1:
        raise UpdraftError(
            f"rollback of {use_case.name}: version {history[-1]} is the first champion. Nothing "
            f"was changed. With --to {NOBODY} there will be no champion, and the next model only "
            "has to pass the floors."
        )
    return history[-2]


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
