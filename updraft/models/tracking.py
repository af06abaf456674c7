"""The connection to MLflow's tracking server, and how documents and metrics are named there."""

import hashlib
import os
import re
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.settings import settings
from updraft.core.use_case import UseCase

KEY_LENGTH = 230  # Of a metric; MLflow allows 250 characters, and some keys get a prefix.


def connect(use_case: UseCase) -> MlflowClient:
    """Connect MLflow to the tracking server and the experiment named after the use case.

    Raises:
        UpdraftError: no server is configured, or it does not answer.
    """
    uri = settings().mlflow_tracking_uri
    if not uri:
        raise UpdraftError(
            "MLFLOW_TRACKING_URI: not set, expected the tracking server's address. "
            "`make up` starts one."
        )
    # A model from elsewhere may contain anything: no model that needs pickles is loaded.
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    mlflow.set_tracking_uri(uri)
    try:
        mlflow.set_experiment(use_case.name)
    except MlflowException as error:
        raise UpdraftError(
            f"MLflow at {uri}: {_problem(str(error), use_case.name)}\n{error}"
        ) from None
    return MlflowClient()


def _problem(message: str, experiment: str) -> str:
    """What a failed request to MLflow means, and the next step."""
    if "deleted experiment" in message:
        return (
            f"the experiment {experiment} has been deleted there. Restore it (`mlflow experiments "
            "restore`), then clear this task."
        )
    if "error code 401" in message or "error code 403" in message:
        return (
            "it refuses the user or the password. It may be the server of another system: check "
            "MLFLOW_TRACKING_URI, MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or start "
            "your own (`make down`, `make up`); then clear this task."
        )
    if "error code 404" in message:
        return "what answers there is not MLflow. Check MLFLOW_TRACKING_URI, then clear this task."
    return "no answer. Start it (`make up`), then clear this task."


def load_json(run_id: str, name: str) -> Any:
    """Load a JSON document from a run's artifacts."""
    return mlflow.artifacts.load_dict(f"runs:/{run_id}/{name}")


def metric_key(name: str) -> str:
    """Return the name under which MLflow accepts a metric: a class may be called anything.

    Each other character becomes its code between colons, and a long key ends with its hash, so no
    two names become one.
    """
    key = re.sub(r"[^A-Za-z0-9_.\- ]", lambda match: f":{ord(match[0]):x}:", name)
    if len(key) <= KEY_LENGTH:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]
    return f"{key[: KEY_LENGTH - 17]}:{digest}"
