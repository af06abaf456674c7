"""Descriptions in the registry, in Markdown: a version's verdict and metrics, and the champion."""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from updraft.core.evidence import Baseline, Candidate, Evidence, Gain, Holdout, read_evidence
from updraft.core.ledger import (
    Entry,
    barred_files,
    current_hold,
    describe_rollback,
    last_change,
)
from updraft.core.registry import VERDICT_HEADING
from updraft.core.reports import GateReport
from updraft.core.use_case import UseCase

LIMIT = 5000  # The characters that MLflow's registry keeps of a description.
ROLES = ("challenger", "champion at that time")


def version_card(description: str, verdict: GateReport, document: dict[str, Any]) -> str:
    """Return a version's description: what training wrote, then verdict, reasons and metrics.

    Idempotent: an earlier verdict in ``description`` is replaced. ``document``: the evidence.
    """
    trained = description.partition(VERDICT_HEADING)[0].rstrip()
    word = "approved" if verdict.promote else "refused"
    reasons = _bullets(verdict.reasons)
    return f"{trained}{VERDICT_HEADING}{word}\n\n{reasons}{_holdout_section(document)}"[:LIMIT]


def champion_card(use_case: UseCase, entries: list[Entry], description: str) -> str:
    """Return the registered model's description: who is champion and why, what is held or barred.

    Args:
        use_case: The use case of the model.
        entries: The ledger.
        description: The description of the champion's version.
    """
    change = last_change(entries)
    champion = "none"
    reasons = []
    if change and change.to_version:
        page = f"#/models/{use_case.name}/versions/{change.to_version}"
        champion = f"[version {change.to_version}]({page})"
    if change and change.from_version:
        champion += f" in place of version {change.from_version}"
    if change:
        prefix = "" if change.event == "promoted" else f"{change.event}: "
        reasons = [f"{prefix}{reason}" for reason in change.reasons]
    summary = description.partition("\n\n")[0]
    return (
        f"{use_case.title}. {use_case.description.strip()} Owner: {use_case.owner}.\n\n"
        f"## Champion: {champion}\n\n{_bullets(reasons)}\n\n{summary}"
        f"{_restrictions(use_case.name, entries)}"
    )[:LIMIT]


def _restrictions(name: str, entries: list[Entry]) -> str:
    """Return what no challenger can pass now; nothing if there is no hold and no bar."""
    lines = []
    hold = current_hold(entries)
    if hold is not None:
        lines.append(
            f"All promotions are held by {describe_rollback(hold)}. To release them: "
            f"`updraft release {name}`, or the DAG {name}_release."
        )
    for file, bar in barred_files(entries).items():
        lines.append(f"The model file {file[:12]} is barred by {describe_rollback(bar)}.")
    return f"\n\n## Restrictions\n\n{_bullets(lines)}" if lines else ""


def _bullets(reasons: list[str]) -> str:
    return "\n".join(f"- {reason}" for reason in reasons)


def _holdout_section(document: dict[str, Any]) -> str:
    """Return both models' metrics on the holdout; nothing if the evidence is not complete."""
    try:
        evidence = read_evidence(document)
    except ValidationError:
        return ""
    rows = _holdout_rows(evidence.holdout)
    section = f"\n\n### On the holdout\n\n{rows}\n\n{_metrics_table(evidence)}"
    return section if evidence.gain is None else f"{section}\n\n{_gain_line(evidence.gain)}"


def _holdout_rows(holdout: Holdout) -> str:
    place = f"split {holdout.split}" if holdout.split else f"{holdout.first}..{holdout.last}"
    rows = f"`{holdout.table}` v{holdout.version}, {place}: {holdout.rows:,} rows"
    if holdout.positives is not None and holdout.rows:
        rows += f", {holdout.positives / holdout.rows:.1%} positive"
    return rows


def _gain_line(gain: Gain) -> str:
    return f"Gain in {gain.metric}: {gain.value:+.4f} ({gain.interval})"


def _metrics_table(evidence: Evidence) -> str:
    """Return a table with a row for each metric, a column for each model and the baseline."""
    models = [evidence.challenger]
    if evidence.champion:
        models.append(evidence.champion)
    columns = zip(ROLES, models, strict=False)
    baselines = [evidence.baseline] if evidence.baseline else []
    lines = [
        [
            "metric",
            *(f"version {model.version} ({role})" for role, model in columns),
            *("baseline" for _ in baselines),
        ],
        ["---", *("---" for _ in [*models, *baselines])],
        ["algorithm", *(model.algorithm for model in models), *(each.name for each in baselines)],
        *([name, *_values(name, [*models, *baselines])] for name in evidence.challenger.metrics),
        ["latency, ms", *(f"{model.latency_ms:.3g}" for model in models), *("" for _ in baselines)],
        ["size, MB", *(f"{model.size_mb:.3g}" for model in models), *("" for _ in baselines)],
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _values(metric: str, models: Sequence[Candidate | Baseline]) -> list[str]:
    """Return the values of a metric, one for each model, empty where it is missing."""
    return [f"{model.metrics[metric]:.4f}" if metric in model.metrics else "" for model in models]
