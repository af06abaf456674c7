"""LightGBM inside a scikit-learn pipeline, on one node."""

import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import LABEL, ROW_ID
from updraft.models.feature_columns import Columns
from updraft.models.onnx_runtime import Scores
from updraft.training.families.fitted import Labels, Parameters, given, spread
from updraft.training.families.parameters import LIGHTGBM, lightgbm_class

# 4 M values take about 2 GiB with their copies. Above this, use a Spark ML family.
MAX_VALUES = 100_000_000


@dataclass(frozen=True)
class SklearnModel:
    """A scikit-learn pipeline."""

    task: Task
    columns: Columns
    model: Any

    @property
    def present(self) -> list[int]:
        """Of several classes, those that had rows in training."""
        return [int(label) for label in self.model.classes_] if self.task.kind == "multiclass" else []

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        frame = given(rows, self.columns).toPandas()
        features = frame[self.columns.plain_categories + self.columns.plain_numbers]
        labels = frame[LABEL].to_numpy(float)
        if self.task.kind == "regression":
            return labels, self.model.predict(features).reshape(-1, 1)
        found = self.model.predict_proba(features)
        if self.task.kind == "binary":
            return labels, found[:, 1:]
        return labels, spread(found, self.present, self.task)


def fit_lightgbm(
    rows: DataFrame, columns: Columns, parameters: Parameters, seed: int, task: Task, *, balance: bool, beside: int
) -> SklearnModel:
    """LightGBM behind an ordinal encoding (the unseen and the absent: -1). Same seed, same trees.

    Raises:
        UpdraftError: LightGBM refuses a value, or there are too many rows for one node.
    """
    from lightgbm.basic import LightGBMError
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder

    values = rows.count() * len(columns.all)
    if values > MAX_VALUES:
        raise UpdraftError(
            f"model.algorithms.{LIGHTGBM}: found {values:,} values to train on, expected at most {MAX_VALUES:,} "
            "on one node. Narrow model.window or use a Spark ML algorithm."
        )
    weights: Parameters = {}
    if balance:
        if clash := sorted({"class_weight", "is_unbalance", "scale_pos_weight"} & set(parameters)):
            raise UpdraftError(f"model.balance: found {clash} of {LIGHTGBM}, too. Keep one.")
        weights = {"class_weight": "balanced"}
    # Sorted, because the order of rows decides which of them a bagging draws.
    training = given(rows, columns).toPandas().sort_values(ROW_ID, ignore_index=True)
    kinds = [sorted(training[name].dropna().unique()) for name in columns.plain_categories]
    encoder = OrdinalEncoder(
        categories=kinds, handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1, dtype=np.float64
    )
    prepare = ColumnTransformer(
        [("categories", encoder, columns.plain_categories), ("numbers", "passthrough", columns.plain_numbers)]
    )
    cores = max(1, (os.cpu_count() or 1) // beside)
    ours = {"random_state": seed, "deterministic": True, "force_row_wise": True, "verbose": -1, **weights}
    booster = lightgbm_class(task)(**ours, **{"n_jobs": cores, **parameters})
    pipeline = Pipeline([("prepare", prepare), ("model", booster)])
    # For the whole process, because trials run in threads, and a filter for a while is not safe among them.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    labels = training[LABEL] if task.kind == "regression" else training[LABEL].astype(int)
    try:
        pipeline.fit(training[columns.plain_categories + columns.plain_numbers], labels)
    except LightGBMError as error:
        reason = " ".join(str(error).split())
        raise UpdraftError(f"model.algorithms.{LIGHTGBM}: {reason} See the parameter in LightGBM's documentation.") from None
    return SklearnModel(task, columns, pipeline)
