"""The ledger of decisions: its entries, the interface of a store, and who is champion by it."""

import hashlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from typing import Literal, NamedTuple, Protocol

from updraft.core.manifest import MODEL, Manifest

Event = Literal[
    "trained",
    "refused",
    "approved",
    "promoted",
    "rolled back",
    "released",
    "readmitted",
    "adopted",
    "restored",
]
NOBODY = 0  # In place of a version: a rollback to no champion at all.
# These events change the champion. All others record a decision or a repair and leave it as it was.
CHANGES: tuple[Event, ...] = ("promoted", "rolled back", "adopted")


class Entry(NamedTuple):
    """One decision, kept for ever.

    Attributes:
        number: Its position. Entries are ordered by it, whatever the clocks say.
        key: Equal for equal decisions, so that a repeated decision is recognized.
        time: When it was taken, with a time zone.
        event: What was decided.
        version: The model version that it is about.
        from_version: The champion before; None if there was none.
        to_version: The champion after; None if there is none.
        by: The DAG run or the person that decided.
        reasons: Why, one sentence each.
        evidence: The hash of the evidence, if the decision rests on any.
        run_id: The MLflow run that trained the version. It identifies the version even if MLflow's
            database is lost and its version numbers begin again.
        features_version: The version of the features table that the decision rests on.
        code: The commit that decided.
        model: For "trained", the model's ``Manifest`` as JSON: its files and facts by hash.
        holdout_first: The first day of the holdout that a training has set aside, or that the gate
            has decided on; None for a snapshot, and for what rests on no holdout.
        holdout_last: Its last day.
        holds: For "rolled back", whether it holds all promotions until they are released.
        policy: The hash of the section ``gate`` of the use case, as it was then.
        use_case: The hash of the files in the use case's folder, as they were then.
        suites: The hash of the use case's suites, as they were then.
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
    model: str | None = None
    holdout_first: date | None = None
    holdout_last: date | None = None
    holds: bool | None = None
    policy: str | None = None
    use_case: str | None = None
    suites: str | None = None


class Origin(NamedTuple):
    """Where a decision comes from; each attribute is one of its entry, too.

    Attributes:
        by: The DAG run or the person.
        code: The commit of the code that is running.
        policy: The hash of the section ``gate`` of the use case.
        use_case: The hash of the files in the use case's folder.
        suites: The hash of the use case's suites.
    """

    by: str
    code: str
    policy: str | None = None
    use_case: str | None = None
    suites: str | None = None


class HeldLedger(Protocol):
    """A ledger that is locked. Only the holder of the lock has one, so only it can write."""

    def entries(self) -> list[Entry]:
        """Return all entries, in order."""
        ...

    def add(self, entry: Entry, after: list[Entry]) -> None:
        """Append an entry.

        Args:
            entry: Its number is replaced by its position.
            after: All the entries that the decision was based on.

        Raises:
            UpdraftError: There are other entries by now. Nothing was written.
        """
        ...


class Ledger(Protocol):
    """The ledger of one use case."""

    def entries(self) -> list[Entry]:
        """Return all entries, in order."""
        ...

    def hold(self) -> AbstractContextManager[HeldLedger]:
        """Lock the ledger, so that nobody else decides between reading and writing.

        Raises:
            UpdraftError: Another process has held it for too long.
        """
        ...


def key_of(*parts: object) -> str:
    """Return a short hash of a decision: equal parts have equal keys."""
    text = "\n".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def last_change(entries: Sequence[Entry]) -> Entry | None:
    """Return the entry that made the current champion; None if there never was one."""
    for entry in reversed(entries):
        if entry.event in CHANGES:
            return entry
    return None


def manifest_of_version(entries: Sequence[Entry], version: int) -> Manifest | None:
    """Return what a version was when it was registered; None if the ledger does not say it."""
    for entry in reversed(entries):
        if entry.event == "trained" and entry.version == version and entry.model is not None:
            return Manifest.model_validate_json(entry.model)
    return None


def training_of(entries: Sequence[Entry], key: str) -> Entry | None:
    """Return the entry of a finished training by its key; None if there is none."""
    for entry in reversed(entries):
        if entry.event == "trained" and entry.key == key:
            return entry
    return None


def holdout_of(entries: Sequence[Entry], version: int, run_id: str) -> tuple[date, date] | None:
    """Return the first and last day of the holdout on which the gate has judged a version.

    None for a snapshot, and for a version that became champion without the gate.
    """
    for entry in reversed(entries):
        if entry.version != version or entry.run_id != run_id:
            continue
        if entry.holdout_first is not None and entry.holdout_last is not None:
            return entry.holdout_first, entry.holdout_last
    return None


def champion_history(entries: Sequence[Entry]) -> list[int]:
    """Return the champion and its predecessors, the oldest first.

    A rollback removes the versions after the one that it returns to. A rollback to no champion
    removes all of them.
    """
    versions: list[int] = []
    for entry in entries:
        version = entry.to_version
        if entry.event not in CHANGES:
            continue
        if version is None:
            versions.clear()
        elif entry.event == "rolled back" and version in versions:
            del versions[versions.index(version) + 1 :]
        elif not versions or versions[-1] != version:
            versions.append(version)
    return versions


def champion_before(entries: Sequence[Entry]) -> int | None:
    """Return the champion before the current one; None if there is none to return to."""
    history = champion_history(entries)
    return history[-2] if len(history) > 1 else None


def model_file(entries: Sequence[Entry], version: int | None, run_id: str | None) -> str | None:
    """Return the SHA-256 of a version's model file; None if the ledger does not say it.

    Args:
        entries: The ledger.
        version: Its number; None for no version, which has no file.
        run_id: The run that trained it; None if it is not known. With it, a version of a lost
            MLflow is told from a newer one that has its number again.
    """
    for entry in reversed(entries):
        if entry.event != "trained" or entry.version != version or entry.model is None:
            continue
        if run_id in (None, entry.run_id):
            return Manifest.model_validate_json(entry.model).files.get(MODEL)
    return None


def barred_files(entries: Sequence[Entry]) -> dict[str, Entry]:
    """Return the model files that may not become champion again, by their SHA-256.

    A rollback bars the file of the champion that it takes away, whatever version has that file
    later. It lifts the bar of the file to which it returns: a person has asked for that version. A
    version can also be readmitted without a rollback. What was trained before the ledger kept
    files cannot be barred; such a version is not used any more in any case.

    Returns:
        For each barred file, the rollback that barred it.
    """
    barred: dict[str, Entry] = {}
    for position, entry in enumerate(entries):
        before = entries[:position]
        if entry.event == "rolled back":
            champion = last_change(before)
            taken = champion and model_file(before, champion.to_version, champion.run_id)
            if taken:
                barred[taken] = entry
        if entry.event in ("rolled back", "readmitted"):
            readmitted = entry.to_version if entry.event == "rolled back" else entry.version
            barred.pop(model_file(before, readmitted, entry.run_id) or "", None)
    return barred


def current_hold(entries: Sequence[Entry]) -> Entry | None:
    """Return the newest rollback that holds promotions; None if they are not held."""
    for entry in reversed(entries):
        if entry.event == "released":
            return None
        if entry.holds:
            return entry
    return None


def describe_rollback(rollback: Entry) -> str:
    """Say in one phrase what a rollback has done, when, by whom and why."""
    taken, target = (
        f"version {version}" if version else "no champion"
        for version in (rollback.from_version, rollback.to_version)
    )
    return (
        f"the rollback from {taken} to {target} at "
        f"{rollback.time:%Y-%m-%d %H:%M} UTC by {rollback.by} ({'; '.join(rollback.reasons)})"
    )
