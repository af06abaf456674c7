"""Scoring with Spark: the answers of a registered version as columns, and the predictions table."""

from collections.abc import Callable
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.exceptions import MlflowException
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import IDENTITY, LABEL, ROW_ID, quote
from updraft.core.use_case import UseCase
from updraft.models.versions import RegisteredVersion, model_uri

CHECKED_ROWS = 100
# From the outputs of a version, by name, to the columns that its kind adds to predictions.
PredictionColumns = Callable[[dict[str, Column], RegisteredVersion, Task], list[Column]]


def answers(frame: DataFrame, folder: Path, task: Task) -> Column:
    """Return the model's answers on ``frame``: a struct with a double for each of ``task.outputs``.

    ``folder``: the verified copy of the model's files.

    Raises:
        UpdraftError: the model needs columns that the frame does not have, or has other outputs.
    """
    uri = str(folder)
    signature = mlflow.models.get_model_info(uri).signature
    inputs: list[str] = []
    outputs: list[str] = []
    if signature and signature.inputs:
        inputs = signature.inputs.input_names()
    if signature and signature.outputs:
        outputs = signature.outputs.input_names()
    missing = [name for name in inputs if name not in frame.columns]
    if missing:
        raise UpdraftError(
            f"the model expects the features {missing}, not found in the table. Has features.sql "
            "changed? A champion that can no longer score is retired by `updraft rollback` with "
            "--to 0."
        )
    if outputs != task.outputs:
        raise UpdraftError(
            f"the model has the outputs {outputs}, expected {task.outputs}. "
            "Have kind or data.target.classes changed?"
        )
    score = mlflow.pyfunc.spark_udf(
        frame.sparkSession,
        uri,
        result_type=", ".join(f"{name} double" for name in task.outputs),
        env_manager="local",
    )
    answer: Column = score(F.struct(*map(quote, inputs)))
    return answer


def holdout_answers(
    holdout: DataFrame, folders: list[Path], task: Task, columns: list[str]
) -> pd.DataFrame:
    """Score the holdout with several models at the same time.

    Returns the rows in the order of their ids: row_id, label, ``columns``, and the outputs of the
    model at position n of ``folders`` as ``<output>@n``.
    """
    row_columns = [ROW_ID, LABEL, *map(quote, columns)]
    scores = [answers(holdout, folder, task).alias(f"@{n}") for n, folder in enumerate(folders)]
    outputs = [
        F.col(f"`@{n}`.{name}").alias(f"{name}@{n}")
        for n in range(len(folders))
        for name in task.outputs
    ]
    scored = holdout.select(*row_columns, *scores).select(*row_columns, *outputs)
    return scored.toPandas().sort_values(ROW_ID, ignore_index=True)


def predictions(
    frame: DataFrame,
    use_case: UseCase,
    version: RegisteredVersion,
    entry_key: str,
    columns: PredictionColumns,
) -> DataFrame:
    """Return the rows of the predictions table.

    Each has the row's identity, the prediction in the ``columns`` of the kind, the version that
    made it, and when. ``entry_key``: the key of the ledger entry by which the version is champion.
    """
    task = use_case.task
    answer = answers(frame, version.folder, task).alias("answer")
    outputs = {name: F.col(f"answer.{name}") for name in task.outputs}
    return frame.select(*IDENTITY, answer).select(
        *IDENTITY,
        *columns(outputs, version, task),
        F.lit(version.version).alias("model_version"),
        F.lit(entry_key).alias("ledger_entry"),
        F.current_timestamp().alias("scored_at"),
    )


def check_scores(frame: DataFrame, use_case: UseCase, version: RegisteredVersion) -> None:
    """Check that a version can score some rows of today's features.

    Raises:
        UpdraftError: it cannot be loaded, needs other features, or has scores that are missing or
            not finite.
    """
    uri = model_uri(use_case, version.version)
    invalid = " OR ".join(
        f"answer.{name} IS NULL OR isnan(answer.{name}) OR abs(answer.{name}) = double('inf')"
        for name in use_case.task.outputs
    )
    try:
        sample = frame.orderBy(ROW_ID).limit(CHECKED_ROWS)
        scored = sample.select(
            answers(sample, version.folder, use_case.task).alias("answer")
        ).cache()
        rows = scored.count()
        failures = scored.where(invalid).count()
    except (MlflowException, PySparkException, OSError) as error:
        message = str(error).splitlines()[0]
        raise UpdraftError(
            f"{uri}: it no longer scores. Roll back to another version. The reason: {message}"
        ) from None
    if failures or not rows:
        raise UpdraftError(
            f"{uri}: it no longer scores: {failures} of {rows} answers are missing or not finite. "
            "Roll back to another version."
        )
