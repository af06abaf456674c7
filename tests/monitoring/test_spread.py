"""The spread of blocks: laws that do not change hardly ever drift, laws that do are found."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from updraft.monitoring.bins import Bins, bins_of_numbers, number_of_bins, positions
from updraft.monitoring.counting import ColumnCounts
from updraft.monitoring.spread import (
    MIN_BLOCKS,
    MIN_ROWS,
    Comparison,
    compare_column,
    psi,
    spread,
)

WINDOW = 7
PSI = 0.1


def counted(bins: Bins, days: list[np.ndarray[Any, Any]]) -> ColumnCounts:
    rows, sums = [], []
    for values in days:
        found, scaled = positions(bins, pa.array(values, from_pandas=True))
        assert scaled is not None
        rows.append(np.bincount(found, minlength=number_of_bins(bins)))
        sums.append(scaled.sum())
    return ColumnCounts(np.array(rows), np.array(sums))


def compared(train: list[Any], newest: list[Any], window: int = WINDOW) -> Comparison:
    bins = bins_of_numbers(np.concatenate(train))
    before, now = counted(bins, train), counted(bins, newest)
    assert now.sums is not None
    return compare_column(
        before.rows.sum(axis=0), now.rows.sum(axis=0), now.sums.sum(), spread(before, window)
    )


def normal(
    rng: np.random.Generator, days: int, rows: int, effect: float = 0.0, rho: float = 0.0
) -> list[np.ndarray[Any, Any]]:
    """Days of normal values, whose means are autocorrelated."""
    level = rng.normal()
    drawn = []
    for _ in range(days):
        level = rho * level + np.sqrt(1 - rho**2) * rng.normal()
        drawn.append(rng.normal(effect * level, 1, rows))
    return drawn


def test_the_index_is_the_textbooks() -> None:
    """Worked by hand: (0.3 - 0.5) ln(0.3 / 0.5) + (0.7 - 0.5) ln(0.7 / 0.5)."""
    assert psi([50_000, 50_000], [30_000, 70_000]) == pytest.approx(0.169460, abs=1e-4)
    assert psi([10, 0], [10, 0]) == 0
    assert np.isfinite(psi([100, 0], [0, 100]))


def test_the_index_without_bias_is_near_zero_for_small_windows_of_one_law() -> None:
    rng = np.random.default_rng(1)
    found = []
    for _ in range(100):
        days = normal(rng, 67, 10)
        found.append(compared(days[:60], days[60:]).psi)
    assert np.mean(found) < 0.05


@pytest.mark.parametrize(
    ("rows", "effect", "rho"),
    [(3, 0, 0), (14, 0, 0), (50, 1, 0), (50, 1, 0.9), (200, 0.1, 0.5)],
)
def test_columns_of_one_law_drift_as_rarely_as_they_should(
    rows: int, effect: float, rho: float
) -> None:
    """At a level of 5 %, at most 9 % of 300 columns: dependent blocks, and the error of 300."""
    rng = np.random.default_rng(7)
    p_values = []
    for _ in range(300):
        days = normal(rng, 67, rows, effect, rho)
        p_values.append(compared(days[:60], days[60:]).p_value(PSI))
    assert np.mean(np.array(p_values) <= 0.05) <= 0.09


@pytest.mark.parametrize(
    ("change", "distance"),
    [
        (lambda values: values + 2, "level"),
        (lambda values: np.where(np.arange(len(values)) % 2, np.nan, values), "share"),
        (lambda values: np.abs(values) * np.where(np.arange(len(values)) % 2, 3, -3), "shape"),
        (lambda values: values * 0, "shape"),
    ],
    ids=["moved", "half is missing", "farther from the mean", "constant"],
)
def test_a_change_is_found_by_the_distance_that_sees_it(change: Any, distance: str) -> None:
    rng = np.random.default_rng(3)
    days = normal(rng, 67, 50, effect=0.3, rho=0.5)
    comparison = compared(days[:60], [change(values) for values in days[60:]])
    assert comparison.p_value(PSI) < 0.01
    assert comparison.main(PSI).name == distance


def test_what_is_too_small_to_matter_is_no_drift_however_certain() -> None:
    rng = np.random.default_rng(4)
    days = normal(rng, 67, 2000)
    comparison = compared(days[:60], [values + 0.1 for values in days[60:]])
    assert min(each.p_value for each in comparison.distances) < 1e-6
    assert comparison.p_value(PSI) == 1


def test_a_window_of_fewer_rows_than_a_block_may_vary_more() -> None:
    rng = np.random.default_rng(5)
    alarms = []
    for _ in range(200):
        days = normal(rng, 67, 40)
        alarms.append(compared(days[:60], [values[:4] for values in days[60:]]).p_value(PSI))
    assert np.mean(np.array(alarms) <= 0.05) <= 0.05


@pytest.mark.parametrize("days", [0, 1, MIN_BLOCKS * WINDOW - 1])
def test_with_too_few_blocks_there_is_no_verdict(days: int) -> None:
    counts = ColumnCounts(np.full((days, 3), 100), np.zeros(days))
    assert spread(counts, WINDOW)["blocks"] == days // WINDOW
    comparison = compare_column(
        np.array([900, 900, 0]), np.array([0, 0, 900]), 0.0, spread(counts, WINDOW)
    )
    assert comparison.distances == []
    blocks = f"{days // WINDOW} blocks of {WINDOW} partitions"
    assert comparison.reason == f"the training rows have {blocks}, {MIN_BLOCKS} needed"


@pytest.mark.parametrize("rows", [0, 1, MIN_ROWS - 1])
def test_with_too_few_rows_there_is_no_verdict(rows: int) -> None:
    of_spread = spread(ColumnCounts(np.full((60, 2), 10), None), WINDOW)
    comparison = compare_column(np.array([600, 600]), np.array([rows, 0]), None, of_spread)
    assert comparison.distances == []
    assert comparison.reason == f"{rows} rows with a value, {MIN_ROWS} needed"


def test_a_column_whose_blocks_are_all_alike_drifts_only_if_it_changes() -> None:
    of_spread = spread(ColumnCounts(np.tile([0, 100, 0], (60, 1)), np.zeros(60)), WINDOW)
    train = np.array([0, 6000, 0])
    same = compare_column(train, np.array([0, 700, 0]), 0.0, of_spread)
    other = compare_column(train, np.array([700, 0, 0]), -700.0, of_spread)
    assert same.p_value(PSI) == 1
    assert other.p_value(PSI) < 1e-6


def test_without_blocks_the_chance_of_independent_rows_decides() -> None:
    rng = np.random.default_rng(9)
    p_values = []
    for _ in range(300):
        train, newest = (np.bincount(rng.integers(0, 5, n), minlength=5) for n in (1000, 300))
        comparison = compare_column(train, newest, None, None)
        p_values.append(comparison.distances[0].p_value)
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    changed = compare_column(np.array([500, 500]), np.array([90, 10]), None, None)
    assert changed.p_value(PSI) < 1e-6
