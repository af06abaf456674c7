"""From the gate's verdict to a new champion: the decision in the ledger, the verdict for people, the promotion."""

from datetime import timedelta
from typing import Any

from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry, key_of, last_change
from updraft.core.registry import COMPARED, REASONS, VERDICT
from updraft.core.reports import GateReport, PromoteReport
from updraft.core.use_case import UseCase
from updraft.decisions.card import version_card
from updraft.decisions.champions import Ledger, Origin, describe, move, now_utc, settled

VALID = timedelta(days=1)  # How long an approval holds: as long as the evidence that it rests on.


def enter_decision(ledger: Ledger, entry: Entry) -> Entry:
    """Add a decision of the gate, unless the last one on the version is the same; return what then is the last one."""
    with ledger.held():
        earlier = last_decision(entries := ledger.entries(), entry.version)
        if earlier is not None and earlier.key == entry.key:
            return earlier
        ledger.add(entry, entries)
        return entry


def last_decision(entries: list[Entry], version: int) -> Entry | None:
    """What the gate has said of a version last."""
    return next((one for one in reversed(entries) if one.event in ("approved", "refused") and one.version == version), None)


def note_verdict(client: MlflowClient, use_case: UseCase, verdict: GateReport, evidence: dict[str, Any]) -> None:
    """Write the gate's verdict on the challenger's version and run, where people who open MLflow look for it."""
    name, version = use_case.name, str(verdict.challenger)
    word = "approved" if verdict.promote else "refused"
    compared = str(verdict.champion or "none")
    for key, value in {VERDICT: word, REASONS: "\n".join(verdict.reasons), COMPARED: compared}.items():
        client.set_model_version_tag(name, version, key, value)
    found = client.get_model_version(name, version)
    card = version_card(found.description or "", verdict, evidence)
    client.update_model_version(name, version, card)
    client.set_tag(str(found.run_id), MLFLOW_RUN_NOTE, card)


def promote(client: MlflowClient, ledger: Ledger, use_case: UseCase, verdict: GateReport, origin: Origin) -> PromoteReport:
    """Make the challenger champion, as the verdict says. Done again, nothing changes.

    Raises:
        UpdraftError: the verdict is no, the ledger's last decision is another one or too old, or the champion has changed
            since. Nothing has moved.
    """
    challenger = verdict.challenger
    if not verdict.promote:
        raise UpdraftError(f"promotion of version {challenger}: the gate has refused it: {verdict.reasons}.")
    with ledger.held():
        now = settled(client, ledger, use_case, origin)
        entries = ledger.entries()
        approval = last_decision(entries, challenger)
        if approval is None or (approval.event, approval.evidence) != ("approved", verdict.evidence):
            raise UpdraftError(
                f"promotion of version {challenger}: the ledger has no approval of it on this evidence. Nothing was changed. "
                "Clear the task gate of this run; if that refuses it, run the training DAG again."
            )
        key = key_of("promoted", approval.key)
        if now is None or now.key != key:
            _check(challenger, verdict.champion, approval, now, entries)
            entry = approval._replace(key=key, time=now_utc(), event="promoted", to_version=challenger, by=origin.by)
            ledger.add(entry, entries)
            move(client, use_case, entry)
            describe(client, use_case, entry)
        client.set_model_version_tag(use_case.name, str(challenger), VERDICT, "promoted")
    return PromoteReport(use_case=use_case.name, champion=challenger, previous=verdict.champion)


def _check(challenger: int, compared: int | None, approval: Entry, now: Entry | None, entries: list[Entry]) -> None:
    current = now.to_version if now else None
    if current != compared or last_change(entries[entries.index(approval) :]) is not None:
        raise UpdraftError(
            f"promotion of version {challenger}: it was compared with champion {compared}, but since then the champion has "
            f"changed, to {f'version {current}' if current else 'none'}. Nothing was changed. Run the training DAG again."
        )
    if now_utc() - approval.time > VALID:
        raise UpdraftError(
            f"promotion of version {challenger}: its approval is of {approval.time:%Y-%m-%d %H:%M} UTC, more than a day old. "
            "Nothing was changed. Run the training DAG again."
        )
