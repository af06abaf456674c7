"""A fitted model becomes a registered version: export, parity check, importance, registration."""

import logging
from typing import Any, NamedTuple

import mlflow
import onnx
import pandas as pd
from mlflow.models import infer_signature
from mlflow.models.model import ModelInfo
from mlflow.tracking import MlflowClient
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.manifest import Manifest
from updraft.core.registry import CHALLENGER
from updraft.core.schema import ROW_ID
from updraft.core.use_case import UseCase
from updraft.evaluation.importance import IMPORTANCE, permutation_importance
from updraft.evaluation.plots.importance import importance_figure
from updraft.models.feature_columns import example
from updraft.models.onnx_runtime import score_onnx
from updraft.models.versions import VersionTags, manifest
from updraft.training.export import check_parity, to_onnx
from updraft.training.families import Fitted

# The packages that serve the model. Without the list MLflow spends seconds to infer them.
REQUIREMENTS = ["mlflow", "onnx", "onnxruntime", "pandas"]
SAMPLE_ROWS = 2000  # To compare exported and native model, and to measure importance.
logger = logging.getLogger(__name__)


class Registration(NamedTuple):
    """A new version, and what it is, for the ledger."""

    version: int
    manifest: Manifest


def register(
    client: MlflowClient,
    run_id: str,
    use_case: UseCase,
    fitted: Fitted,
    validation: DataFrame,
    card: str,
    tags: VersionTags,
    documents: dict[str, Any],
) -> Registration:
    """Log the model as ONNX, which loads without pickles, and register it as ``challenger``.

    ``run_id``: the active run. ``validation``: the rows of the newest validation block; the
    exported model is checked on a sample of them. ``documents``: other JSON documents of the run,
    by name.

    Raises:
        UpdraftError: the exported model does not predict what the native one does.
    """
    exported = to_onnx(fitted)
    # By a hash of the id, so that the sample is deterministic and spread over the block: the first
    # ids are all of one day.
    sample = validation.orderBy(F.xxhash64(ROW_ID), ROW_ID).limit(SAMPLE_ROWS).cache()
    rows = sample.toPandas()
    _, native = fitted.predict(sample)
    mlflow.log_metric("export_difference", check_parity(exported, rows, native))
    importance = _importance(exported, rows, fitted, use_case.model.search.seed)
    info = _log_model(exported, fitted, example(sample, fitted.columns))
    _ensure_registered_model(client, use_case)
    version = client.create_model_version(
        use_case.name,
        source=info.model_uri,
        model_id=info.model_id,
        run_id=run_id,
        description=card,
        tags=tags.as_tags(),
    )
    client.set_registered_model_alias(use_case.name, CHALLENGER, version.version)
    number = int(version.version)
    model = exported.SerializeToString()
    approved = manifest(use_case, number, model, tags, {**documents, **importance})
    return Registration(number, approved)


def _importance(
    exported: onnx.ModelProto, rows: pd.DataFrame, fitted: Fitted, seed: int
) -> dict[str, Any]:
    """The importance of the features, logged with the run, by its name; empty if there is none."""
    importance = permutation_importance(exported, rows, fitted.columns, seed, fitted.task)
    if importance is None:
        logger.info(
            "importance: it cannot be measured on the sampled rows of the newest validation "
            "block, so there is no plot"
        )
        return {}
    mlflow.log_dict(importance, IMPORTANCE)
    mlflow.log_figure(importance_figure(importance), "plots/importance.png")
    return {IMPORTANCE: importance}


def _log_model(exported: onnx.ModelProto, fitted: Fitted, rows: pd.DataFrame) -> ModelInfo:
    """``rows``: the input example, from which the signature is inferred."""
    scores = pd.DataFrame(score_onnx(exported, rows), columns=fitted.task.outputs)
    info: ModelInfo = mlflow.onnx.log_model(
        exported,
        name="model",
        signature=infer_signature(rows, scores),
        input_example=rows,
        pip_requirements=REQUIREMENTS,
        save_as_external_data=False,  # One file, with names that do not change from run to run.
    )
    return info


def _ensure_registered_model(client: MlflowClient, use_case: UseCase) -> None:
    if not client.search_registered_models(f"name = '{use_case.name}'"):
        description = f"{use_case.title}. {use_case.description}"
        client.create_registered_model(use_case.name, description=description)
