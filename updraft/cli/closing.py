"""What stands at the end of a demo or a run: the report as a file, and as tables for people."""

import json
import logging
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from rich.console import Console
from rich.table import Table

from updraft.core.reports import DriftReport
from updraft.core.use_case import UseCase

MOST = 4  # Metrics of a model that a terminal has room for.


class Step(BaseModel):
    """One step: how it ended and how long it took."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: str
    seconds: float


class Closing(BaseModel):
    """The keys of ``report.json``."""

    use_case: str
    ok: bool
    seconds: float
    steps: list[Step]
    tables: dict[str, int] = {}
    models: list[dict[str, Any]] = []
    champion: dict[str, Any] | None = None
    drift: list[dict[str, Any]] = []
    error: str | None = None

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        part.write_text(json.dumps(self.model_dump(mode="json"), indent=2) + "\n")
        part.replace(file)


def table_rows(use_case: UseCase) -> dict[str, int]:
    """The rows of every table of the use case, by the log of each."""
    from deltalake import DeltaTable

    from updraft.core.settings import settings

    folder = settings().path("tables", use_case.name)
    found = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.exists() else []
    return {path.name: DeltaTable(str(path)).count() for path in found if DeltaTable.is_deltatable(str(path))}


def models(use_case: UseCase) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Every registered version with its holdout metrics and the gate's verdict; and the champion."""
    from updraft.models import records

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # Imported, it greets a new experiment between our lines.
    client = records.connect(use_case)
    versions = sorted(client.search_model_versions(f"name = '{use_case.name}'"), key=lambda found: int(found.version))
    champion = records.champion(client, use_case)
    listed = []
    for found in versions:
        metrics = client.get_run(str(found.run_id)).data.metrics
        listed.append(
            {
                "version": int(found.version),
                "algorithm": found.tags.get("updraft.algorithm"),
                "metrics": {k.removeprefix("holdout_"): v for k, v in metrics.items() if k.startswith("holdout_")},
                "verdict": found.tags.get("updraft.verdict", "none"),
                "reasons": found.tags.get("updraft.reasons", "").splitlines(),
            }
        )
    now = next((one for one in listed if champion and one["version"] == champion.version), None)
    return listed, {key: now[key] for key in ("version", "algorithm", "metrics")} if now else None


def drift_entry(report: DriftReport, use_case: UseCase) -> dict[str, Any]:
    """What a monitoring run has found, in the report's words."""
    return {
        "window": f"{report.first}..{report.last}" if use_case.unit else "the snapshot",
        "detected": report.detected,
        "columns": [column.column for column in report.columns if column.drifted],
    }


def show(closing: Closing, console: Console, places: dict[str, str], metric: str, command: str) -> None:
    """The closing tables.

    ``places``: what can be looked at, and where. ``metric``: the gate's, which comes first. ``command``: what has ended.
    """
    steps = Table("step", "state", "seconds", title="Steps", title_justify="left")
    for step in closing.steps:
        steps.add_row(step.name, step.state, f"{step.seconds:.1f}")
    console.print(steps)
    if closing.tables:
        rows = Table("table", "rows", title="Tables", title_justify="left")
        for name, count in closing.tables.items():
            rows.add_row(name, f"{count:,}")
        console.print(rows)
    if closing.models:
        metrics = list(dict.fromkeys([metric, *(name for one in closing.models for name in one["metrics"])]))
        metrics = metrics[:MOST]
        found = Table("version", "algorithm", *metrics, "verdict", title="Models", title_justify="left")
        for one in closing.models:
            is_champion = bool(closing.champion and one["version"] == closing.champion["version"])
            found.add_row(
                f"{one['version']}{' champion' if is_champion else ''}",
                one["algorithm"],
                *(f"{one['metrics'][name]:.4f}" if name in one["metrics"] else "-" for name in metrics),
                one["verdict"],
            )
        console.print(found)
        for one in closing.models:  # Beside the figures there is no room for sentences.
            for reason in one["reasons"]:
                console.print(f"version {one['version']} {one['verdict']}: {reason}", highlight=False, markup=False)
    for one in closing.drift:
        what = f"drifted: {', '.join(one['columns'])}" if one["columns"] else "no column has drifted"
        console.print(f"Drift in {one['window']}: {what}", soft_wrap=True)
    # No table: a path that is broken at a column's edge can be neither clicked nor copied.
    console.print(f"[italic]Where to look; `make up` starts Airflow and MLflow on what {command} has left[/]")
    for what, where in places.items():
        console.print(f"  {what:24} {where}", soft_wrap=True, highlight=False)
    verdict = "[green]All steps ended well[/]" if closing.ok else f"[red]Failed:[/] {closing.error}"
    console.print(f"{verdict}, {closing.seconds:.0f} s.")
