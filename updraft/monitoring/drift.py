"""Drift: the distance of the newest rows from the training rows, and the decision on it.

Each column is measured by the population stability index (PSI) over the same bins (Siddiqi, Credit
Risk Scorecards, 2006). Numbers are binned at the deciles of the training rows, categories by their
value; missing values have a bin of their own. Users and items are too many to have bins, and new
ones are normal, so their columns have two: known from the training rows, or new. Spark computes the
shares of all columns' bins in one pass.
"""

import math
from typing import TypedDict

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.reports import ColumnDrift
from updraft.core.schema import LABEL, feature_names, quote
from updraft.core.sections import Drift
from updraft.core.use_case import UseCase

DRIFT_REFERENCE = "drift_reference.json"  # Among the artifacts of a training's run.
DECILES = [n / 10 for n in range(1, 10)]
MAX_CATEGORIES = 50
# Bin names are stored with registered versions, hence "absent": do not change them.
MISSING_BIN = "absent"
OTHER = "other"
ESCAPE = "="  # In front of a category that is called like a bin.
KNOWN = "known"
NEW = "new"
SMALLEST_SHARE = 1e-4  # Stands for an empty bin, so that the index stays finite.


class ColumnReference(TypedDict, total=False):
    """A column's bins, and the share of the training rows in each; bins without rows are left out.

    A number has ``edges``, a category ``categories``; ``names`` marks a column of users or items.
    """

    edges: list[float]
    categories: list[str]
    names: bool
    shares: dict[str, float]


Reference = dict[str, ColumnReference]  # By column; stored as JSON with each version.


def has_drifted(columns: list[ColumnDrift], policy: Drift) -> bool:
    """Decide whether a use case has drifted: at least ``drift.min_columns`` columns have.

    A column has drifted from a PSI of ``drift.psi`` on, see ``compare``.
    """
    drifted = [column for column in columns if column.drifted]
    return len(drifted) >= policy.min_columns


def training_reference(
    train: DataFrame, use_case: UseCase, newest_fold: tuple[DataFrame, DataFrame]
) -> Reference:
    """What is monitored of a use case: the distributions in its training rows.

    All features are monitored. For a kind whose features are entities, such as users and items, it
    is the label and the share of new entities, for which the newest fold is the reference.

    Args:
        train: The training rows, from the features table.
        use_case: Its kind decides what is monitored.
        newest_fold: The validation rows of the newest fold, and the rows before it.
    """
    entities = use_case.task.traits.entities
    if not entities:
        return reference(train, feature_names(train.columns))
    validation, before = newest_fold
    return reference(train, [LABEL]) | unseen(validation, before, list(entities))


def reference(frame: DataFrame, columns: list[str]) -> Reference:
    """The bins of each column and the share of rows in each."""
    schema = frame.schema
    texts = [name for name in columns if isinstance(schema[name].dataType, T.StringType)]
    numbers = [name for name in columns if name not in texts]
    bins: Reference = {}
    for name, edges in _deciles(frame, numbers).items():
        bins[name] = {"edges": edges}
    for name, categories in _frequent(frame, texts).items():
        bins[name] = {"categories": categories}
    measured = shares(frame, bins)
    return {name: {**bins[name], "shares": measured[name]} for name in columns}


def _deciles(frame: DataFrame, names: list[str]) -> dict[str, list[float]]:
    """The distinct deciles of each column of numbers, ascending."""
    if not names:
        return {}
    # Names may contain any character, but approxQuantile takes no quoted names.
    finite = frame.selectExpr(
        *[
            f"CASE WHEN {_is_finite(name)} THEN {quote(name)} END AS n{position}"
            for position, name in enumerate(names)
        ]
    )
    quantiles = finite.approxQuantile(finite.columns, DECILES, 0.001)
    return {name: sorted(set(edges)) for name, edges in zip(names, quantiles, strict=True)}


def _frequent(frame: DataFrame, names: list[str]) -> dict[str, list[str]]:
    """The ``MAX_CATEGORIES`` most frequent values of each column, in one aggregation.

    Equally frequent values are in alphabetical order.
    """
    if not names:
        return {}
    values = [
        F.struct(F.lit(name).alias("column"), F.col(quote(name)).alias("value")) for name in names
    ]
    listed = frame.select(F.inline(F.array(*values)))
    counts = listed.dropna().groupBy("column", "value").count()
    rank = F.row_number().over(Window.partitionBy("column").orderBy(F.desc("count"), "value"))
    frequent = counts.withColumn("rank", rank).where(F.col("rank") <= MAX_CATEGORIES)
    categories: dict[str, list[str]] = {name: [] for name in names}
    for row in frequent.orderBy("rank").collect():
        categories[row["column"]].append(row["value"])
    return categories


