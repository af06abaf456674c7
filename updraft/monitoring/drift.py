"""Drift at scale: each feature's distribution now against the training reference, computed in Spark in one pass a column set.

Population stability index over the same bins: sum((now - then) * ln(now / then)). Numbers are binned at the reference's
deciles, categories by their value; what is absent has a bin of its own. Names of users and items, which are too many and
change by nature, have two bins: known to the training rows, or new. (Siddiqi, Credit Risk Scorecards, 2006.)
"""

import math
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.reports import ColumnDrift
from updraft.core.schema import quote
from updraft.core.sections import Drift

DECILES = [n / 10 for n in range(1, 10)]
MAX_CATEGORIES = 50
OTHER = "other"
SMALLEST = 1e-4  # Stands for an empty bin, so that the index stays finite.

Reference = dict[str, dict[str, Any]]


def reference(frame: DataFrame, columns: list[str]) -> Reference:
    """What to keep of the training rows: each column's bins and the share of rows in each, as JSON."""
    numbers = [name for name in columns if not isinstance(frame.schema[name].dataType, T.StringType)]
    finite = frame.selectExpr(
        *[f"CASE WHEN {_is_finite(name)} THEN {quote(name)} END AS n{n}" for n, name in enumerate(numbers)]
    )
    quantiles = finite.approxQuantile(finite.columns, DECILES, 0.001) if numbers else []
    bins: Reference = {name: {"edges": sorted(set(edges))} for name, edges in zip(numbers, quantiles, strict=True)}
    texts = [name for name in columns if name not in bins]
    bins |= {name: {"categories": found} for name, found in zip(texts, _frequent(frame, texts), strict=True)}
    measured = shares(frame, bins)
    return {name: {**bins[name], "shares": measured[name]} for name in columns}


def _frequent(frame: DataFrame, names: list[str]) -> list[list[str]]:
    """Each column's ``MAX_CATEGORIES`` most frequent values, in one aggregation; equally frequent ones by the alphabet."""
    if not names:
        return []
    values = F.array(
        *[F.struct(F.lit(place).alias("column"), F.col(quote(name)).alias("value")) for place, name in enumerate(names)]
    )
    counted = frame.select(F.inline(values)).dropna().groupBy("column", "value").count()
    rank = F.row_number().over(Window.partitionBy("column").orderBy(F.desc("count"), "value"))
    found: list[list[str]] = [[] for _ in names]
    for row in counted.withColumn("rank", rank).where(F.col("rank") <= MAX_CATEGORIES).orderBy("rank").collect():
        found[row["column"]].append(row["value"])
    return found


def unseen(frame: DataFrame, learnt: DataFrame, names: list[str]) -> Reference:
    """Of each column of names, the share of rows of ``frame`` whose name is among the rows of ``learnt``, and of new ones."""
    found: Reference = {}
    for name in names:
        known = learnt.select(F.col(quote(name)).alias("known")).distinct()
        joined = frame.join(known, F.col(quote(name)) == F.col("known"), "left")
        rows, new = joined.agg(F.count("*"), F.count_if(F.col("known").isNull())).collect()[0]
        found[name] = {"names": True, "shares": {"known": 1 - new / rows, "new": new / rows} if rows else {}}
    return found


def shares(frame: DataFrame, bins: Reference) -> dict[str, dict[str, float]]:
    """The share of rows in each bin of each column, in one aggregation. Bins without rows are left out."""
    if not bins:
        return {}
    binned = F.array(*[F.struct(F.lit(name).alias("column"), _bin(name, how).alias("bin")) for name, how in bins.items()])
    counted = frame.select(F.explode(binned).alias("b")).groupBy("b.column", "b.bin").count().collect()
    rows = sum(row["count"] for row in counted) / max(len(bins), 1)
    found: dict[str, dict[str, float]] = {name: {} for name in bins}
    for row in counted:
        found[row["column"]][row["bin"]] = row["count"] / rows
    return found


def compare(frame: DataFrame, then: Reference, policy: Drift, learnt: DataFrame) -> list[ColumnDrift]:
    """Each column of the reference against its rows in ``frame``, the most drifted first. ``learnt``: the training rows."""
    names = [name for name, how in then.items() if how.get("names")]
    now = shares(frame, {name: how for name, how in then.items() if name not in names})
    now |= {name: how["shares"] for name, how in unseen(frame, learnt, names).items()}
    found = []
    for name, how in then.items():
        index = psi(how["shares"], now[name])
        found.append(ColumnDrift(column=name, psi=round(index, 4), drifted=index >= policy.psi))
    return sorted(found, key=lambda column: (-column.psi, column.column))


def psi(then: dict[str, float], now: dict[str, float]) -> float:
    """Population stability index of two distributions, given as shares by bin; 0 when they are the same."""
    index = 0.0
    for key in {*then, *now}:
        a, b = max(then.get(key, 0.0), SMALLEST), max(now.get(key, 0.0), SMALLEST)
        index += (b - a) * math.log(b / a)
    return index


def _bin(name: str, how: dict[str, Any]) -> Column:
    if "edges" not in how:
        column = F.col(quote(name))
        return F.when(column.isNull(), F.lit("absent")).when(column.isin(how["categories"]), column).otherwise(OTHER)
    number, edges = quote(name), how["edges"]
    # A value that is an edge has a bin of its own: a flag that is nearly always set has no other edge.
    bins = [(f"{number} {sign} {edge!r}D", 2 * n + at) for n, edge in enumerate(edges) for at, sign in enumerate("<=")]
    cases = [f"WHEN {condition} THEN '{place}'" for condition, place in [*bins, ("true", 2 * len(edges))]]
    return F.expr(f"CASE WHEN {_is_finite(name)} THEN CASE {' '.join(cases)} END ELSE 'absent' END")


def _is_finite(name: str) -> str:
    """SQL that tells whether there is a number; NaN and the infinite are absent, as models take them."""
    return f"abs({quote(name)}) < double('inf')"  # NaN is larger still, for Spark.
