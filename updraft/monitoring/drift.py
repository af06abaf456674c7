"""Drift: whether the newest rows are still like the rows that the champion was trained on.

What is monitored are the features, the label and the champion's outputs. ``spread`` says what is
compared and why, ``counting`` how rows are counted.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from scipy import stats

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.reports import ColumnDrift, WindowDrift
from updraft.core.schema import EVENT_DATE, INTERNAL, LABEL, feature_names, quote
from updraft.core.sections import Drift
from updraft.core.use_case import UseCase
from updraft.monitoring.bins import Bins
from updraft.monitoring.counting import ColumnCounts, count, make_bins
from updraft.monitoring.spread import (
    WEIGHTS,
    Comparison,
    Spread,
    compare_column,
    shape_bound,
    spread,
)

ANSWER = f"{INTERNAL}answer"
DRIFT_REFERENCE = "drift_reference.json"  # Among the artifacts of a training's run.


class ColumnReference(Bins, total=False):
    """A column's bins, the training rows in each, and the spread of their blocks.

    ``spread`` is missing where rows have no order in time.
    """

    rows: list[int]
    spread: Spread


Reference = dict[str, ColumnReference]  # By column; stored as JSON with each version.


def output_columns(task: Task) -> list[str]:
    """The columns of the champion's outputs; no feature can be called like one of them."""
    return [f"{INTERNAL}{name}" for name in task.outputs]


def with_outputs(rows: DataFrame, answer: Column, task: Task) -> DataFrame:
    """Rows with the champion's outputs. ``answer``: its answers, a struct of them."""
    names = zip(task.outputs, output_columns(task), strict=True)
    outputs = [F.col(f"{ANSWER}.{name}").alias(column) for name, column in names]
    return rows.withColumn(ANSWER, answer).select(*map(quote, rows.columns), *outputs)


def has_drifted(columns: Sequence[ColumnDrift], policy: Drift) -> bool | None:
    """Decide whether a use case has drifted: at least ``drift.min_columns`` columns have.

    None if that cannot be said, because too few columns could be judged.
    """
    if sum(column.drifted for column in columns) >= policy.min_columns:
        return True
    judged = sum(column.p_value is not None for column in columns)
    return False if judged >= policy.min_columns else None


def verdict(day: date, columns: Sequence[ColumnDrift], policy: Drift) -> WindowDrift:
    """The verdict on the window until ``day``."""
    return WindowDrift(
        day=day,
        detected=has_drifted(columns, policy),
        judged=sum(column.p_value is not None for column in columns),
        columns=[column.column for column in columns if column.drifted],
    )


def training_reference(train: DataFrame, use_case: UseCase) -> Reference:
    """What is monitored of a use case's rows: their features and label in the training rows.

    Users and items are too many to be compared one by one, and new ones are normal; of them, the
    share of new ones is monitored.

    Args:
        train: The training rows, from the features table.
        use_case: Its kind decides what is monitored.
    """
    window = use_case.drift.window if use_case.unit else None
    entities = list(use_case.task.traits.entities)
    columns = [name for name in feature_names(train.columns) if name not in entities]
    if use_case.task.traits.has_target:
        columns.append(LABEL)
    return reference(train, columns, window) | entity_reference(train, entities, window)


def output_reference(train: DataFrame, use_case: UseCase) -> Reference:
    """What is monitored of the champion's outputs: their distribution on its training rows.

    ``train``: those rows, with the outputs as ``output_columns``. Not for recommenders: for a user
    and an item that the model has learnt, its answer repeats the label.
    """
    if use_case.task.traits.entities:
        return {}
    window = use_case.drift.window if use_case.unit else None
    return reference(train, output_columns(use_case.task), window)


def reference(train: DataFrame, columns: list[str], window: int | None) -> Reference:
    """The bins of each column, the rows in them, and the spread of blocks of ``window`` partitions.

    ``window`` is None for a snapshot, which has no blocks.
    """
    if not columns:
        return {}
    bins = make_bins(train, columns)
    _, counted = count(train, bins)
    return {name: column_reference(bins[name], counted[name], window) for name in columns}


def column_reference(bins: Bins, counts: ColumnCounts, window: int | None) -> ColumnReference:
    """What is stored of one column, from its bins and what was counted in the training rows."""
    column: ColumnReference = {**bins, "rows": counts.rows.sum(axis=0).tolist()}  # type: ignore[typeddict-item]
    if window is not None:
        column["spread"] = spread(counts, window)
    return column


