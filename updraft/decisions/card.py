"""What the registry says for people: a version's verdict and its figures, and who is champion. Pure text, in Markdown."""

from typing import Any

from pydantic import ValidationError

from updraft.core.evidence import read
from updraft.core.ledger import Entry
from updraft.core.registry import VERDICT_HEADING
from updraft.core.reports import GateReport
from updraft.core.use_case import UseCase

LIMIT = 5000  # Characters that MLflow's registry keeps of a description.


def version_card(description: str, verdict: GateReport, document: dict[str, Any]) -> str:
    """A version's description: what training has written, then verdict, reasons and figures. Applied again, the same."""
    trained = description.partition(VERDICT_HEADING)[0].rstrip()
    word = "approved" if verdict.promote else "refused"
    return f"{trained}{VERDICT_HEADING}{word}\n\n{_listed(verdict.reasons)}{_figures(document)}"[:LIMIT]


def champion_card(use_case: UseCase, change: Entry, description: str) -> str:
    """The registered model's description: the use case, who is champion, and why.

    ``change``: the ledger's entry that has made it champion. ``description``: that of its version.
    """
    link = f"[version {change.to_version}](#/models/{use_case.name}/versions/{change.to_version})"
    place = f" in place of version {change.from_version}" if change.from_version else ""
    why = change.reasons if change.event == "promoted" else [f"{change.event}: {reason}" for reason in change.reasons]
    summary = description.partition("\n\n")[0]
    return (
        f"{use_case.title}. {use_case.description.strip()} Owner: {use_case.owner}.\n\n"
        f"## Champion: {link if change.to_version else 'none'}{place}\n\n{_listed(why)}\n\n{summary}"
    )[:LIMIT]


def _listed(reasons: list[str]) -> str:
    return "\n".join(f"- {reason}" for reason in reasons)


def _figures(document: dict[str, Any]) -> str:
    """Both models on the holdout as a table; nothing, if the evidence is not whole."""
    try:
        evidence = read(document)
    except ValidationError:
        return ""
    holdout, gain = evidence.holdout, evidence.gain
    models = [evidence.challenger, *([evidence.champion] if evidence.champion else [])]
    roles = ["challenger", "champion at that time"]
    head = [f"version {model.version} ({role})" for role, model in zip(roles, models, strict=False)]
    lines = [["metric", *head], ["---"] * (1 + len(models)), ["algorithm", *(model.algorithm for model in models)]]
    for name in evidence.challenger.metrics:
        lines.append([name, *(f"{model.metrics[name]:.4f}" if name in model.metrics else "" for model in models)])
    for name, values in [
        ("latency, ms", [model.latency_ms for model in models]),
        ("size, MB", [model.size_mb for model in models]),
    ]:
        lines.append([name, *(f"{value:.3g}" for value in values)])
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    where = f"split {holdout.split}" if holdout.split else f"{holdout.first}..{holdout.last}"
    rows = f"`{holdout.table}` v{holdout.version}, {where}: {holdout.rows:,} rows"
    if holdout.positives is not None and holdout.rows:
        rows += f", {holdout.positives / holdout.rows:.1%} positive"
    if gain is None:
        return f"\n\n### On the holdout\n\n{rows}\n\n{table}"
    interval = f"{gain.confidence:.0%} interval {gain.lower:+.4f} to {gain.upper:+.4f}"
    return f"\n\n### On the holdout\n\n{rows}\n\n{table}\n\nGain in {gain.metric}: {gain.value:+.4f} ({interval})"
