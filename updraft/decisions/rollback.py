"""Back to a former champion, or to none."""

from collections.abc import Callable, Sequence

from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.ledger import NOBODY, Entry, champions, key_of, last_change
from updraft.core.reports import RollbackReport
from updraft.core.use_case import UseCase
from updraft.decisions.champions import Ledger, Origin, alias_of, describe, move, new_entry, settled


def roll_back(
    client: MlflowClient,
    ledger: Ledger,
    use_case: UseCase,
    to: int | None,
    reason: str,
    origin: Origin,
    check: Callable[[int], None],
) -> RollbackReport:
    """Make a former champion champion again: version ``to``, or the one before; ``NOBODY``: the use case begins anew.

    Done again by the same run, nothing changes; a rollback that was not finished is finished, and nothing else is done.
    ``check`` raises an UpdraftError if a version no longer scores.

    Raises:
        UpdraftError: there is no such former champion, or it no longer scores. Nothing has moved.
    """
    with ledger.held():
        entries, key = ledger.entries(), key_of("rolled back", origin.by, to)
        entry = next((one for one in entries if one.key == key), None) or _unfinished(client, use_case, entries)
        if entry is None:
            before = champions(entries)
            target, current = _target(use_case, entries, before, to), before[-1] if before else None
            if target == current:
                settled(client, ledger, use_case, origin)
                return RollbackReport(use_case=use_case.name, champion=current, previous=current)
            if target is not None:
                check(target)
            made = new_entry(key, "rolled back", target or current or NOBODY, current, target, origin, [reason])
            entry = made._replace(run_id=_run_id(entries, target))
            ledger.add(entry, entries)
            move(client, use_case, entry)
            describe(client, use_case, entry)
        now = settled(client, ledger, use_case, origin)
    champion = now.to_version if now else None
    return RollbackReport(use_case=use_case.name, champion=champion, previous=entry.from_version)


def _unfinished(client: MlflowClient, use_case: UseCase, entries: Sequence[Entry]) -> Entry | None:
    """The last rollback, if its alias has not moved: whoever asks again asks for that one, and not for one more."""
    last = last_change(entries)
    unfinished = last is not None and last.event == "rolled back" and alias_of(client, use_case) == last.from_version
    return last if unfinished and last and last.from_version is not None else None


def _target(use_case: UseCase, entries: Sequence[Entry], before: Sequence[int], to: int | None) -> int | None:
    if not before:
        raise UpdraftError(f"rollback of {use_case.name}: there is no champion to go back from. Nothing was changed.")
    if to == NOBODY:
        return None
    if to is None:
        if len(before) == 1:
            raise UpdraftError(
                f"rollback of {use_case.name}: version {before[-1]} is the first champion. Nothing was changed. "
                f"With --to {NOBODY} there is none, and the next model has the floors to pass alone."
            )
        return before[-2]
    former = sorted({one.to_version for one in entries if one.event in ("promoted", "adopted") and one.to_version is not None})
    if to not in former:
        raise UpdraftError(
            f"rollback of {use_case.name}: version {to} was never champion, expected one of {former}. Nothing was changed. "
            "Other versions become champion through the gate."
        )
    return to


def _run_id(entries: Sequence[Entry], version: int | None) -> str | None:
    """The training run of a former champion, as the ledger has it."""
    found = (one.run_id for one in reversed(entries) if one.event in ("promoted", "adopted") and one.to_version == version)
    return next(found, None) if version is not None else None
