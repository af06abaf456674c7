"""How many rows of each partition lie in each bin, by their label: what a diagnosis is made from.

Sums over labels are the distribution of a column; shares within a label are its distribution given
the label; and those of a label within the bins of the champion's answer are the label given the
answer. One pass over the rows counts them all.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.kinds import Task
from updraft.core.schema import EVENT_DATE, LABEL
from updraft.monitoring.bins import FARTHEST, Bins, number_of_bins, positions
from updraft.monitoring.counting import column_values

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

UNLABELLED: Bins = {"edges": [], "centre": 0.0, "scale": 1.0}  # All rows are in the last bin.


def label_bins(task: Task, stored: Bins | None) -> Bins:
    """The bins of the label: one for each class, or those ``stored`` of a number.

    The last one holds the rows without a label.
    """
    if not task.traits.has_target or stored is None:
        return UNLABELLED
    if task.traits.has_classes:
        classes = max(len(task.classes), 2)
        return {"edges": [number + 0.5 for number in range(classes - 1)], "centre": 0, "scale": 1}
    return stored


@dataclass(frozen=True)
class ByLabel:
    """What was counted of some columns, by partition and label.

    Attributes:
        days: The partitions, in order.
        rows: Of each column the rows, shape (partitions, label bins, bins).
        sums: Of each number the sum of the scaled values, shape (partitions, label bins).
        lowest: Of each number the smallest value, shape (partitions,); inf without one.
        highest: The largest value; -inf without one.
        far: The rows at least ``FARTHEST`` from the centre, shape (partitions,).
    """

    days: list[date]
    rows: dict[str, Counts]
    sums: dict[str, Floats]
    lowest: dict[str, Floats]
    highest: dict[str, Floats]
    far: dict[str, Counts]

    def of(self, days: Sequence[date]) -> Self:
        """Some of the partitions; those without rows are left out."""
        wanted = set(days)
        kept = [position for position, day in enumerate(self.days) if day in wanted]
        return type(self)(
            days=[self.days[position] for position in kept],
            rows={name: each[kept] for name, each in self.rows.items()},
            sums={name: each[kept] for name, each in self.sums.items()},
            lowest={name: each[kept] for name, each in self.lowest.items()},
            highest={name: each[kept] for name, each in self.highest.items()},
            far={name: each[kept] for name, each in self.far.items()},
        )


class _OfDay(NamedTuple):
    """The counts of one partition: rows (label bins, all bins), sums (label bins, columns)."""

    rows: Counts
    sums: Floats
    lowest: Floats
    highest: Floats
    far: Counts

    def with_those_of(self, other: "_OfDay") -> "_OfDay":
        return _OfDay(
            self.rows + other.rows,
            self.sums + other.sums,
            np.minimum(self.lowest, other.lowest),
            np.maximum(self.highest, other.highest),
            self.far + other.far,
        )


class Tally:
    """Counts batches of rows, by partition and label."""

    def __init__(self, bins: Mapping[str, Bins], of_label: Bins) -> None:
        self.bins = dict(bins)
        self.of_label = of_label
        self.labels = number_of_bins(of_label) if of_label != UNLABELLED else 1
        sizes = [number_of_bins(each) for each in bins.values()]
        self.edges = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        self.days: dict[date | None, _OfDay] = {}

    def add(self, day: pa.Array, label: pa.Array, columns: Sequence[pa.Array]) -> None:
        """Add rows. ``columns``: in the order of the bins; a missing label is null."""
        encoded = day.dictionary_encode(null_encoding="encode")
        days = encoded.dictionary.to_pylist()
        group = encoded.indices.to_numpy().astype(np.int64) * self.labels
        if self.labels > 1:
            group += positions(self.of_label, label)[0]
        groups = len(days) * self.labels
        shape = (len(days), self.labels, -1)
        rows = []
        sums = np.zeros((groups, len(self.bins)))
        lowest = np.full((len(days), len(self.bins)), np.inf)
        highest = np.full((len(days), len(self.bins)), -np.inf)
        far = np.zeros((len(days), len(self.bins)), np.int64)
        for number, (bins, values) in enumerate(zip(self.bins.values(), columns, strict=True)):
            size = number_of_bins(bins)
            in_bin, scaled = positions(bins, values)
            rows.append(np.bincount(group * size + in_bin, minlength=groups * size))
            if scaled is not None:
                sums[:, number] = np.bincount(group, scaled, groups)
                numbers = np.array(values.to_numpy(zero_copy_only=False), dtype=float)
                is_number = np.isfinite(numbers)
                of_day = encoded.indices.to_numpy()[is_number]
                np.minimum.at(lowest[:, number], of_day, numbers[is_number])
                np.maximum.at(highest[:, number], of_day, numbers[is_number])
                is_far = np.abs(scaled) >= FARTHEST
                far[:, number] = np.bincount(encoded.indices.to_numpy(), is_far, len(days))
        counted = np.concatenate([each.reshape(shape) for each in rows], axis=2)
        summed = sums.reshape(shape)
        for position, each in enumerate(days):
            found_of_day = _OfDay(
                counted[position],
                summed[position],
                lowest[position],
                highest[position],
                far[position],
            )
            self._add(each, found_of_day)

    def _add(self, day: date | None, found: _OfDay) -> None:
        earlier = self.days.get(day)
        self.days[day] = found if earlier is None else earlier.with_those_of(found)

    def add_partial(self, day: date | None, values: Sequence[Sequence[float]]) -> None:
        """Add what another tally of the same columns has ``exported`` of a partition."""
        rows, sums, lowest, highest, far = (np.asarray(each) for each in values)
        self._add(
            day,
            _OfDay(
                rows.astype(np.int64).reshape(self.labels, -1),
                sums.reshape(self.labels, -1),
                lowest,
                highest,
                far.astype(np.int64),
            ),
        )

    def exported(self) -> pa.RecordBatch:
        """The partitions as rows of ``SCHEMA``."""
        parts = list(self.days.values())
        arrays = [pa.array(list(self.days), pa.date32())]
        arrays += [
            pa.array([getattr(part, name).ravel().tolist() for part in parts])
            for name in _OfDay._fields
        ]
        return pa.RecordBatch.from_arrays(arrays, names=["day", *_OfDay._fields])

    def counts(self) -> ByLabel:
        """What was counted."""
        days = sorted(self.days, key=str)
        parts = [self.days[day] for day in days]
        names = list(self.bins)
        numbers = [
            (number, name) for number, name in enumerate(names) if "edges" in self.bins[name]
        ]
        width = int(self.edges[-1])
        rows = np.array([part.rows for part in parts], np.int64).reshape(-1, self.labels, width)
        sums = np.array([part.sums for part in parts]).reshape(-1, self.labels, len(names))
        lowest = np.array([part.lowest for part in parts]).reshape(-1, len(names))
        highest = np.array([part.highest for part in parts]).reshape(-1, len(names))
        far = np.array([part.far for part in parts], np.int64).reshape(-1, len(names))
        return ByLabel(
            days=days,  # type: ignore[arg-type]
            rows={
                name: rows[:, :, self.edges[number] : self.edges[number + 1]]
                for number, name in enumerate(names)
            },
            sums={name: sums[:, :, number] for number, name in numbers},
            lowest={name: lowest[:, number] for number, name in numbers},
            highest={name: highest[:, number] for number, name in numbers},
            far={name: far[:, number] for number, name in numbers},
        )


SCHEMA = (
    "day date, rows array<bigint>, sums array<double>, lowest array<double>, "
    "highest array<double>, far array<bigint>"
)


def count_by_label(frame: DataFrame, bins: Mapping[str, Bins], of_label: Bins) -> ByLabel:
    """Count the columns with bins, in one pass.

    Args:
        frame: Rows with ``event_date``, ``label`` where the task has one, and the columns.
        bins: Of each column.
        of_label: The bins of the label, see ``label_bins``.
    """
    columns = list(bins)
    label = F.col(LABEL).cast("double") if of_label != UNLABELLED else F.lit(None).cast("double")
    rows = frame.select(
        F.col(EVENT_DATE).alias("day"), label.alias("of"), *column_values(frame, columns)
    )

    def count_batches(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        tally = Tally(bins, of_label)
        for batch in batches:
            if batch.num_rows:
                day, of_rows, *values = batch.columns
                tally.add(day, of_rows, values)
        if tally.days:
            yield tally.exported()

    total = Tally(bins, of_label)
    # The order of the tasks' results must not decide the last digit of a sum.
    partial = rows.mapInArrow(count_batches, SCHEMA).collect()
    for row in sorted(partial, key=str):
        total.add_partial(row["day"], row[1:])
    return total.counts()
