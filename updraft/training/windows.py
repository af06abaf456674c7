"""How the rows are split into training rows and holdout, and the training rows into folds.

Partitions are split in time order, the newest are the holdout. A snapshot has no time: each of its
keys is assigned to a split once and for all.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Interval, on_days
from updraft.core.kinds import Task
from updraft.core.schema import EVENT_DATE, HOLDOUT_ROWS, LABEL, ROW_ID, TRAIN, TRAIN_ROWS
from updraft.core.sections import Model
from updraft.data.labels import labelled_rows

PART = "__part"


class Fold(NamedTuple):
    """SQL conditions on a fold's training and validation rows, and the names of both in errors."""

    train: str
    validation: str
    train_name: str
    validation_name: str


class DataSplit(Protocol):
    """How rows are split: SQL conditions on the rows of training and holdout, and folds.

    ``folds``: those of the training rows, the one with the newest validation rows last. The
    intervals hold the days of both parts. ``name`` describes the training rows in words.
    """

    @property
    def train_rows(self) -> str: ...

    @property
    def holdout_rows(self) -> str: ...

    @property
    def folds(self) -> list[Fold]: ...

    @property
    def train_interval(self) -> Interval: ...

    @property
    def holdout_interval(self) -> Interval: ...

    @property
    def name(self) -> str: ...

    def prepare(self, train: DataFrame) -> DataFrame:
        """The training rows with every column that the conditions of ``folds`` refer to."""
        ...


@dataclass(frozen=True)
class TimeSplit:
    """``train`` and ``holdout``: days with labelled rows, in order.

    ``blocks``: the days of each validation block inside ``train``, the oldest block first. A block
    validates a model that was trained on the days before it.
    """

    train: list[date]
    holdout: list[date]
    blocks: list[list[date]]

    @property
    def train_rows(self) -> str:
        return on_days(self.train)

    @property
    def holdout_rows(self) -> str:
        return on_days(self.holdout)

    @property
    def folds(self) -> list[Fold]:
        return [self._fold(block) for block in self.blocks]

    @property
    def train_interval(self) -> Interval:
        return Interval(self.train[0], self.train[-1])

    @property
    def holdout_interval(self) -> Interval:
        return Interval(self.holdout[0], self.holdout[-1])

    @property
    def name(self) -> str:
        return f"{len(self.train)} partitions, {self.train[0]} to {self.train[-1]}"

    def prepare(self, train: DataFrame) -> DataFrame:
        return train

    def _fold(self, block: list[date]) -> Fold:
        earlier = [day for day in self.train if day < block[0]]
        return Fold(
            train=on_days(earlier),
            validation=on_days(block),
            train_name=f"{earlier[0]} to {earlier[-1]}",
            validation_name=f"{block[0]} to {block[-1]}",
        )


@dataclass(frozen=True)
class KeySplit:
    """A snapshot's rows by the split of their keys.

    The training rows are divided into ``parts`` of equal size. Each of the first
    ``validation_parts`` validates a model that was trained on all other parts (cross-validation).
    The part of a row follows from a hash of its key; ``stratified``: within each class.
    """

    parts: int
    validation_parts: int
    stratified: bool

    @property
    def train_rows(self) -> str:
        return TRAIN_ROWS

    @property
    def holdout_rows(self) -> str:
        return HOLDOUT_ROWS

    @property
    def folds(self) -> list[Fold]:
        return [
            Fold(
                train=f"{PART} <> {n}",
                validation=f"{PART} = {n}",
                train_name=f"all parts but {n + 1} of {self.parts}",
                validation_name=f"part {n + 1} of {self.parts}",
            )
            for n in range(self.validation_parts)
        ]

    @property
    def train_interval(self) -> Interval:
        return Interval(SNAPSHOT, SNAPSHOT)

    @property
    def holdout_interval(self) -> Interval:
        return Interval(SNAPSHOT, SNAPSHOT)

    @property
    def name(self) -> str:
        return f"the split {TRAIN}"

    def prepare(self, train: DataFrame) -> DataFrame:
        stratum = F.col(LABEL) if self.stratified else F.lit(0)
        by_hash = Window.partitionBy(stratum).orderBy(F.xxhash64(ROW_ID), ROW_ID)
        return train.withColumn(PART, F.row_number().over(by_hash) % self.parts)


def split_data(frame: DataFrame, task: Task, model: Model, snapshot: bool) -> DataSplit:
    """Split a features table: by ``split_days`` or, if it is a snapshot, by its keys.

    Raises:
        UpdraftError: see ``split_days``.
    """
    if not snapshot:
        days = labelled_rows(frame, task).select(EVENT_DATE).distinct().collect()
        return split_days([row[EVENT_DATE] for row in days], model)
    parts_as_large_as_the_holdout = round((1 - model.holdout) / model.holdout)
    return KeySplit(
        parts=max(parts_as_large_as_the_holdout, model.search.folds, 2),
        validation_parts=model.search.folds,
        stratified=task.traits.has_classes,
    )


def split_days(days: list[date], model: Model) -> TimeSplit:
    """Split days with labelled rows: the newest ``holdout``, and the ``window`` before to train on.

    Raises:
        UpdraftError: there are too few days for the holdout, the folds and one before the folds.
    """
    days = sorted(days)
    holdout = int(model.holdout)
    folds = model.search.folds
    min_days = holdout * (folds + 1) + 1
    if len(days) < min_days:
        raise UpdraftError(
            f"training: found {len(days)} labelled partitions, expected at least {min_days} "
            f"(a holdout of {holdout}, {folds} folds of the same length, and one before them). "
            "Backfill more days."
        )
    train = days[:-holdout][-model.window :]
    if len(train) <= holdout * folds:
        raise UpdraftError(
            f"model.window: found {model.window} partitions, expected more than the {folds} folds "
            f"of {holdout} that lie in it. Widen model.window or lower model.search.folds."
        )
    ends = [len(train) - holdout * n for n in reversed(range(folds))]
    blocks = [train[end - holdout : end] for end in ends]
    return TimeSplit(train=train, holdout=days[-holdout:], blocks=blocks)
