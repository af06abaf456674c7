"""Bins: each value has exactly one, whatever it is."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from updraft.monitoring.bins import (
    FARTHEST,
    MAX_CATEGORIES,
    bins_of_numbers,
    bins_of_texts,
    number_of_bins,
    positions,
)

RNG = np.random.default_rng(5)


def rows_by_bin(bins: Any, values: pa.Array) -> list[int]:
    found, _ = positions(bins, values)
    return np.bincount(found, minlength=number_of_bins(bins)).tolist()


def test_numbers_lie_in_ten_bins_of_about_the_same_size() -> None:
    values = RNG.normal(size=1000)
    rows = rows_by_bin(bins_of_numbers(values), pa.array(values))
    assert rows == [*[pytest.approx(100, abs=2)] * 10, 0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0] * 95 + [0.0] * 5, [0, 5, 95, 0]),
        ([3.0] * 100, [0, 100, 0, 0]),
        ([None, float("nan"), float("inf"), float("-inf")], [0, 4]),
        ([0.0] * 60 + [None] * 40, [0, 60, 0, 40]),
    ],
    ids=["a flag that is nearly always set", "a constant", "no finite value", "missing values"],
)
def test_frequent_and_missing_values_have_a_bin_of_their_own(
    values: list[float | None], expected: list[int]
) -> None:
    array = pa.array(values, pa.float64())
    bins = bins_of_numbers(np.array(values, dtype=float))
    found = rows_by_bin(bins, array)
    assert [rows for rows in found if rows] == [rows for rows in expected if rows]
    assert found[-1] == expected[-1]
    assert json.loads(json.dumps(bins, allow_nan=False)) == bins


def test_a_value_that_was_never_seen_is_not_in_the_bin_of_a_constant() -> None:
    bins = bins_of_numbers(np.full(100, 3.0))
    usual, _ = positions(bins, pa.array([3.0]))
    for other in (2.9, 3.0000001, -1e300, 1e300):
        assert positions(bins, pa.array([other]))[0] != usual


def test_texts_that_are_called_like_bins_are_texts() -> None:
    words = ["other", "absent", "", "None", "=", "other"]
    bins = bins_of_texts(pa.array(words))
    assert set(bins["categories"]) == set(words)
    rows = rows_by_bin(bins, pa.array([*words, "new", None, None]))
    assert (rows[-2], rows[-1]) == (1, 2)


def test_rare_texts_have_no_bin_of_their_own() -> None:
    values = pa.array([f"often {n}" for n in range(60)] * 10 + ["once"])
    bins = bins_of_texts(values)
    assert len(bins["categories"]) == MAX_CATEGORIES
    assert bins["categories"] == sorted(bins["categories"]), "equally frequent: by the alphabet"
    assert rows_by_bin(bins, values)[-2] == 101
    assert bins_of_texts(pa.array(["a"] * 999 + ["b"]))["categories"] == ["a"]


def test_an_outlier_moves_the_scaled_values_no_further_than_the_limit() -> None:
    bins = bins_of_numbers(RNG.normal(size=1000))
    _, scaled = positions(bins, pa.array([1e300, -1e300, None, bins["centre"]]))
    assert scaled is not None
    assert scaled.tolist() == [FARTHEST, -FARTHEST, 0, 0]


@pytest.mark.parametrize("kind", [pa.string(), pa.float64()])
def test_a_column_without_rows_or_values_has_bins(kind: pa.DataType) -> None:
    for values in (pa.array([], kind), pa.array([None, None], kind)):
        make = bins_of_texts if kind == pa.string() else bins_of_numbers
        sample: Any = values if kind == pa.string() else np.array(values.to_pylist(), dtype=float)
        rows = rows_by_bin(make(sample), values)
        assert rows[-1] == sum(rows) == len(values)
