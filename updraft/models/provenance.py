"""Where a model comes from: the rows, the code, the locks and the DAG run, as MLflow keeps them."""

import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_GIT_COMMIT
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.interval import SNAPSHOT, Interval
from updraft.core.kinds import Task
from updraft.core.schema import LABEL, feature_names
from updraft.core.settings import REPO, settings
from updraft.core.use_case import UseCase

UNKNOWN = "unknown"
DAG_RUN = re.compile(r"reports/(?P<dag>[^/]+)/(?P<run>[^/]+)/[^/]+\.json")


@dataclass(frozen=True)
class Used:
    """The rows of the features table, as of a Delta version, that a run has used, and what their labels are.

    ``days``: none of a snapshot, whose rows are those of a ``split``.
    """

    version: int
    days: Interval | None
    split: str | None
    rows: int
    labels: dict[str, Any]

    @classmethod
    def of(cls, frame: DataFrame, task: Task, version: int, days: Interval, split: str) -> "Used":
        """Count the rows and their labels; ``split`` is what they are called if there are no ``days``."""
        snapshot = days.first == SNAPSHOT
        rows, labels = _counted(frame, task)
        return cls(version, None if snapshot else days, split if snapshot else None, rows, labels)

    @property
    def where(self) -> str:
        return f"split {self.split}" if self.split else str(self.days)

    def __str__(self) -> str:
        said = ""
        if "positives" in self.labels:
            said = f", {self.labels['positives'] / self.rows:.1%} positive"
        elif "classes" in self.labels:
            said = "".join(f", {n / self.rows:.1%} {name}" for name, n in self.labels["classes"].items())
        elif "mean" in self.labels:
            said = f", {self.labels['mean']:.4g} on average"
        labelled = "labelled rows" if self.labels else "rows"
        return f"features v{self.version}, {self.where}: {self.rows:,} {labelled}{said}"


def _counted(frame: DataFrame, task: Task) -> tuple[int, dict[str, Any]]:
    label = F.col(LABEL)
    wanted = [F.count("*").alias("rows")]
    match task.kind:
        case "binary":
            wanted.append(F.sum(label).cast("long").alias("positives"))
        case "multiclass":
            wanted += [F.count_if(label == n) for n in range(len(task.classes))]
        case "regression" | "recommendation":
            wanted.append(F.mean(label).alias("mean"))
    rows, *labels = frame.agg(*wanted).collect()[0]
    match task.kind:
        case "binary":
            return rows, {"positives": labels[0]}
        case "multiclass":
            return rows, {"classes": dict(zip(task.classes, labels, strict=True))}
        case "clustering":
            return rows, {}
    return rows, {"mean": labels[0]}


def log_rows(
    client: MlflowClient, run_id: str, context: Literal["training", "holdout"], use_case: UseCase, used: Used, frame: DataFrame
) -> None:
    """Note among a run's datasets which rows it has used. ``frame`` has their columns. Noted again, nothing changes."""
    # MLflow's own classes would count the rows anew, and leave out a version 0.
    source = {"path": str(settings().table(use_case.name, "features")), "delta_table_version": used.version}
    schema = infer_signature(frame.select(*feature_names(frame.columns), LABEL)).inputs
    where = {"first": str(used.days.first), "last": str(used.days.last)} if used.days else {"split": used.split}
    profile = {"num_rows": used.rows, **used.labels, **where}
    described = [json.dumps(source), json.dumps({"mlflow_colspec": schema.to_dict()}), json.dumps(profile)]
    digest = hashlib.sha256("".join(described).encode()).hexdigest()[:8]
    kind = DeltaDatasetSource._get_source_type()
    dataset = Dataset(f"features v{used.version} {used.where}", digest, kind, *described)
    client.log_inputs(run_id, [DatasetInput(dataset, [InputTag(MLFLOW_DATASET_CONTEXT, context)])])


def code_tags() -> dict[str, str]:
    """The commit, whether the tree differs from it, and the SHA-256 of the code and of each lock.

    Outside a git checkout (a container) the first two are ``unknown``; the sum of the code tells versions apart there too.
    """
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", ".")
    code = [path for folder in ("updraft", "spark_jobs") for path in (REPO / folder).rglob("*.py")]
    return {
        MLFLOW_GIT_COMMIT: commit or UNKNOWN,
        "updraft.dirty": UNKNOWN if changes is None else str(bool(changes)).lower(),
        "updraft.code_sha256": _sha256(code),
        "updraft.requirements_sha256": _sha256([REPO / "requirements.txt"]),
        "updraft.jars_sha256": _sha256([REPO / "jars.lock"]),
    }


def origin(report: str) -> tuple[str, str]:
    """By which DAG run, and by which code, something is decided: its commit, or the sum of its files where there is no git."""
    run, code = dag_run_tags(report), code_tags()
    commit = code[MLFLOW_GIT_COMMIT]
    version = commit + "+" * (code["updraft.dirty"] == "true") if commit != UNKNOWN else code["updraft.code_sha256"]
    return f"{run['updraft.dag_id']} {run['updraft.dag_run_id']}" if run else report, version


def dag_run_tags(report: str) -> dict[str, str]:
    """The DAG run to which a report belongs, and its page in Airflow's UI. Empty for a job that was run by hand."""
    found = DAG_RUN.fullmatch(report)
    if not found:
        return {}
    tags = {"updraft.dag_id": found["dag"], "updraft.dag_run_id": found["run"]}
    if server := settings().airflow_ui:
        tags["updraft.dag_run_url"] = f"{server.rstrip('/')}/dags/{found['dag']}/runs/{quote(found['run'], safe=':+')}"
    return tags


def _git(*arguments: str) -> str | None:
    """What git says about this checkout; none where there is no git or no checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    done = subprocess.run([git, "-C", str(REPO), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _sha256(files: Iterable[Path]) -> str:
    """The sum of a single file is that of ``sha256sum``; of several, that of their contents in the order of their paths."""
    digest = hashlib.sha256()
    for file in sorted(files):
        if not file.exists():
            return UNKNOWN
        digest.update(file.read_bytes())
    return digest.hexdigest()
