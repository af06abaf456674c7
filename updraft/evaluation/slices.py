"""Slices of judged rows by single features, with every metric: where a model is weak although it is good on the whole."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from updraft.core.kinds import RANKED
from updraft.evaluation.metrics import Floats, Statistic
from updraft.models.feature_columns import Columns

FEATURES = 20  # That are sliced by: more would take long, and nobody reads them.
VALUES = 10  # Of a text, the most frequent ones; the rest are one slice together.
BINS = 4  # Of a number.


@dataclass(frozen=True)
class Slice:
    """The rows with a ``value`` of a ``feature``: ``weights`` (rows,) are 1 there, else 0. A value of None: it is absent."""

    feature: str
    value: str | None
    weights: Floats


def sliced_by(columns: Columns, important: list[str]) -> Columns:
    """The features to slice by: all; of more than ``FEATURES`` the first in ``important``, then the table's first."""
    kept = list(dict.fromkeys([*(name for name in important if name in columns.all), *columns.all]))[:FEATURES]
    return Columns([name for name in columns.numbers if name in kept], [name for name in columns.categories if name in kept])


def slices(rows: pd.DataFrame, columns: Columns) -> Iterator[Slice]:
    """The slices of ``rows``, feature by feature; none by a feature that has a single one.

    Of a text the ``VALUES`` most frequent values, in that order, and the rest together. Of a number up to ``BINS`` bins of
    about the same size, from low to high. What is absent (null, of numbers also NaN and the infinite) comes last.
    """
    for name in columns.all:
        parts = _texts(rows[name]) if name in columns.categories else _numbers(rows[name])
        found = [Slice(name, value, here.astype(float)) for value, here in parts if here.any()]
        if len(found) > 1:
            yield from found


def by_slice(found: Iterable[Slice], models: dict[str, dict[str, Statistic]]) -> list[dict[str, Any]]:
    """What each model reaches on each slice, as a JSON document: all ``models``' metrics by name, but those of rankings.

    None where a slice has no such figure, as an AUC of a single class.
    """
    return [
        {
            "feature": one.feature,
            "value": one.value,
            "rows": int(one.weights.sum()),
            "models": {
                model: {name: _finite(metric.of(one.weights)) for name, metric in metrics.items() if name not in RANKED}
                for model, metrics in models.items()
            },
        }
        for one in found
    ]


def _texts(values: "pd.Series[Any]") -> Iterator[tuple[str | None, Any]]:
    counts = values.value_counts().sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    frequent, rest = list(counts.index[:VALUES]), len(counts) - VALUES
    for value in frequent:
        yield str(value), (values == value).to_numpy(bool)
    if rest > 0:
        yield f"{rest} other{'s' * (rest > 1)}", (~values.isin(frequent) & values.notna()).to_numpy(bool)
    yield None, values.isna().to_numpy(bool)


def _numbers(values: "pd.Series[Any]") -> Iterator[tuple[str | None, Any]]:
    numbers = values.to_numpy(float)
    there = np.isfinite(numbers)
    different = np.unique(numbers[there])
    # The first value of each bin but the first one; equal numbers share a bin.
    quantiles = np.quantile(numbers[there], np.arange(1, BINS) / BINS, method="higher") if len(different) > BINS else different
    place = np.searchsorted(np.unique(quantiles), numbers, side="right")
    for one in np.unique(place[there]):
        here = there & (place == one)
        low, high = _text(numbers[here].min()), _text(numbers[here].max())
        yield low if low == high else f"{low} to {high}", here
    yield None, ~there


def _text(number: float) -> str:
    return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else f"{number:.6g}"


def _finite(figure: float) -> float | None:
    return figure if math.isfinite(figure) else None