def entity_reference(train: DataFrame, entities: list[str], window: int | None) -> Reference:
    """For each column of entities, the rows whose entity is known and those where it is new.

    An entity is new in a block if no row before the block has it. In the first half of the blocks
    most entities are new; those blocks are left out. In a snapshot all entities are known.
    """
    columns: Reference = {}
    for name in entities:
        rows = _new_entities(train, name, window)
        counts = ColumnCounts(rows, sums=None)
        column: ColumnReference = {"entities": True, "rows": rows.sum(axis=0).tolist()}
        if window is not None:
            column["spread"] = spread(counts, 1) | {"window": window}
        columns[name] = column
    return columns


def _new_entities(train: DataFrame, name: str, window: int | None) -> np.ndarray[Any, Any]:
    """Rows whose entity is known and new, shape (blocks, 2), of the newer half of the blocks."""
    if window is None:
        return np.array([[train.count(), 0]])
    days = [row[0] for row in train.select(EVENT_DATE).distinct().orderBy(EVENT_DATE).collect()]
    number = len(days) // window
    blocks = [days[len(days) - window * (number - block)] for block in range(number)]
    if not blocks:
        return np.zeros((0, 2), dtype=np.int64)
    block = F.lit(0)
    for start in blocks:  # Nested conditions would be as deep as there are blocks.
        block = block + F.when(F.col(EVENT_DATE) >= F.lit(start), 1).otherwise(0)
    entity = F.col(quote(name)).alias("entity")
    placed = train.select(entity, block.alias("block"))
    per_entity = placed.groupBy("entity", "block").count()
    first = per_entity.groupBy("entity").agg(F.min("block").alias("first"))
    is_new = F.col("block") == F.col("first")
    counted = (
        per_entity.join(first, "entity")
        .groupBy("block")
        .agg(F.sum("count"), F.sum(F.when(is_new, F.col("count")).otherwise(0)))
        .collect()
    )
    rows = np.zeros((number + 1, 2), dtype=np.int64)
    for row in counted:
        rows[row[0]] = [row[1] - row[2], row[2]]
    return rows[1:][number // 2 :]


def with_window(stored: Reference, train: DataFrame, window: int | None) -> Reference:
    """The reference with the spread of blocks of another length, counted in the training rows.

    Raises:
        UpdraftError: it was made before blocks were compared.
    """
    if not all("rows" in column for column in stored.values()):
        raise UpdraftError(
            f"{DRIFT_REFERENCE} of the champion: found shares, expected rows by bin and the spread "
            "of blocks. An earlier version of Updraft has made it. Train again."
        )
    if all(column.get("spread", {}).get("window") == window for column in stored.values()):
        return stored
    entities = [name for name, column in stored.items() if column.get("entities")]
    bins: dict[str, Bins] = {
        name: column for name, column in stored.items() if name not in entities
    }
    _, counted = count(train, bins)
    found: Reference = {}
    for name, column in stored.items():
        if name in entities:
            found |= entity_reference(train, [name], window)
            continue
        found[name] = {**column, "spread": spread(counted[name], window or 1)}
    return found


class Window(NamedTuple):
    """The newest rows of one column: rows by bin, and for numbers the sum of the scaled values."""

    rows: np.ndarray[Any, Any]
    sums: float | None

    @classmethod
    def of(cls, counts: ColumnCounts) -> "Window":
        """All partitions together."""
        sums = None if counts.sums is None else float(counts.sums.sum())
        return cls(counts.rows.sum(axis=0), sums)


@dataclass(frozen=True)
class DailyCounts:
    """The rows of each monitored column by partition and bin.

    ``days``: the partitions in order; None is that of rows without one.
    """

    days: list[date | None]
    columns: dict[str, ColumnCounts]

    def window(self, days: Sequence[date | None], labelled_until: date | None) -> dict[str, Window]:
        """The rows of ``days`` together, by column; of the label those until ``labelled_until``."""
        windows = {}
        for name, counts in self.columns.items():
            is_in = np.array([day in days for day in self.days], dtype=bool)
            if name == LABEL and labelled_until is not None:
                is_in &= np.array([day is None or day <= labelled_until for day in self.days])
            sums = None if counts.sums is None else counts.sums[is_in]
            windows[name] = Window.of(replace(counts, rows=counts.rows[is_in], sums=sums))
        return windows


def count_by_day(frame: DataFrame, stored: Reference, trained_on: DataFrame) -> DailyCounts:
    """The rows of ``frame`` by partition, in the bins of the reference.

    ``trained_on`` are the training rows, whose entities are known.
    """
    bins: dict[str, Bins] = {
        name: column for name, column in stored.items() if not column.get("entities")
    }
    days, columns = count(frame, bins) if bins else ([], {})
    for name, column in stored.items():
        if column.get("entities"):
            days, columns[name] = _known_and_new(frame, trained_on, name)
    return DailyCounts(days, columns)


def compare(
    frame: DataFrame, stored: Reference, policy: Drift, trained_on: DataFrame
) -> list[ColumnDrift]:
    """The drift of each column of the reference in all rows of ``frame``, the drifted ones first.

    ``trained_on`` are the training rows, whose entities are known.
    """
    counts = count_by_day(frame, stored, trained_on)
    return judge(stored, counts.window(counts.days, None), policy)


def _known_and_new(
    frame: DataFrame, trained_on: DataFrame, name: str
) -> tuple[list[date | None], ColumnCounts]:
    """The partitions, and their rows whose entity is known from the training rows or new."""
    known = trained_on.select(F.col(quote(name)).alias("known")).distinct()
    joined = frame.join(known, F.col(quote(name)) == F.col("known"), "left")
    day = F.col(EVENT_DATE) if EVENT_DATE in frame.columns else F.lit(None).cast("date")
    counted = (
        joined.groupBy(day.alias("day"))
        .agg(F.count("known").alias("known"), F.count_if(F.col("known").isNull()).alias("new"))
        .collect()
    )
    by_day = sorted(counted, key=lambda row: str(row["day"]))
    rows = np.array([[row["known"], row["new"]] for row in by_day], dtype=np.int64)
    return [row["day"] for row in by_day], ColumnCounts(rows.reshape(-1, 2), sums=None)


def judge(stored: Reference, windows: dict[str, Window], policy: Drift) -> list[ColumnDrift]:
    """Decide which columns of the reference have drifted, see ``significant``; these come first."""
    comparisons = {
        name: compare_column(
            np.asarray(column["rows"]),
            windows[name].rows,
            windows[name].sums,
            column.get("spread"),
        )
        for name, column in stored.items()
    }
    p_values = {
        name: comparison.p_value(policy.psi)
        for name, comparison in comparisons.items()
        if not comparison.reason
    }
    drifted = significant(p_values, policy.false_alarms)
    error = policy.false_alarms * max(len(drifted), 1) / max(len(p_values), 1)
    columns = []
    for name, comparison in comparisons.items():
        is_judged = name in p_values
        has_drifted = name in drifted
        reason = comparison.reason
        if has_drifted:
            reason = _what_changed(comparison, stored[name], windows[name], policy)
        columns.append(
            ColumnDrift(
                column=name,
                psi=round(comparison.psi, 4),
                bound=_bound(stored[name], windows[name], policy, error) if is_judged else None,
                p_value=comparison.p_value(policy.psi) if is_judged else None,
                drifted=has_drifted,
                reason=reason,
            )
        )
    return sorted(columns, key=lambda column: (not column.drifted, -column.psi, column.column))


def significant(p_values: Mapping[str, float], error: float) -> set[str]:
    """The columns that have drifted, by the p-value of each.

    A share of ``error`` of them is expected to be wrong; so if nothing has changed, any has with
    that chance. Source: Benjamini and Hochberg, Controlling the false discovery rate, Journal of
    the Royal Statistical Society B 57, 1995.
    """
    if not p_values:
        return set()
    adjusted = stats.false_discovery_control(list(p_values.values()))
    return {name for name, each in zip(p_values, adjusted, strict=True) if each <= error}


def _bound(column: ColumnReference, window: Window, policy: Drift, error: float) -> float:
    """The PSI from which the column's shape counts as drifted."""
    if "spread" not in column:
        return policy.psi
    found = column["spread"]
    weights = sum(WEIGHTS[name] for name in ("shape", "level", "share") if name in found)
    bins = int((np.asarray(column["rows"]) + window.rows > 0).sum())
    bound = shape_bound(
        found,
        int(window.rows.sum()),
        sum(column["rows"]),
        bins,
        error * WEIGHTS["shape"] / weights,
    )
    return round(max(policy.psi, bound), 4)


def _what_changed(
    comparison: Comparison, column: ColumnReference, window: Window, policy: Drift
) -> str:
    """What of a drifted column has changed, in words."""
    name = comparison.main(policy.psi).name
    rows = int(window.rows.sum())
    if name == "share":
        what = "new" if column.get("entities") else "missing"
        before = column["rows"][-1] / sum(column["rows"])
        return f"{window.rows[-1] / rows:.1%} of the rows are {what}, before {before:.1%}"
    if name == "level" and window.sums is not None:
        mean = window.sums / (rows - int(window.rows[-1]))
        usual, deviation = column["spread"]["level"]
        before, now = (column["centre"] + column["scale"] * each for each in (usual, mean))
        usually = f"{before:.4g} ± {deviation * column['scale']:.2g}"
        return f"the mean without extremes is {now:.4g}, that of blocks before {usually}"
    return "the shares of its values"
