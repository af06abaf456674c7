"""Scoring by a registered version: Spark asks the model that MLflow holds, and nothing else."""

import mlflow
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.schema import LABEL, ROW_ID
from updraft.core.use_case import UseCase
from updraft.training.metrics import Floats


def model_uri(use_case: UseCase, version: int) -> str:
    """How MLflow calls a registered version."""
    return f"models:/{use_case.name}/{version}"


def probability(frame: DataFrame, uri: str) -> Column:
    """The model's probability for each row of ``frame``, as a column.

    Raises:
        UpdraftError: the model wants columns that the frame does not have.
    """
    signature = mlflow.models.get_model_info(uri).signature
    wanted = signature.inputs.input_names() if signature else []
    if missing := [name for name in wanted if name not in frame.columns]:
        raise UpdraftError(f"{uri}: expected the features {missing}, not found in the table. Has features.sql changed?")
    score = mlflow.pyfunc.spark_udf(frame.sparkSession, uri, result_type="double", env_manager="local")
    scored: Column = score(F.struct(*wanted))
    return scored


def holdout_scores(holdout: DataFrame, uris: list[str]) -> tuple[Floats, list[Floats]]:
    """Labels and, for each model, probabilities of the same labelled rows in the same order, each of shape (rows,)."""
    columns = [probability(holdout, uri).alias(f"p{n}") for n, uri in enumerate(uris)]
    scored = holdout.where(F.col(LABEL).isNotNull()).select(ROW_ID, LABEL, *columns).toPandas().sort_values(ROW_ID)
    return scored[LABEL].to_numpy(float), [scored[f"p{n}"].to_numpy(float) for n in range(len(uris))]
