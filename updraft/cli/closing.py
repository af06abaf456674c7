"""The result of a demo or a run: ``report.json``, and the closing tables on the terminal."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from updraft.core.files import write_atomically
from updraft.core.registry import CHAMPION
from updraft.core.reports import DecideReport, DriftReport
from updraft.core.settings import settings
from updraft.core.triggers import Action, Cause
from updraft.core.use_case import UseCase

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

MAX_METRICS = 4  # A terminal has no space for more metrics of a model.


class Step(BaseModel):
    """One step: how it ended and how long it took."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: str
    seconds: float


class Champion(BaseModel):
    """The champion, with its metrics on the holdout."""

    version: int
    algorithm: str | None
    metrics: dict[str, float]


class RegisteredModel(Champion):
    """A registered version, with its metrics on the holdout and the gate's verdict."""

    verdict: str
    reasons: list[str]


class MonitoringSummary(BaseModel):
    """What a monitoring run has found, and what follows.

    ``detected``: whether there is drift; None without a verdict. ``columns``: those that have
    drifted.
    """

    window: str
    detected: bool | None
    columns: list[str]
    cause: Cause | None
    action: Action
    reasons: list[str]


class Closing(BaseModel):
    """The keys of ``report.json``."""

    use_case: str
    ok: bool
    seconds: float
    steps: list[Step]
    tables: dict[str, int] = {}
    models: list[RegisteredModel] = []
    champion: Champion | None = None
    drift: list[MonitoringSummary] = []
    error: str | None = None

    def write(self, file: Path) -> None:
        write_atomically(file, json.dumps(self.model_dump(mode="json"), indent=2) + "\n")


def count_rows(use_case: UseCase) -> dict[str, int]:
    """Count the rows of every table of the use case, from the tables' logs."""
    from deltalake import DeltaTable

    tables = settings().location("tables", use_case.name)
    if not tables.path.exists():
        return {}
    rows = {}
    for name in sorted(folder.name for folder in tables.path.iterdir() if folder.is_dir()):
        location = tables / name
        if DeltaTable.is_deltatable(location.deltalake):
            rows[name] = DeltaTable(location.deltalake).count()
    return rows


def registered_models(use_case: UseCase) -> tuple[list[RegisteredModel], Champion | None]:
    """Return every registered version with the gate's verdict on it; and the champion."""
    from updraft.decisions.verdict import VerdictTags
    from updraft.models import versions
    from updraft.models.tracking import connect

    # Else it reports each new experiment between our lines.
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    client = connect(use_case)
    champion = _champion(client, use_case)
    models = []
    for entity in client.search_model_versions(f"name = '{use_case.name}'"):
        metrics = client.get_run(str(entity.run_id)).data.metrics
        verdict = VerdictTags.read(entity.tags)
        models.append(
            RegisteredModel(
                version=int(entity.version),
                algorithm=versions.VersionTags.read_algorithm(entity.tags),
                metrics=_holdout_metrics(metrics),
                verdict=verdict.verdict,
                reasons=verdict.reasons,
            )
        )
    models.sort(key=lambda model: model.version)
    for model in models:
        if model.version == champion:
            return models, Champion.model_validate(model.model_dump(exclude={"verdict", "reasons"}))
    return models, None


def _champion(client: "MlflowClient", use_case: UseCase) -> int | None:
    """Return the version that has the alias ``champion``; None if there is none."""
    for model in client.search_registered_models(f"name = '{use_case.name}'"):
        if CHAMPION in model.aliases:
            return int(model.aliases[CHAMPION])
    return None


def _holdout_metrics(metrics: dict[str, float]) -> dict[str, float]:
    prefix = "holdout_"
    return {
        name.removeprefix(prefix): value
        for name, value in metrics.items()
        if name.startswith(prefix)
    }


def monitoring_summary(
    drift: DriftReport, decision: DecideReport, use_case: UseCase
) -> MonitoringSummary:
    """Return what the closing shows of a monitoring run."""
    return MonitoringSummary(
        window=f"{drift.first}..{drift.last}" if use_case.unit else "the snapshot",
        detected=None if drift.outcome == "no verdict" else drift.detected,
        columns=[column.column for column in drift.columns if column.drifted],
        cause=decision.cause,
        action=decision.action,
        reasons=decision.reasons,
    )


def show(
    closing: Closing, console: Console, places: dict[str, str], metric: str, command: str
) -> None:
    """Print the closing tables.

    ``places``: what can be looked at, and where. ``metric``: the gate's; it has the first column
    of metrics. ``command``: what has ended.
    """
    console.print(_steps_table(closing.steps))
    if closing.tables:
        console.print(_rows_table(closing.tables))
    if closing.models:
        console.print(_models_table(closing, metric))
        for model in closing.models:  # The table has no space for sentences.
            for reason in model.reasons:
                line = f"version {model.version} {model.verdict}: {reason}"
                console.print(line, highlight=False, markup=False)
    for look in closing.drift:
        found = f"drifted: {', '.join(look.columns)}" if look.columns else "no column has drifted"
        cause = f" ({look.cause})" if look.cause else ""
        console.print(f"{look.window}: {found}{cause}", soft_wrap=True, markup=False)
        for reason in look.reasons:
            console.print(f"{look.action}: {reason}", soft_wrap=True, markup=False)
    # Not a table: a path that is broken at a column's edge can be neither clicked nor copied.
    console.print(
        f"[italic]Where to look; `make up` starts Airflow and MLflow on what {command} has left[/]"
    )
    for name, place in places.items():
        console.print(f"  {name:24} {place}", soft_wrap=True, highlight=False, markup=False)
    ending = "[green]All steps ended well[/]"
    if not closing.ok:
        ending = f"[red]Failed:[/] {escape(str(closing.error))}"
    console.print(f"{ending}, {closing.seconds:.0f} s.")


def _steps_table(steps: list[Step]) -> Table:
    table = Table("step", "state", "seconds", title="Steps", title_justify="left")
    for step in steps:
        table.add_row(step.name, step.state, f"{step.seconds:.1f}")
    return table


def _rows_table(tables: dict[str, int]) -> Table:
    table = Table("table", "rows", title="Tables", title_justify="left")
    for name, count in tables.items():
        table.add_row(name, f"{count:,}")
    return table


def _models_table(closing: Closing, gate_metric: str) -> Table:
    names = [gate_metric]
    for model in closing.models:
        names += [name for name in model.metrics if name not in names]
    names = names[:MAX_METRICS]
    table = Table("version", "algorithm", *names, "verdict", title="Models", title_justify="left")
    for model in closing.models:
        is_champion = closing.champion is not None and model.version == closing.champion.version
        version = f"{model.version} champion" if is_champion else str(model.version)
        values = [f"{model.metrics[name]:.4f}" if name in model.metrics else "-" for name in names]
        table.add_row(version, model.algorithm, *values, model.verdict)
    return table
