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
from updraft.core.schema import HOLDOUT_ROWS, LABEL, ROW_ID, TRAIN, TRAIN_ROWS
from updraft.core.sections import Model
from updraft.core.use_case import UseCase
from updraft.data.labels import IMMEDIATE, Maturity, labelled_rows
from updraft.data.tables import partitions_of

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
        """The rows, with a label or without, and every column that ``folds`` refer to."""
        ...


@dataclass(frozen=True)
class TimeSplit:
    """``train`` and ``holdout``: days with labelled rows, in order.

    ``blocks``: the days of each validation block inside ``train``, the oldest block first. A block
    validates a model that was trained on the days before it whose labels, by ``maturity``, were
    complete when it began.
    """

    train: list[date]
    holdout: list[date]
    blocks: list[list[date]]
    maturity: Maturity

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
        earlier = _known_before(block[0], self.train, self.maturity)
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
    The part of a row follows from a hash of its key; ``stratified``: within each class. Rows
    without a label do not change the parts of those with one.
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
        stratum = F.col(LABEL) if self.stratified else F.col(LABEL).isNull()
        by_hash = Window.partitionBy(stratum).orderBy(F.xxhash64(ROW_ID), ROW_ID)
        return train.withColumn(PART, F.row_number().over(by_hash) % self.parts)


def split_data(frame: DataFrame, use_case: UseCase, end: date | None = None) -> DataSplit:
    """Split a features table: by ``split_days`` or, if it is a snapshot, by its keys.

    ``end``: the last day of what the training may know, included; None for the present moment.

    Raises:
        UpdraftError: see ``split_days``.
    """
    task = use_case.task
    model = use_case.model
    if use_case.unit is not None:
        days = partitions_of(labelled_rows(frame, task))
        maturity = Maturity.of(use_case)
        return split_days(days, model, maturity, maturity.known(end))
    parts_as_large_as_the_holdout = round((1 - model.holdout) / model.holdout)
    return KeySplit(
        parts=max(parts_as_large_as_the_holdout, model.search.folds, 2),
        validation_parts=model.search.folds,
        stratified=task.traits.has_classes,
    )


def split_days(
    days: list[date], model: Model, maturity: Maturity = IMMEDIATE, known: date | None = None
) -> TimeSplit:
    """Split days with labelled rows: the newest ``holdout``, and the ``window`` before to train on.

    ``known``: the newest day whose labels may be used; None for any. Between training rows and
    holdout, and between those of each fold, lies an embargo by ``maturity``: when the rows began
    that a model is judged on, the labels that it was trained on were complete.

    Raises:
        UpdraftError: there are too few days for the holdout, the folds and one before the folds.
    """
    days = sorted(days)
    usable = [day for day in days if known is None or day <= known]
    split = _divided(usable, model, model.window, maturity)
    if split is not None:
        return split
    if _divided(usable, model, len(usable), maturity) is not None:
        raise UpdraftError(
            f"model.window: found {model.window} partitions, expected more than the "
            f"{model.search.folds} folds of {int(model.holdout)} that lie in it"
            f"{_embargo(maturity)}. Widen model.window or lower model.search.folds."
        )
    raise UpdraftError(_too_few(days, usable, model, maturity))


def _divided(days: list[date], model: Model, window: int, maturity: Maturity) -> TimeSplit | None:
    """The split of ``days``, which are in order; None if a part would be empty or too short."""
    length = int(model.holdout)
    folds = model.search.folds
    if len(days) < length * (folds + 1) + 1:
        return None
    holdout = days[-length:]
    train = _known_before(holdout[0], days, maturity)[-window:]
    if len(train) <= length * folds:
        return None
    ends = [len(train) - length * n for n in reversed(range(folds))]
    blocks = [train[end - length : end] for end in ends]
    if not _known_before(blocks[0][0], train, maturity):
        return None
    return TimeSplit(train=train, holdout=holdout, blocks=blocks, maturity=maturity)


def _known_before(first: date, days: list[date], maturity: Maturity) -> list[date]:
    """Those of ``days`` whose labels were complete when the partition ``first`` began."""
    newest = maturity.newest_before(first)
    return [day for day in days if day <= newest]


def _too_few(days: list[date], usable: list[date], model: Model, maturity: Maturity) -> str:
    """Why the ``usable`` ones of ``days`` cannot be split, and what to do."""
    holdout = int(model.holdout)
    folds = model.search.folds
    mature = "labelled" if maturity.delay is None else "mature labelled"
    problem = (
        f"training: found {len(usable)} {mature} partitions, expected at least "
        f"{holdout * (folds + 1) + 1} (a holdout of {holdout}, {folds} folds of the same length, "
        f"and one before them{_embargo(maturity)}). "
    )
    waiting = len(days) - len(usable)
    if maturity.delay is None or not waiting:
        return f"{problem}Backfill more days."
    newest = f"the newest mature partition is {usable[-1]}" if usable else "none is mature"
    return (
        f"{problem}Labels are still coming in: {newest}, and {waiting} later ones wait for theirs "
        f"(data.target.matures is {maturity}). Backfill earlier days, or train later."
    )


def _embargo(maturity: Maturity) -> str:
    if maturity.delay is None:
        return ""
    return (
        f", and {maturity} (data.target.matures) without training rows before the "
        "holdout and before the oldest fold"
    )