def unseen(frame: DataFrame, trained_on: DataFrame, names: list[str]) -> Reference:
    """For each column of entities, the shares of rows whose entity is known and new.

    An entity is known if it is among the rows of ``trained_on``.
    """
    columns: Reference = {}
    for name in names:
        known = trained_on.select(F.col(quote(name)).alias("known")).distinct()
        joined = frame.join(known, F.col(quote(name)) == F.col("known"), "left")
        counts = joined.agg(F.count("*"), F.count_if(F.col("known").isNull()))
        rows, new_rows = counts.collect()[0]
        by_bin = {KNOWN: 1 - new_rows / rows, NEW: new_rows / rows} if rows else {}
        columns[name] = {"names": True, "shares": by_bin}
    return columns


def shares(frame: DataFrame, bins: Reference) -> dict[str, dict[str, float]]:
    """The share of rows in each bin of each column, in one aggregation.

    Bins without rows are left out.
    """
    if not bins:
        return {}
    binned = [
        F.struct(F.lit(name).alias("column"), _bin(name, column).alias("bin"))
        for name, column in bins.items()
    ]
    listed = frame.select(F.explode(F.array(*binned)).alias("b"))
    counts = listed.groupBy("b.column", "b.bin").count().collect()
    rows = sum(row["count"] for row in counts) / len(bins)
    by_column: dict[str, dict[str, float]] = {name: {} for name in bins}
    for row in counts:
        by_column[row["column"]][row["bin"]] = row["count"] / rows
    return by_column


def compare(
    frame: DataFrame, reference: Reference, policy: Drift, trained_on: DataFrame
) -> list[ColumnDrift]:
    """The drift of each column of the reference in the rows of ``frame``, the most drifted first.

    ``trained_on`` are the training rows, whose entities are known.
    """
    entities = [name for name, column in reference.items() if column.get("names")]
    bins = {name: column for name, column in reference.items() if name not in entities}
    current = shares(frame, bins)
    for name, column in unseen(frame, trained_on, entities).items():
        current[name] = column["shares"]
    columns = []
    for name, column in reference.items():
        index = psi(column["shares"], current[name])
        drifted = index >= policy.psi
        columns.append(ColumnDrift(column=name, psi=round(index, 4), drifted=drifted))
    return sorted(columns, key=lambda column: (-column.psi, column.column))


def psi(reference: dict[str, float], current: dict[str, float]) -> float:
    """Population stability index of two distributions, which are shares by bin.

    It is ``sum((current - reference) * ln(current / reference))``, and 0 if they are the same.
    """
    index = 0.0
    for name in {*reference, *current}:
        expected = max(reference.get(name, 0.0), SMALLEST_SHARE)
        actual = max(current.get(name, 0.0), SMALLEST_SHARE)
        index += (actual - expected) * math.log(actual / expected)
    return index


def _bin(name: str, column: ColumnReference) -> Column:
    """The name of the bin of each row's value."""
    if "edges" in column:
        return _number_bin(name, column["edges"])
    value = F.col(quote(name))
    missing = F.when(value.isNull(), F.lit(MISSING_BIN))
    # A category may itself be called like one of the other bins.
    is_like_a_bin = value.isin(MISSING_BIN, OTHER) | value.startswith(ESCAPE)
    own_bin = F.when(is_like_a_bin, F.concat(F.lit(ESCAPE), value)).otherwise(value)
    return missing.when(value.isin(column["categories"]), own_bin).otherwise(OTHER)


def _number_bin(name: str, edges: list[float]) -> Column:
    """Bin ``2n`` lies below edge ``n``, bin ``2n + 1`` is the edge itself.

    A value that is an edge has a bin of its own because a flag that is nearly always set has no
    other edge.
    """
    number = quote(name)
    cases = []
    for position, edge in enumerate(edges):
        cases.append(f"WHEN {number} < {edge!r}D THEN '{2 * position}'")
        cases.append(f"WHEN {number} = {edge!r}D THEN '{2 * position + 1}'")
    cases.append(f"WHEN true THEN '{2 * len(edges)}'")
    return F.expr(
        f"CASE WHEN {_is_finite(name)} THEN CASE {' '.join(cases)} END ELSE '{MISSING_BIN}' END"
    )


def _is_finite(name: str) -> str:
    """SQL: the value is a number. NaN and infinity are missing values, as they are to models."""
    return f"abs({quote(name)}) < double('inf')"  # To Spark, NaN is larger than infinity.
