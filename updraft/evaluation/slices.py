"""Slices of judged rows by single features: where a model is weak although it is good overall."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from updraft.core.metrics import metric_of
from updraft.evaluation.statistic import Statistic
from updraft.models.answers import Floats
from updraft.models.feature_columns import FeatureColumns

FEATURES = 20  # The most to slice by: more would take long, and nobody reads them.
VALUES = 10  # The most frequent values of a text get a slice each; the others share one.
BINS = 4  # The most bins of a number.

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RowSlice:
    """The rows with a ``value`` of a ``feature``; None stands for a missing value.

    ``weights`` (rows,) are 1 for these rows, else 0.
    """

    feature: str
    value: str | None
    weights: Floats


def slice_columns(columns: FeatureColumns, important: list[str]) -> FeatureColumns:
    """The features to slice by, at most ``FEATURES``.

    The first in ``important``, then the first of the table.
    """
    known = [name for name in important if name in columns.all]
    selected = list(dict.fromkeys([*known, *columns.all]))[:FEATURES]
    numbers = [name for name in columns.numbers if name in selected]
    categories = [name for name in columns.categories if name in selected]
    return FeatureColumns(numbers, categories)


def slices(rows: pd.DataFrame, columns: FeatureColumns) -> Iterator[RowSlice]:
    """The slices of ``rows``, feature by feature; none by a feature that has a single one.

    For a text, a slice for each of the ``VALUES`` most frequent values, in that order, and one for
    the others. For a number, up to ``BINS`` bins of about the same size, from low to high. Missing
    values (null, of numbers also NaN and infinite ones) come last.
    """
    for name in columns.all:
        is_text = name in columns.categories
        parts = _text_parts(rows[name]) if is_text else _number_parts(rows[name])
        of_feature = [
            RowSlice(name, value, mask.astype(float)) for value, mask in parts if mask.any()
        ]
        if len(of_feature) > 1:
            yield from of_feature


def by_slice(
    row_slices: Iterable[RowSlice], models: dict[str, dict[str, Statistic]]
) -> list[dict[str, Any]]:
    """The metrics of each model on each slice, as a JSON document.

    ``models``: the metrics of each model by name; those of users, not rows, are left out. A metric
    that a slice does not have, such as the AUC of a single class, is None.
    """
    documents = []
    for row_slice in row_slices:
        weights = row_slice.weights
        by_model = {
            model: _row_metrics(statistics, weights) for model, statistics in models.items()
        }
        document = {
            "feature": row_slice.feature,
            "value": row_slice.value,
            "rows": int(weights.sum()),
            "models": by_model,
        }
        documents.append(document)
    return documents


def _row_metrics(statistics: dict[str, Statistic], weights: Floats) -> dict[str, float | None]:
    return {
        name: _finite(statistic.of(weights))
        for name, statistic in statistics.items()
        if metric_of(name).unit == "rows"
    }


def _text_parts(values: "pd.Series[Any]") -> Iterator[tuple[str | None, Mask]]:
    counts = values.value_counts().sort_index(kind="stable")
    counts = counts.sort_values(ascending=False, kind="stable")
    frequent = list(counts.index[:VALUES])
    for value in frequent:
        yield str(value), (values == value).to_numpy(bool)
    others = len(counts) - VALUES
    if others > 0:
        text = "1 other" if others == 1 else f"{others} others"
        yield text, (~values.isin(frequent) & values.notna()).to_numpy(bool)
    yield None, values.isna().to_numpy(bool)


def _number_parts(values: "pd.Series[Any]") -> Iterator[tuple[str | None, Mask]]:
    numbers = values.to_numpy(float)
    is_present = np.isfinite(numbers)
    bins = np.searchsorted(_bin_starts(numbers[is_present]), numbers, side="right")
    for number in np.unique(bins[is_present]):
        mask = is_present & (bins == number)
        low = _number_text(numbers[mask].min())
        high = _number_text(numbers[mask].max())
        yield low if low == high else f"{low} to {high}", mask
    yield None, ~is_present


def _bin_starts(numbers: Floats) -> Floats:
    """The first value of each bin but the first one; equal numbers share a bin."""
    distinct = np.unique(numbers)
    if len(distinct) <= BINS:
        return distinct
    quantiles: Floats = np.quantile(numbers, np.arange(1, BINS) / BINS, method="higher")
    return np.unique(quantiles)


def _number_text(number: float) -> str:
    is_whole = number.is_integer() and abs(number) < 1e15
    return f"{number:.0f}" if is_whole else f"{number:.6g}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
