"""The promotion: moving the alias ``champion``, the only place that does."""

from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.reports import GateReport, PromoteReport
from updraft.core.use_case import UseCase


def note_verdict(client: MlflowClient, use_case: UseCase, verdict: GateReport) -> None:
    """Write the gate's verdict on the challenger's version, where people who open MLflow look for it."""
    word = "promoted" if verdict.promote else "refused"
    client.set_model_version_tag(use_case.name, str(verdict.challenger), "updraft.verdict", word)
    client.set_model_version_tag(use_case.name, str(verdict.challenger), "updraft.reasons", "\n".join(verdict.reasons))


def promote(client: MlflowClient, use_case: UseCase, verdict: GateReport) -> PromoteReport:
    """Make the challenger champion, as the verdict says. Done again, nothing changes.

    Raises:
        UpdraftError: the verdict is no, or the champion is no longer the one that the challenger was compared with.
    """
    if not verdict.promote:
        raise UpdraftError(f"promotion of version {verdict.challenger}: the gate has refused it: {verdict.reasons}.")
    aliases = client.get_registered_model(use_case.name).aliases
    current = int(aliases["champion"]) if "champion" in aliases else None
    if current not in (verdict.champion, verdict.challenger):
        raise UpdraftError(
            f"promotion of version {verdict.challenger}: it was compared with champion {verdict.champion}, "
            f"but the champion is now {current}. Nothing was changed. Run the training DAG again."
        )
    client.set_registered_model_alias(use_case.name, "champion", str(verdict.challenger))
    return PromoteReport(use_case=use_case.name, champion=verdict.challenger, previous=verdict.champion)
