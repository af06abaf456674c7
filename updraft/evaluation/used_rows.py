"""The rows that a run has used, as MLflow records them among its datasets."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal

from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.entities import Dataset, DatasetInput, InputTag
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT
from pyspark.sql import DataFrame

from updraft.core.interval import SNAPSHOT, Interval
from updraft.core.kinds import Task
from updraft.core.schema import FEATURES, LABEL, feature_names, quote
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.evaluation.kinds import kind_of


@dataclass(frozen=True)
class UsedRows:
    """The rows that a run has used of a version of the features table, and their labels.

    ``days``: None for a snapshot, whose rows are those of a ``split``. ``labels``: a summary of
    the labels, and ``label_text`` the same in words.
    """

    version: int
    days: Interval | None
    split: str | None
    rows: int
    labels: dict[str, Any]
    label_text: str

    @classmethod
    def of(
        cls, frame: DataFrame, task: Task, version: int, days: Interval, split: str
    ) -> "UsedRows":
        """Count the rows and their labels. ``split``: the rows of a snapshot."""
        kind = kind_of(task)
        rows, labels = kind.label_summary(frame, task)
        is_snapshot = days.first == SNAPSHOT
        return cls(
            version,
            days=None if is_snapshot else days,
            split=split if is_snapshot else None,
            rows=rows,
            labels=labels,
            label_text=kind.label_text(rows, labels),
        )

    @property
    def where(self) -> str:
        """Which rows they are: days or a split."""
        return f"split {self.split}" if self.split else str(self.days)

    def __str__(self) -> str:
        rows = f"{self.rows:,} labelled rows" if self.labels else f"{self.rows:,} rows"
        text = f"features v{self.version}, {self.where}: {rows}"
        return f"{text}, {self.label_text}" if self.label_text else text


def log_rows(
    client: MlflowClient,
    run_id: str,
    context: Literal["training", "holdout"],
    use_case: UseCase,
    used: UsedRows,
    frame: DataFrame,
) -> None:
    """Log among a run's datasets which rows it has used; idempotent.

    ``frame``: a frame with the columns of the rows.
    """
    # MLflow's own classes would count the rows again, and leave out a version 0.
    path = settings().table(use_case.name, FEATURES).spark
    source = {"path": path, "delta_table_version": used.version}
    columns = [quote(name) for name in feature_names(frame.columns)]
    schema = infer_signature(frame.select(*columns, LABEL)).inputs
    where: dict[str, Any] = {"split": used.split}
    if used.days:
        where = {"first": str(used.days.first), "last": str(used.days.last)}
    profile = {"num_rows": used.rows, **used.labels, **where}
    documents = [source, {"mlflow_colspec": schema.to_dict()}, profile]
    texts = [json.dumps(document) for document in documents]
    digest = hashlib.sha256("".join(texts).encode()).hexdigest()[:8]
    source_type = DeltaDatasetSource._get_source_type()
    dataset = Dataset(f"features v{used.version} {used.where}", digest, source_type, *texts)
    tags = [InputTag(MLFLOW_DATASET_CONTEXT, context)]
    client.log_inputs(run_id, [DatasetInput(dataset, tags)])
