"""How many rows of each partition lie in each bin: all columns in one pass over the rows.

Spark hands batches of rows to numpy, because its own expressions take a comparison for each edge of
each column of each row. A task returns one row of counts for each partition that it has seen.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql import types as T

from updraft.core.schema import EVENT_DATE, LABEL, ROW_ID, quote
from updraft.monitoring.bins import Bins, bins_of_numbers, bins_of_texts, number_of_bins, positions

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

SAMPLE_ROWS = 20_000  # From which the bins are made.


@dataclass(frozen=True)
class ColumnCounts:
    """What was counted of one column.

    Attributes:
        rows: Rows by partition and bin, shape (partitions, bins). The partitions are in order.
        sums: The sum of the scaled values of each partition, shape (partitions,); None if the
            column has no numbers.
        may_miss: Whether the last bin, of missing values or of new entities, says anything.
    """

    rows: Counts
    sums: Floats | None
    may_miss: bool = True

    def only_labelled(self) -> Self:
        """Without the rows whose value is missing: a label that has not come yet says nothing."""
        rows = self.rows.copy()
        rows[:, -1] = 0
        return replace(self, rows=rows, may_miss=False)


def make_bins(frame: DataFrame, columns: list[str]) -> dict[str, Bins]:
    """Bins for each column, from a sample of the rows that is the same each time.

    Numbers have deciles, texts their most frequent values. ``frame`` has the column ``row_id``.
    """
    sample = some_rows(frame, frame.count(), SAMPLE_ROWS)
    table = sample.select(*column_values(frame, columns)).toArrow()
    bins = {}
    for name, values in zip(columns, table.columns, strict=True):
        if pa.types.is_string(values.type):
            bins[name] = bins_of_texts(values.combine_chunks())
        else:
            bins[name] = bins_of_numbers(np.asarray(values.to_numpy(), dtype=float))
    return bins


def some_rows(frame: DataFrame, rows: int, limit: int) -> DataFrame:
    """About ``limit`` of the ``rows`` of a frame, by a hash of ``row_id``: the same ones each time.

    All of them if there are no more.
    """
    if rows <= limit:
        return frame
    one_in = -(-rows // limit)
    return frame.where(F.pmod(F.xxhash64(ROW_ID), F.lit(one_in)) == 0)


def count(
    frame: DataFrame, bins: Mapping[str, Bins]
) -> tuple[list[date | None], dict[str, ColumnCounts]]:
    """The partitions of a frame in order, and the counts of each column with bins.

    A frame without ``event_date`` counts as one partition, whose day is None. Of the label, rows
    without one are not counted.
    """
    columns = list(bins)
    has_days = EVENT_DATE in frame.columns
    day = F.col(EVENT_DATE) if has_days else F.lit(None).cast("date")
    rows = frame.select(day.alias("day"), *column_values(frame, columns))
    sizes = [number_of_bins(bins[name]) for name in columns]
    edges = np.concatenate([[0], np.cumsum(sizes)])

    def count_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        totals: dict[date | None, tuple[Counts, Floats]] = {}
        for batch in batches:
            if batch.num_rows:
                _add(totals, batch, list(bins.values()), edges)
        if totals:
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array(list(totals), pa.date32()),
                    pa.array([counts.tolist() for counts, _ in totals.values()]),
                    pa.array([sums.tolist() for _, sums in totals.values()]),
                ],
                names=["day", "rows", "sums"],
            )

    schema = "day date, rows array<bigint>, sums array<double>"
    by_day: dict[date | None, tuple[Counts, Floats]] = {}
    # The order of the tasks' results must not decide the last digit of a sum.
    partial = rows.mapInArrow(count_batches, schema).collect()
    for row in sorted(partial, key=lambda row: (str(row["day"]), row["rows"], row["sums"])):
        counts, sums = by_day.get(row["day"], (0, 0.0))
        by_day[row["day"]] = (counts + np.array(row["rows"]), sums + np.array(row["sums"]))
    days = sorted(by_day, key=str)
    counted = {}
    for number, name in enumerate(columns):
        of_bins = [by_day[day][0][edges[number] : edges[number + 1]] for day in days]
        of_sums = [by_day[day][1][number] for day in days]
        of_column = ColumnCounts(
            rows=np.array(of_bins, dtype=np.int64).reshape(len(days), sizes[number]),
            sums=np.array(of_sums) if "edges" in bins[name] else None,
        )
        counted[name] = of_column.only_labelled() if name == LABEL else of_column
    return days, counted


def column_values(frame: DataFrame, columns: list[str]) -> list[Column]:
    """The columns as texts or doubles, under names without special characters."""
    values = []
    for number, name in enumerate(columns):
        column = F.col(quote(name))
        if not isinstance(frame.schema[name].dataType, T.StringType):
            column = column.cast("double")
        values.append(column.alias(f"c{number}"))
    return values


def _add(
    totals: dict[date | None, tuple[Counts, Floats]],
    batch: pa.RecordBatch,
    bins: list[Bins],
    edges: npt.NDArray[np.int64],
) -> None:
    """Add the rows of a batch: its first column is the day, the others those of ``bins``."""
    encoded = batch.column(0).dictionary_encode(null_encoding="encode")
    days = encoded.dictionary.to_pylist()
    of_day = encoded.indices.to_numpy()
    counts = np.zeros((len(days), edges[-1]), dtype=np.int64)
    sums = np.zeros((len(days), len(bins)))
    for number, column_bins in enumerate(bins):
        size = number_of_bins(column_bins)
        found, scaled = positions(column_bins, batch.column(number + 1))
        if len(days) == 1:
            counted = np.bincount(found, minlength=size)[None]
            summed = None if scaled is None else np.array([scaled.sum()])
        else:
            places = of_day * size + found
            counted = np.bincount(places, minlength=len(days) * size).reshape(len(days), size)
            summed = None if scaled is None else np.bincount(of_day, scaled, len(days))
        counts[:, edges[number] : edges[number + 1]] += counted
        if summed is not None:
            sums[:, number] += summed
    for position, day in enumerate(days):
        earlier = totals.get(day, (0, 0.0))
        totals[day] = (earlier[0] + counts[position], earlier[1] + sums[position])
