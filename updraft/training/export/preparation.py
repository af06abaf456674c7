"""The preparation of features as ONNX: fill missing numbers, index categories, scale, one-hot."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from pyspark.ml.feature import (
    Bucketizer,
    ImputerModel,
    OneHotEncoderModel,
    StandardScalerModel,
    StringIndexerModel,
)

from updraft.training.export.graph import Array, Graph
from updraft.training.families import SklearnModel, SparkModel
from updraft.training.families.light_gbm import UNKNOWN_CATEGORY


def spark_features(graph: Graph, fitted: SparkModel) -> str:
    """The features of a Spark ML pipeline, of shape (rows, features)."""
    stages = fitted.model.stages[:-1]
    # Trees take indices of categories, then numbers as they are; all others take scaled numbers,
    # then one-hot categories.
    for_trees = _first(OneHotEncoderModel, stages) is None
    for_trees = for_trees and _first(StandardScalerModel, stages) is None
    categories = _spark_categories(graph, fitted, one_hot_encoded=not for_trees)
    numbers = []
    if fitted.columns.numbers:
        numbers.append(_spark_numbers(graph, fitted, stages))
    return graph.concat([*categories, *numbers] if for_trees else [*numbers, *categories])


def sklearn_features(graph: Graph, fitted: SklearnModel) -> str:
    """The features of the ordinal encoding, of shape (rows, features)."""
    parts = []
    if fitted.columns.categories:
        encoder = fitted.model["prepare"].named_transformers_["categories"]
        for name, labels in zip(fitted.columns.categories, encoder.categories_, strict=True):
            index = category_index(graph, name, list(labels), unknown=UNKNOWN_CATEGORY)
            parts.append(graph.double(index))
    if fitted.columns.numbers:
        parts.append(numbers_matrix(graph, np.array(np.nan)))
    return graph.concat(parts)


def numbers_matrix(graph: Graph, replacement: Array) -> str:
    """All numbers, of shape (rows, numbers); ``replacement`` for NaN and infinite values."""
    columns = [graph.add("Reshape", name, np.array([-1, 1])) for name in graph.columns.numbers]
    matrix = graph.concat(columns)
    is_finite = graph.add("Less", graph.add("Abs", matrix), np.array(np.inf))
    return graph.add("Where", is_finite, matrix, replacement)


def category_index(graph: Graph, name: str, labels: Sequence[str], *, unknown: int) -> str:
    """The index of a category's text among ``labels``, integers of shape (rows, 1)."""
    texts = graph.add("Reshape", name, np.array([-1, 1]))
    keys = list(labels)
    indices = list(range(len(labels)))
    if not keys:  # The operator needs at least one key.
        keys = [""]
        indices = [unknown]
    return graph.add(
        "LabelEncoder",
        texts,
        domain="ai.onnx.ml",
        keys_strings=keys,
        values_int64s=indices,
        default_int64=unknown,
    )


def one_hot(graph: Graph, index: str, size: int) -> str:
    """A column for each index below ``size``, of shape (rows, size); none for larger indices."""
    return graph.double(graph.add("Equal", index, np.arange(size)))


def _spark_categories(graph: Graph, fitted: SparkModel, *, one_hot_encoded: bool) -> list[str]:
    names = dict(zip(fitted.columns.plain_categories, fitted.columns.categories, strict=True))
    categories = []
    for stage in fitted.model.stages:
        if not isinstance(stage, StringIndexerModel):
            continue
        inputs = stage.getInputCols() if stage.isSet("inputCols") else [stage.getInputCol()]
        for plain, labels in zip(inputs, stage.labelsArray, strict=True):
            index = category_index(graph, names[plain], labels, unknown=len(labels))
            if one_hot_encoded:
                categories.append(one_hot(graph, index, len(labels)))
            else:
                categories.append(graph.double(index))
    return categories


def _spark_numbers(graph: Graph, fitted: SparkModel, stages: list[Any]) -> str:
    imputer = _first(ImputerModel, stages)
    medians = imputer.surrogateDF.select(*fitted.columns.plain_numbers).collect()[0]
    matrix = numbers_matrix(graph, np.array(medians))
    scaler = _first(StandardScalerModel, stages)
    if scaler is not None:
        deviation = scaler.std.toArray()
        zeros = np.zeros_like(deviation)  # What Spark makes of a constant feature.
        scale = np.divide(1.0, deviation, out=zeros, where=deviation != 0)
        matrix = graph.add("Mul", graph.add("Sub", matrix, scaler.mean.toArray()), scale)
    bucketizer = _first(Bucketizer, stages)
    if bucketizer is not None:
        matrix = _bins(graph, matrix, bucketizer.getSplitsArray())
    return matrix


def _bins(graph: Graph, matrix: str, splits: list[Any]) -> str:
    """Each number as one-hot of its bin. A value on an inner border belongs to the bin above."""
    parts = []
    for n, borders in enumerate(splits):
        value = graph.add("Gather", matrix, np.array([n]), axis=1)
        is_above = graph.add("GreaterOrEqual", value, np.array(borders[1:-1]))
        counts = graph.add("Cast", is_above, to=TensorProto.INT64)
        index = graph.add("ReduceSum", counts, np.array([1]), keepdims=1)
        parts.append(one_hot(graph, index, len(borders) - 1))
    return graph.concat(parts)


def _first(stage_type: type, stages: list[Any]) -> Any:
    """The first stage of a type, or None."""
    return next((stage for stage in stages if isinstance(stage, stage_type)), None)
