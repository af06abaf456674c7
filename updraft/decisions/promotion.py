"""From the gate's verdict to a new champion: decision, model card and promotion."""

from datetime import UTC, datetime
from typing import Any

from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from updraft.core.errors import UpdraftError
from updraft.core.ledger import (
    Entry,
    Ledger,
    Origin,
    barred_files,
    current_hold,
    describe_rollback,
    key_of,
    last_change,
    model_file,
    training_of,
)
from updraft.core.manifest import Manifest
from updraft.core.reports import GateReport, PromoteReport, SearchAndFitReport
from updraft.core.use_case import UseCase
from updraft.decisions.card import version_card
from updraft.decisions.champions import Champions
from updraft.decisions.gate import MAX_AGE
from updraft.decisions.verdict import VerdictTags, tag_promoted


def enter_training(
    ledger: Ledger, key: str, trained: SearchAndFitReport, manifest: Manifest, origin: Origin
) -> None:
    """Enter what a version is that training has registered. ``key``: equal for equal trainings.

    Raises:
        UpdraftError: another process has finished the same training in the meantime.
    """
    with ledger.hold() as held:
        entries = held.entries()
        earlier = training_of(entries, key)
        if earlier:
            raise UpdraftError(
                f"training of version {trained.version}: another process has finished the same "
                f"training meanwhile, with version {earlier.version}. Clear this task: it then "
                "reports that version."
            )
        champion = last_change(entries)
        current = champion.to_version if champion else None
        days = trained.holdout_days
        entry = Entry(
            number=0,  # The ledger replaces it.
            key=key,
            time=datetime.now(UTC),
            event="trained",
            version=trained.version,
            from_version=current,
            to_version=current,
            reasons=[],
            evidence=None,
            run_id=trained.run_id,
            features_version=trained.features_version,
            model=manifest.model_dump_json(),
            holdout_first=days[0] if days else None,
            holdout_last=days[1] if days else None,
            **origin._asdict(),
        )
        held.add(entry, entries)


def enter_decision(ledger: Ledger, entry: Entry) -> Entry:
    """Enter a decision of the gate, unless the last one on the version is the same.

    Returns the last decision on the version: the new entry, or the earlier one that equals it.
    """
    with ledger.hold() as held:
        entries = held.entries()
        earlier = last_decision(entries, entry.version)
        if earlier is not None and earlier.key == entry.key:
            return earlier
        held.add(entry, entries)
        return entry


def last_decision(entries: list[Entry], version: int) -> Entry | None:
    """Return the gate's last decision on a version; None if there is none."""
    for entry in reversed(entries):
        if entry.event in ("approved", "refused") and entry.version == version:
            return entry
    return None


def promotion_of(entries: list[Entry], version: int, run_id: str) -> Entry | None:
    """Return the approval of a version that was carried out; None if it never was.

    Such a decision is not taken again, whoever is champion by now.
    """
    approval = None
    for entry in entries:
        if (entry.version, entry.run_id) != (version, run_id):
            continue
        if entry.event == "approved":
            approval = entry
        if entry.event == "promoted":
            return approval
    return None


def note_verdict(champions: Champions, verdict: GateReport, evidence: dict[str, Any]) -> None:
    """Write the gate's verdict on the challenger's version and run, for people who open MLflow."""
    client = champions.client
    name = champions.use_case.name
    VerdictTags.of(verdict).write(client, name, verdict.challenger)
    version = client.get_model_version(name, str(verdict.challenger))
    card = version_card(version.description or "", verdict, evidence)
    client.update_model_version(name, str(verdict.challenger), card)
    client.set_tag(str(version.run_id), MLFLOW_RUN_NOTE, card)


def promote(champions: Champions, verdict: GateReport) -> PromoteReport:
    """Make the challenger champion, if the verdict allows it. Idempotent.

    Raises:
        UpdraftError: The verdict is a refusal, it is not the ledger's last decision on the
            challenger, it is too old, the champion has changed since, promotions are held by now,
            or the challenger's file is barred by now. Nothing has moved.
    """
    challenger = verdict.challenger
    if not verdict.promote:
        raise UpdraftError(
            f"promotion of version {challenger}: the gate has refused it: "
            f"{'; '.join(verdict.reasons)}. Nothing was changed."
        )
    with champions.ledger.hold() as held:
        change = champions.reconcile(held)
        entries = held.entries()
        approval = _approval(entries, verdict)
        key = key_of("promoted", approval.key)
        if change is None or change.key != key:
            _check_current(verdict, approval, change, entries)
            _check_age(verdict, approval)
            _check_admitted(champions.use_case, approval, entries)
            entry = approval._replace(
                key=key,
                time=datetime.now(UTC),
                event="promoted",
                to_version=challenger,
                **champions.origin._asdict(),
            )
            champions.carry_out(held, entry, after=entries)
        tag_promoted(champions.client, champions.use_case.name, challenger)
    return PromoteReport(
        use_case=champions.use_case.name, champion=challenger, previous=verdict.champion
    )


def _approval(entries: list[Entry], verdict: GateReport) -> Entry:
    """Return the ledger's last decision on the challenger, which has to be this approval."""
    decision = last_decision(entries, verdict.challenger)
    if decision is None or (decision.event, decision.evidence) != ("approved", verdict.evidence):
        raise UpdraftError(
            f"promotion of version {verdict.challenger}: the ledger has no approval of it on this "
            "evidence. Nothing was changed. Clear the task gate of this run; if the gate refuses "
            "it, run the training DAG again."
        )
    return decision


def _check_current(
    verdict: GateReport, approval: Entry, change: Entry | None, entries: list[Entry]
) -> None:
    """Refuse if the champion has changed since the approval, even if it is the same again."""
    champion = change.to_version if change else None
    since_approval = entries[entries.index(approval) :]
    if champion != verdict.champion or last_change(since_approval) is not None:
        compared = f"version {verdict.champion}" if verdict.champion else "no champion"
        current = f"version {champion}" if champion else "none"
        raise UpdraftError(
            f"promotion of version {verdict.challenger}: it was compared with {compared}, "
            f"but since then the champion has changed, to {current}. "
            "Nothing was changed. Run the training DAG again."
        )


def _check_age(verdict: GateReport, approval: Entry) -> None:
    if datetime.now(UTC) - approval.time > MAX_AGE:
        raise UpdraftError(
            f"promotion of version {verdict.challenger}: its approval of "
            f"{approval.time:%Y-%m-%d %H:%M} UTC is more than a day old. "
            "Nothing was changed. Run the training DAG again."
        )


def _check_admitted(use_case: UseCase, approval: Entry, entries: list[Entry]) -> None:
    """Refuse what the gate would refuse by now, whatever it has approved before."""
    hold = current_hold(entries)
    if hold is not None:
        raise UpdraftError(
            f"promotion of version {approval.version}: promotions are held by "
            f"{describe_rollback(hold)}. Nothing was changed. Release them by `updraft release "
            f"{use_case.name}` or the DAG {use_case.name}_release, then clear this task."
        )
    file = model_file(entries, approval.version, approval.run_id)
    bar = barred_files(entries).get(file or "")
    if bar is not None:
        raise UpdraftError(
            f"promotion of version {approval.version}: its model file is barred by "
            f"{describe_rollback(bar)}. Nothing was changed."
        )
