"""What MLflow keeps of a training: experiment, runs, the registered version and what can be asked of it later."""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

import mlflow
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.registry import CHAMPION, EVIDENCE, VERDICT_HEADING
from updraft.core.settings import settings
from updraft.core.use_case import UseCase

IDENTITY, REPORT = "updraft.identity", "updraft.report"


def connect(use_case: UseCase) -> MlflowClient:
    """Turn MLflow to the tracking server and the use case's experiment, which has the use case's name.

    Raises:
        UpdraftError: no server is configured, or it does not answer.
    """
    uri = settings().mlflow_tracking_uri
    if not uri:
        raise UpdraftError("MLFLOW_TRACKING_URI: not set, expected the tracking server's address. `make up` starts one.")
    # A model from elsewhere may hold anything: none that needs pickles is loaded.
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    mlflow.set_tracking_uri(uri)
    try:
        mlflow.set_experiment(use_case.name)
    except MlflowException as error:
        raise UpdraftError(f"MLflow at {uri}: no answer. Start it (`make up`), then clear this task.\n{error}") from None
    return MlflowClient()


@dataclass(frozen=True)
class Registered:
    """A registered version with what training has noted about it; ``card``: its description without what the gate adds.

    ``threshold``: of binary models alone. ``relevance``: of recommenders, the label from which an item counts as relevant.
    """

    version: int
    run_id: str
    algorithm: str
    threshold: float | None
    relevance: float | None
    features_version: int
    trained_from: date
    trained_until: date
    card: str

    @property
    def description(self) -> str:
        """The card's first paragraph."""
        return self.card.partition("\n\n")[0]

    @property
    def days(self) -> Interval:
        """The days of the rows that it was trained on; of a snapshot its only one."""
        return Interval(self.trained_from, self.trained_until)

    @classmethod
    def of(cls, found: ModelVersion) -> "Registered":
        tags = found.tags
        try:
            return cls(
                int(found.version),
                str(found.run_id),
                tags["updraft.algorithm"],
                float(tags["updraft.threshold"]) if "updraft.threshold" in tags else None,
                float(tags["updraft.relevance"]) if "updraft.relevance" in tags else None,
                int(tags["updraft.features_version"]),
                date.fromisoformat(tags["updraft.trained_from"]),
                date.fromisoformat(tags["updraft.trained_until"]),
                (found.description or "").partition(VERDICT_HEADING)[0].rstrip(),
            )
        except KeyError as missing:
            raise UpdraftError(
                f"model {found.name} version {found.version}: tag {missing} not found. It was not registered by "
                "the training DAG, so what it was trained on is not known. Register models through that DAG."
            ) from None


def champion(client: MlflowClient, use_case: UseCase) -> Registered | None:
    """The version that has the alias ``champion``, or none."""
    try:
        return Registered.of(client.get_model_version_by_alias(use_case.name, CHAMPION))
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def evidence(client: MlflowClient, use_case: UseCase, version: int) -> dict[str, Any] | None:
    """The evidence on a version, if it has been made. The tag is written last: with it, all else is there."""
    digest = evidence_digest(client, use_case, version)
    run_id = client.get_model_version(use_case.name, str(version)).run_id
    return load_json(str(run_id), evidence_file(digest)) if digest else None


def evidence_digest(client: MlflowClient, use_case: UseCase, version: int) -> str | None:
    """The hash under which the evidence on a version is kept, if it has been made."""
    return client.get_model_version(use_case.name, str(version)).tags.get(EVIDENCE)


def evidence_file(digest: str) -> str:
    """Where the evidence of this hash lies among a run's artifacts."""
    return f"evidence/{digest}.json"


def registered(client: MlflowClient, use_case: UseCase, version: int) -> Registered:
    """A version by its number."""
    return Registered.of(client.get_model_version(use_case.name, str(version)))


def identity(use_case: UseCase, report: str, features_version: int) -> str:
    """What makes a training the same one: its DAG run, its rows, its use case."""
    parts = [report, features_version, use_case.model_dump_json(exclude={"folder", "alerts"}), use_case.features_sql]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def finished_run(client: MlflowClient, use_case: UseCase, report: str, key: str) -> str | None:
    """The run that has already done this training. What killed attempts of the same task have left is deleted first."""
    experiment = client.get_experiment_by_name(use_case.name)
    assert experiment is not None
    done = None
    for run in client.search_runs([experiment.experiment_id], f"tags.`{REPORT}` = '{report}'"):
        if run.info.status == "FINISHED":
            done = str(run.info.run_id) if run.data.tags.get(IDENTITY) == key else done
            continue
        for version in client.search_model_versions(f"run_id = '{run.info.run_id}'"):
            client.delete_model_version(use_case.name, version.version)
        for child in client.search_runs([experiment.experiment_id], f"tags.mlflow.parentRunId = '{run.info.run_id}'"):
            client.delete_run(child.info.run_id)
        client.delete_run(run.info.run_id)
    return done


def load_json(run_id: str, name: str) -> Any:
    """A JSON document that a run keeps."""
    return mlflow.artifacts.load_dict(f"runs:/{run_id}/{name}")


def key(metric: str) -> str:
    """A metric's name as MLflow takes it: a class may be called anything."""
    return re.sub(r"[^\w.\- /]", "_", metric)
