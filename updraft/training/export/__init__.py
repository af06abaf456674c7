"""Fitted models as ONNX: one format for every family, loaded without pickles.

The file is scored alike in Spark, in tests and over HTTP.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pandas as pd
from pyspark.ml import classification, clustering, regression

from updraft.core.errors import UpdraftError
from updraft.models.onnx_runtime import Scores, score_onnx
from updraft.training.export.clusters import bisecting_k_means, gaussian_mixture, k_means
from updraft.training.export.factors import recommender
from updraft.training.export.graph import Graph
from updraft.training.export.linear import (
    generalized_linear_regression,
    linear_regression,
    logistic_regression,
    naive_bayes,
)
from updraft.training.export.preparation import sklearn_features, spark_features
from updraft.training.export.trees import lightgbm_trees, spark_trees
from updraft.training.families import Fitted, Recommender, SklearnModel, SparkModel
from updraft.training.families.fitted import expand_classes

# The tolerated difference, relative to scores above 1. Models in double precision differ by 1e-15;
# trees, whose sums ONNX Runtime rounds to single precision, by 6e-8; ALS, which adds up in single
# precision, by 5e-7 with 100 factors. A wrong export differs by 1e-3 or more.
PARITY = 1e-5
# From the name of the feature matrix to that of the scores, of shape (rows, width).
Head = Callable[[Graph, str, Any], str]
HEADS: dict[Any, Head] = {
    classification.LogisticRegressionModel: logistic_regression,
    classification.RandomForestClassificationModel: spark_trees,
    classification.GBTClassificationModel: spark_trees,
    classification.OneVsRestModel: spark_trees,
    classification.NaiveBayesModel: naive_bayes,
    regression.LinearRegressionModel: linear_regression,
    regression.GeneralizedLinearRegressionModel: generalized_linear_regression,
    regression.RandomForestRegressionModel: spark_trees,
    regression.GBTRegressionModel: spark_trees,
    clustering.KMeansModel: k_means,
    clustering.BisectingKMeansModel: bisecting_k_means,
    clustering.GaussianMixtureModel: gaussian_mixture,
}


def to_onnx(fitted: Fitted) -> onnx.ModelProto:
    """The complete pipeline, with an input for each feature and an output (rows,) for each score.

    MLflow's ONNX flavour feeds the columns of a DataFrame one by one, so inputs have shape
    (rows,). It feeds a single feature as a matrix, so that input has shape (rows, 1).
    """
    trained_classes = []
    if isinstance(fitted, SparkModel | SklearnModel):
        trained_classes = fitted.trained_classes
    outputs = fitted.task.outputs
    graph = Graph(fitted.columns, outputs, len(trained_classes) or 1)
    match fitted:
        case SparkModel():
            model = fitted.model.stages[-1]
            scores = HEADS[type(model)](graph, spark_features(graph, fitted), model)
        case SklearnModel():
            features = sklearn_features(graph, fitted)
            scores = lightgbm_trees(graph, features, fitted.model["model"])
        case Recommender():
            scores = recommender(graph, fitted)
        case _:
            raise TypeError(f"no export for {type(fitted).__name__}")
    if 0 < len(trained_classes) < len(outputs):
        identity = np.eye(len(trained_classes))
        expansion = expand_classes(identity, trained_classes, fitted.task)
        scores = graph.add("MatMul", scores, expansion)
    return graph.model(scores)


def check_parity(model: onnx.ModelProto, rows: pd.DataFrame, native: Scores) -> float:
    """The largest difference between the exported and the native model on ``rows``.

    Relative to scores above 1, absolute for smaller ones. ``native``: the native model's scores.

    Raises:
        UpdraftError: the difference exceeds ``PARITY``; a row in another cluster always does.
    """
    exported = score_onnx(model, rows)
    if exported.shape != native.shape:
        raise UpdraftError(
            f"export: found scores of shape {exported.shape}, expected {native.shape}. "
            "The model was not registered. Use another algorithm, or report a bug in the exporter."
        )
    difference = float(np.max(np.abs(exported - native) / np.maximum(1, np.abs(native))))
    if not difference <= PARITY:
        raise UpdraftError(
            f"export: the ONNX model differs from the native one by {difference:.2g}, "
            f"expected at most {PARITY:g}. The model was not registered. "
            "Use another algorithm, or report a bug in the exporter."
        )
    return difference
