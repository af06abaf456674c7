"""The preparation of features for Spark ML: the stages of a pipeline before the algorithm."""

from typing import Any, NamedTuple

from pyspark.ml import Pipeline, PipelineModel
from pyspark.ml.feature import (
    Imputer,
    OneHotEncoder,
    QuantileDiscretizer,
    StandardScaler,
    StringIndexer,
    StringIndexerModel,
    VectorAssembler,
)
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.models.feature_columns import FeatureColumns
from updraft.training.recipe import Recipe

FEATURES = "features"
BINS = 10  # Of each number, for naive Bayes.
TREES = ("random_forest", "gradient_boosted_trees")
# Algorithms that need linearly independent columns: they are not regularised by default, or use
# covariances.
INDEPENDENT = ("linear_regression", "generalized_linear_regression", "gaussian_mixture")


class _Prepared(NamedTuple):
    """Stages of a pipeline, and the columns that they result in."""

    stages: list[Any]
    outputs: list[str]


def fit_preparation(recipe: Recipe, rows: DataFrame) -> PipelineModel:
    """Fit the stages before the algorithm; their result is the column ``features``.

    Missing numbers become medians. Categories are numbered as they are among the training rows;
    all others, and missing ones, have one more index.

    Raises:
        UpdraftError: no feature is left.
    """
    if recipe.algorithm in TREES:
        parts = [_indexed_categories(recipe.columns), _filled_numbers(recipe.columns)]
    else:
        parts = [_prepared_numbers(recipe), _one_hot_categories(recipe, rows)]
    outputs = [name for part in parts for name in part.outputs]
    if not outputs:
        raise UpdraftError(
            f"model.algorithms.{recipe.algorithm}: found no feature that varies, "
            "expected at least one."
        )
    assembler = VectorAssembler(inputCols=outputs, outputCol=FEATURES)
    stages = [stage for part in parts for stage in part.stages]
    return Pipeline(stages=[*stages, assembler]).fit(rows)


def _filled_numbers(columns: FeatureColumns) -> _Prepared:
    if not columns.numbers:
        return _Prepared([], [])
    filled = [f"{name}__filled" for name in columns.plain_numbers]
    imputer = Imputer(inputCols=columns.plain_numbers, outputCols=filled, strategy="median")
    return _Prepared([imputer], filled)


def _prepared_numbers(recipe: Recipe) -> _Prepared:
    """Numbers as naive Bayes takes them: one-hot by their deciles; for all others scaled."""
    columns = recipe.columns
    stages, filled = _filled_numbers(columns)
    if not filled:
        return _Prepared([], [])
    is_gaussian = recipe.parameters.get("modelType") == "gaussian"
    if recipe.algorithm == "naive_bayes" and not is_gaussian:
        # It counts how often a class has a feature.
        bins = [f"{name}__bin" for name in columns.plain_numbers]
        hot = [f"{name}__hot" for name in columns.plain_numbers]
        number_of_bins = [BINS for _ in bins]
        discretizer = QuantileDiscretizer(
            inputCols=filled, outputCols=bins, numBucketsArray=number_of_bins
        )
        encoder = OneHotEncoder(inputCols=bins, outputCols=hot, dropLast=False)
        return _Prepared([*stages, discretizer, encoder], hot)
    assembler = VectorAssembler(inputCols=filled, outputCol="numbers")
    scaled = "numbers__scaled"
    scaler = StandardScaler(inputCol="numbers", outputCol=scaled, withMean=True)
    return _Prepared([*stages, assembler, scaler], [scaled])


def _indexed_categories(columns: FeatureColumns) -> _Prepared:
    if not columns.categories:
        return _Prepared([], [])
    return _Prepared([_indexer(columns)], _index_names(columns))


def _one_hot_categories(recipe: Recipe, rows: DataFrame) -> _Prepared:
    if not recipe.columns.categories:
        return _Prepared([], [])
    indexers, indices = _fitted_indexers(recipe, rows)
    if not indices:
        return _Prepared([], [])
    hot = [name.replace("__index", "__hot") for name in indices]
    # The last index is that of unknown and missing categories. It gets no column, so they have
    # zeros in all columns.
    encoder = OneHotEncoder(inputCols=indices, outputCols=hot, dropLast=True)
    return _Prepared([*indexers, encoder], hot)


def _fitted_indexers(recipe: Recipe, rows: DataFrame) -> _Prepared:
    """Indexers of the categories, fitted.

    Where columns have to be linearly independent, the most frequent category is the reference: it
    has no index, and unknown and missing ones count as it. With a column for each category their
    sum would be 1, and unregularised weights would not be unique.
    """
    fitted = _indexer(recipe.columns).fit(rows)
    names = recipe.columns.plain_categories
    indices = _index_names(recipe.columns)
    if recipe.algorithm not in INDEPENDENT:
        return _Prepared([fitted], indices)
    prepared = _Prepared([], [])
    for name, index, labels in zip(names, indices, fitted.labelsArray, strict=True):
        if len(labels) < 2:
            continue
        # One by one: pyspark pads lists of labels to the same length with null.
        without_reference = StringIndexerModel.from_labels(
            labels[1:], name, index, handleInvalid="keep"
        )
        prepared.stages.append(without_reference)
        prepared.outputs.append(index)
    return prepared


def _indexer(columns: FeatureColumns) -> StringIndexer:
    return StringIndexer(
        inputCols=columns.plain_categories,
        outputCols=_index_names(columns),
        handleInvalid="keep",
    )


def _index_names(columns: FeatureColumns) -> list[str]:
    return [f"{name}__index" for name in columns.plain_categories]
