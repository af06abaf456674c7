"""Fitted models as ONNX: one form for every family, loaded without pickles, scored alike in Spark, in tests and over HTTP."""

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
from updraft.training.export.preparation import of_sklearn, of_spark
from updraft.training.export.trees import lightgbm_trees, spark_trees
from updraft.training.families import Fitted, Recommender, SklearnModel, SparkModel
from updraft.training.families.fitted import spread

# Of a score, or of 1 where that is more. What is double throughout differs by 1e-15, trees, whose sum ONNX Runtime rounds to
# single precision, by 6e-8, and ALS, which adds up in it, by 5e-7 with 100 factors. A wrong export differs by 1e-3 or more.
PARITY = 1e-5
Head = Callable[[Graph, str, Any], str]  # From the name of the features' matrix to that of the scores'.
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
    """The whole pipeline: an input of shape (rows,) for each feature column, an output of shape (rows,) for each score.

    MLflow's ONNX flavour feeds a DataFrame's columns one by one and flattens what comes out, so all have one dimension. But a
    single feature it feeds as a matrix, so that input is of shape (rows, 1).
    """
    present = fitted.present if isinstance(fitted, SparkModel | SklearnModel) else []
    graph = Graph(fitted.columns, fitted.task.outputs, len(present) or 1)
    match fitted:
        case SparkModel():
            model = fitted.model.stages[-1]
            scores = HEADS[type(model)](graph, of_spark(graph, fitted), model)
        case SklearnModel():
            scores = lightgbm_trees(graph, of_sklearn(graph, fitted), fitted.model["model"])
        case Recommender():
            scores = recommender(graph, fitted)
        case _:
            raise TypeError(f"no export for {type(fitted).__name__}")
    if 0 < len(present) < len(fitted.task.outputs):
        scores = graph.add("MatMul", scores, spread(np.eye(len(present)), present, fitted.task))
    return graph.model(scores)


def check_parity(model: onnx.ModelProto, rows: pd.DataFrame, native: Scores) -> float:
    """The largest difference between the exported and the native model on ``rows``: of a score, or of 1 where that is more.

    Raises:
        UpdraftError: it exceeds ``PARITY``; or, which is more, a row is in another cluster.
    """
    exported = score_onnx(model, rows)
    if exported.shape != native.shape:
        raise UpdraftError(f"export: found scores of shape {exported.shape}, expected {native.shape}. It was not registered.")
    difference = float(np.max(np.abs(exported - native) / np.maximum(1, np.abs(native))))
    if not difference <= PARITY:
        raise UpdraftError(
            f"export: the ONNX model differs from the native one by {difference:.2g}, expected at most {PARITY:g}. "
            "It was not registered. Use another algorithm, or report the exporter's fault."
        )
    return difference
