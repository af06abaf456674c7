"""Scoring by a registered version: Spark asks the model that MLflow holds, and nothing else."""

import re

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
from updraft.models.records import Registered

CHECKED_ROWS = 100


def model_uri(use_case: UseCase, version: int) -> str:
    """How MLflow calls a registered version."""
    return f"models:/{use_case.name}/{version}"


def answers(frame: DataFrame, uri: str, task: Task) -> Column:
    """What the model answers for each row of ``frame``: a struct with a double for each of ``task.outputs``.

    Raises:
        UpdraftError: the model wants columns that the frame does not have, or answers something else.
    """
    signature = mlflow.models.get_model_info(uri).signature
    wanted, given = (one.input_names() if one else [] for one in ((signature.inputs, signature.outputs) if signature else ()))
    if missing := [name for name in wanted if name not in frame.columns]:
        raise UpdraftError(
            f"{uri}: expected the features {missing}, not found in the table. Has features.sql changed? A champion that "
            f"cannot be asked any more is retired by `updraft rollback {uri.split('/')[1]} --to 0`."
        )
    if given != task.outputs:
        raise UpdraftError(f"{uri}: it answers {given}, expected {task.outputs}. Have kind or data.target.classes changed?")
    result_type = ", ".join(f"{name} double" for name in task.outputs)
    answer = mlflow.pyfunc.spark_udf(frame.sparkSession, uri, result_type=result_type, env_manager="local")
    answered: Column = answer(F.struct(*map(quote, wanted)))
    return answered


def holdout_answers(holdout: DataFrame, uris: list[str], task: Task, columns: list[str]) -> pd.DataFrame:
    """The rows in order of their ids: row_id, label, ``columns``, and the outputs of model n as ``<output>@n``."""
    kept = [ROW_ID, LABEL, *map(quote, columns)]
    asked = holdout.select(*kept, *[answers(holdout, uri, task).alias(f"@{n}") for n, uri in enumerate(uris)])
    outputs = [F.col(f"`@{n}`.{name}").alias(f"{name}@{n}") for n in range(len(uris)) for name in task.outputs]
    return asked.select(*kept, *outputs).toPandas().sort_values(ROW_ID, ignore_index=True)


def predictions(frame: DataFrame, use_case: UseCase, champion: Registered, entry: str) -> DataFrame:
    """The rows of the predictions table: the row's identity, what its kind answers, by which version and when.

    ``entry``: the key of the ledger's entry by which the version is champion.
    """
    task = use_case.task
    asked = frame.select(*IDENTITY, answers(frame, model_uri(use_case, champion.version), task).alias("answer"))
    answer = {name: F.col(f"answer.{name}") for name in task.outputs}
    match task.kind:
        case "binary":
            assert champion.threshold is not None, "a binary model decides by a threshold"
            found = [
                answer["probability"].alias("probability"),
                (answer["probability"] >= champion.threshold).alias("prediction"),
            ]
        case "multiclass":
            probabilities = F.array(*answer.values())
            place = F.array_position(probabilities, F.array_max(probabilities)).cast("int")
            found = [one.alias(name) for one, name in zip(answer.values(), class_columns(task), strict=True)]
            found.append(F.element_at(F.array(*map(F.lit, task.classes)), place).alias("prediction"))
        case "clustering":
            found = [answer["cluster"].cast("int").alias("cluster")]
        case _:
            found = [answer["prediction"].alias("prediction")]
    by = [F.lit(champion.version).alias("model_version"), F.lit(entry).alias("ledger_entry")]
    return asked.select(*IDENTITY, *found, *by, F.current_timestamp().alias("scored_at"))


def check_scores(frame: DataFrame, use_case: UseCase, model: Registered) -> None:
    """Let a version answer for some rows of today's features.

    Raises:
        UpdraftError: it cannot be loaded, wants other features, or gives answers that are missing or not finite.
    """
    uri = model_uri(use_case, model.version)
    try:
        asked = frame.orderBy(ROW_ID).limit(CHECKED_ROWS).select(answers(frame, uri, use_case.task).alias("answer")).cache()
        bad = asked.where(
            " OR ".join(
                f"answer.{n} IS NULL OR isnan(answer.{n}) OR abs(answer.{n}) = double('inf')" for n in use_case.task.outputs
            )
        )
        rows, wrong = asked.count(), bad.count()
    except (MlflowException, PySparkException, OSError) as error:
        raise UpdraftError(f"{uri}: it no longer scores: {str(error).splitlines()[0]}") from None
    if wrong or not rows:
        raise UpdraftError(f"{uri}: it no longer scores: {wrong} of {rows} answers are missing or not finite.")


def class_columns(task: Task) -> list[str]:
    """The probabilities' columns, one a class: by its name, or by its place where names differ in signs or case alone."""
    names = ["probability_" + re.sub(r"\W", "_", name) for name in task.classes]
    return names if len({name.lower() for name in names}) == len(names) else task.outputs
