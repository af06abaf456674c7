"""The algorithm families: each learns a whole pipeline, preparation included, and says what it would predict.

A family is fitted on a Spark frame of feature columns and ``label``. Categories are strings, all else doubles; NaN or null
means absent. What has to be learnt (medians, categories, scales) is learnt from the training rows only.
"""

import warnings
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import Imputer, OneHotEncoder, StandardScaler, StringIndexer, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.errors import UpdraftError
from updraft.core.schema import LABEL, ROW_ID

# LightGBM trains on one node: 4 M values take about 2 GiB with its copies. Above it, use a Spark ML family.
LIGHTGBM_MAX_VALUES = 100_000_000
Probabilities = npt.NDArray[np.float64]
Parameters = dict[str, Any]  # By name, as the algorithm knows them.


@dataclass(frozen=True)
class Columns:
    """The feature columns by kind, in the frame's order."""

    numbers: list[str]
    categories: list[str]

    @property
    def all(self) -> list[str]:
        return self.categories + self.numbers

    @classmethod
    def of(cls, frame: DataFrame, names: list[str]) -> "Columns":
        categories = [name for name in names if isinstance(frame.schema[name].dataType, T.StringType)]
        return cls([name for name in names if name not in categories], categories)


class Fitted(Protocol):
    """A fitted model. ``predict`` gives the probability of the positive class for each row of a frame, in its order."""

    @property
    def columns(self) -> Columns: ...

    @property
    def model(self) -> Any: ...

    def predict(self, rows: DataFrame) -> tuple[Probabilities, Probabilities]:
        """(labels, probabilities), both of shape (rows,)."""
        ...


@dataclass(frozen=True)
class SparkModel:
    """A Spark ML pipeline."""

    columns: Columns
    model: PipelineModel

    def predict(self, rows: DataFrame) -> tuple[Probabilities, Probabilities]:
        scored = self.model.transform(rows).select(LABEL, vector_to_array(F.col("probability"))[1].alias("p")).toPandas()
        return scored[LABEL].to_numpy(float), scored["p"].to_numpy(float)


@dataclass(frozen=True)
class SklearnModel:
    """A scikit-learn pipeline."""

    columns: Columns
    model: Any

    def predict(self, rows: DataFrame) -> tuple[Probabilities, Probabilities]:
        frame = rows.select(*self.columns.all, LABEL).toPandas()
        return frame[LABEL].to_numpy(float), self.model.predict_proba(frame[self.columns.all])[:, 1]


def fit(algorithm: str, rows: DataFrame, columns: Columns, parameters: Parameters, seed: int) -> Fitted:
    """Fit one model of the family ``algorithm`` on all of ``rows``.

    Raises:
        UpdraftError: the labels hold a single class, or a family does not know a parameter.
    """
    classes = [row[LABEL] for row in rows.select(LABEL).distinct().collect()]
    if len(classes) < 2:
        raise UpdraftError(f"training: found labels {classes}, expected both classes. Widen model.window, or see target.sql.")
    return FAMILIES[algorithm](rows, columns, parameters, seed)


def _logistic_regression(rows: DataFrame, columns: Columns, parameters: Parameters, _seed: int) -> Fitted:
    """Spark ML, deterministic: medians for absent numbers, standardised; one-hot categories, one more for the unseen."""
    filled, indexed = [f"{c}__filled" for c in columns.numbers], [f"{c}__index" for c in columns.categories]
    hot = [f"{c}__hot" for c in columns.categories]
    try:
        estimator = LogisticRegression(featuresCol="features", labelCol=LABEL, **parameters)
    except TypeError as error:
        raise UpdraftError(f"model.algorithms.logistic_regression: {error}. Expected Spark's parameter names.") from None
    if not columns.numbers:
        raise UpdraftError(
            "model.algorithms.logistic_regression: found no numeric feature, expected at least one in features.sql."
        )
    stages: list[Any] = [
        Imputer(inputCols=columns.numbers, outputCols=filled, strategy="median"),
        VectorAssembler(inputCols=filled, outputCol="numbers__vector"),
        StandardScaler(inputCol="numbers__vector", outputCol="numbers__scaled", withMean=True),
    ]
    if columns.categories:
        stages.append(StringIndexer(inputCols=columns.categories, outputCols=indexed, handleInvalid="keep"))
        stages.append(OneHotEncoder(inputCols=indexed, outputCols=hot, dropLast=False))
    stages.append(VectorAssembler(inputCols=["numbers__scaled", *hot], outputCol="features"))
    return SparkModel(columns, Pipeline(stages=[*stages, estimator]).fit(rows))


def _lightgbm(rows: DataFrame, columns: Columns, parameters: Parameters, seed: int) -> Fitted:
    """LightGBM on one node, behind an ordinal encoding (the unseen: -1). Same seed, same trees."""
    from lightgbm import LGBMClassifier
    from lightgbm.basic import _ConfigAliases
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline as SklearnPipeline
    from sklearn.preprocessing import OrdinalEncoder

    values = rows.count() * len(columns.all)
    if values > LIGHTGBM_MAX_VALUES:
        raise UpdraftError(
            f"model.algorithms.lightgbm: found {values:,} values to train on, expected at most {LIGHTGBM_MAX_VALUES:,} "
            "on one node. Narrow model.window or use a Spark ML algorithm."
        )
    if unknown := sorted(set(parameters) - set(LGBMClassifier().get_params()) - set(_ConfigAliases._get_all_param_aliases())):
        raise UpdraftError(f"model.algorithms.lightgbm: found {unknown}, expected names of LightGBM's parameters.")
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float64)
    prepare = ColumnTransformer([("categories", encoder, columns.categories), ("numbers", "passthrough", columns.numbers)])
    booster = LGBMClassifier(random_state=seed, deterministic=True, force_row_wise=True, verbose=-1, **parameters)
    pipeline = SklearnPipeline([("prepare", prepare), ("model", booster)])
    # Sorted, because the order of rows decides which of them a bagging draws.
    training = rows.select(*columns.all, LABEL, ROW_ID).toPandas().sort_values(ROW_ID, ignore_index=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        pipeline.fit(training[columns.all], training[LABEL].astype(int))
    return SklearnModel(columns, pipeline)


FAMILIES = {"logistic_regression": _logistic_regression, "lightgbm": _lightgbm}


def example(rows: DataFrame, columns: Columns, number: int = 5) -> pd.DataFrame:
    """A few rows as a model gets them."""
    return rows.orderBy(ROW_ID).select(*columns.all).limit(number).toPandas()
