"""LightGBM in a scikit-learn pipeline, on one node."""

import os
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import LABEL, ROW_ID
from updraft.models.feature_columns import FeatureColumns
from updraft.models.onnx_runtime import Scores
from updraft.training.families.fitted import MISSING_TEXTS, Labels, expand_classes, select_features
from updraft.training.families.parameters import LIGHTGBM, lightgbm_class
from updraft.training.recipe import Parameters, Recipe

# 4 M values take about 2 GiB with their copies. For more, use a Spark ML family.
MAX_VALUES = 100_000_000
UNKNOWN_CATEGORY = -1  # The code of categories that are missing, or not among the training rows.
CLASS_WEIGHTS = {"class_weight", "is_unbalance", "scale_pos_weight"}


@dataclass(frozen=True)
class SklearnModel:
    """A scikit-learn pipeline."""

    task: Task
    columns: FeatureColumns
    model: Any

    @property
    def trained_classes(self) -> list[int]:
        """For several classes, those that had training rows; else empty."""
        if not self.task.traits.names_classes:
            return []
        return [int(label) for label in self.model.classes_]

    def predict(self, rows: DataFrame) -> tuple[Labels, Scores]:
        frame = select_features(rows, self.columns).toPandas()
        features = frame[self.columns.plain_categories + self.columns.plain_numbers]
        return frame[LABEL].to_numpy(float), self._scores(features)

    def _scores(self, features: pd.DataFrame) -> Scores:
        """Of shape (rows, outputs)."""
        if not self.task.traits.has_classes:
            predictions: Scores = self.model.predict(features).reshape(-1, 1)
            return predictions
        probabilities: Scores = self.model.predict_proba(features)
        if self.task.traits.names_classes:
            return expand_classes(probabilities, self.trained_classes, self.task)
        return probabilities[:, 1:]


def fit_lightgbm(recipe: Recipe, rows: DataFrame, parallel_fits: int) -> SklearnModel:
    """Fit LightGBM behind an ordinal encoding of the categories. Deterministic for a seed.

    Raises:
        UpdraftError: LightGBM refuses a parameter's value, or there are too many rows for one node.
    """
    from lightgbm.basic import LightGBMError
    from sklearn.pipeline import Pipeline

    columns = recipe.columns
    _check_size(rows.count() * len(columns.all))
    # Sorted, because bagging draws rows by their position.
    training = select_features(rows, columns).toPandas().sort_values(ROW_ID, ignore_index=True)
    # For the whole process: trials run in threads, where a filter for a while is not safe.
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    labels = training[LABEL]
    if recipe.task.traits.has_classes:
        labels = labels.astype(int)
    try:
        estimator = _estimator(recipe, parallel_fits)
        pipeline = Pipeline([("prepare", _preparation(training, columns)), ("model", estimator)])
        pipeline.fit(training[columns.plain_categories + columns.plain_numbers], labels)
    except (LightGBMError, ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UpdraftError(
            f"model.algorithms.{LIGHTGBM}: {reason} See the parameter in LightGBM's documentation."
        ) from None
    return SklearnModel(recipe.task, columns, pipeline)


def _check_size(values: int) -> None:
    if values > MAX_VALUES:
        raise UpdraftError(
            f"model.algorithms.{LIGHTGBM}: found {values:,} values to train on, "
            f"expected at most {MAX_VALUES:,} on one node. "
            "Narrow model.window or use a Spark ML algorithm."
        )


def _preparation(training: pd.DataFrame, columns: FeatureColumns) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    # The encoder refuses a column without any value; this one never occurs.
    categories = [
        sorted(training[name].dropna().unique()) or [MISSING_TEXTS[0]]
        for name in columns.plain_categories
    ]
    encoder = OrdinalEncoder(
        categories=categories,
        handle_unknown="use_encoded_value",
        unknown_value=UNKNOWN_CATEGORY,
        encoded_missing_value=UNKNOWN_CATEGORY,
        dtype=np.float64,
    )
    return ColumnTransformer(
        [
            ("categories", encoder, columns.plain_categories),
            ("numbers", "passthrough", columns.plain_numbers),
        ]
    )


def _estimator(recipe: Recipe, parallel_fits: int) -> Any:
    fixed: Parameters = {
        "random_state": recipe.seed,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }
    if recipe.balance:
        conflicts = sorted(CLASS_WEIGHTS & set(recipe.parameters))
        if conflicts:
            raise UpdraftError(f"model.balance: found {conflicts} of {LIGHTGBM}, too. Keep one.")
        fixed["class_weight"] = "balanced"
    cores = max(1, (os.cpu_count() or 1) // parallel_fits)
    return lightgbm_class(recipe.task)(**fixed, **{"n_jobs": cores, **recipe.parameters})
