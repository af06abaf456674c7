"""The promotion: moving the alias ``champion``, the only place that does."""

from typing import Any

from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from updraft.core.errors import UpdraftError
from updraft.core.registry import CHAMPION, LAST_CHAMPION
from updraft.core.reports import GateReport, PromoteReport
from updraft.core.use_case import UseCase
from updraft.decisions.card import champion_card, verdict_word, version_card


def note_verdict(client: MlflowClient, use_case: UseCase, verdict: GateReport, evidence: dict[str, Any]) -> None:
    """Write the gate's verdict on the challenger's version and run, where people who open MLflow look for it."""
    name, version = use_case.name, str(verdict.challenger)
    tags = {
        "updraft.verdict": verdict_word(verdict),
        "updraft.reasons": "\n".join(verdict.reasons),
        "updraft.compared_with": str(verdict.champion or "none"),
    }
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)
    found = client.get_model_version(name, version)
    card = version_card(found.description or "", verdict, evidence)
    client.update_model_version(name, version, card)
    client.set_tag(str(found.run_id), MLFLOW_RUN_NOTE, card)


def promote(client: MlflowClient, use_case: UseCase, verdict: GateReport) -> PromoteReport:
    """Make the challenger champion, as the verdict says. Done again, nothing changes.

    Raises:
        UpdraftError: the verdict is no, or the champion is no longer the one that the challenger was compared with.
    """
    if not verdict.promote:
        raise UpdraftError(f"promotion of version {verdict.challenger}: the gate has refused it: {verdict.reasons}.")
    aliases = client.get_registered_model(use_case.name).aliases
    current = int(aliases[CHAMPION]) if CHAMPION in aliases else None
    if current not in (verdict.champion, verdict.challenger):
        raise UpdraftError(
            f"promotion of version {verdict.challenger}: it was compared with champion {verdict.champion}, "
            f"but the champion is now {current}. Nothing was changed. Run the training DAG again."
        )
    client.set_registered_model_alias(use_case.name, CHAMPION, str(verdict.challenger))
    client.set_registered_model_tag(use_case.name, LAST_CHAMPION, str(verdict.challenger))
    description = client.get_model_version(use_case.name, str(verdict.challenger)).description or ""
    client.update_registered_model(use_case.name, champion_card(use_case, verdict, description))
    return PromoteReport(use_case=use_case.name, champion=verdict.challenger, previous=verdict.champion)
