"""Which rows a challenger is trained, tuned and evaluated on.

Partitions are cut in time order, the holdout newest. A snapshot has no time: its keys are split once and for all.
"""

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Interval, on_days
from updraft.core.kinds import Task
from updraft.core.schema import EVENT_DATE, HOLDOUT, LABEL, ROW_ID, SPLIT, TRAIN
from updraft.core.sections import Model

PART = "__part"
TRAIN_SPLIT, HOLDOUT_SPLIT = f"{SPLIT} = '{TRAIN}'", f"{SPLIT} = '{HOLDOUT}'"


class Fold(NamedTuple):
    """Conditions on the rows that a fold learns from and is judged on, and what errors call them."""

    learns: str
    judged: str
    learns_from: str
    judged_on: str


class Cut(Protocol):
    """How rows are cut: conditions on those of training and holdout, and ``blocks`` of the former, the newest last.

    The intervals hold the days of both; ``name`` says in words what is trained on.
    """

    @property
    def train_rows(self) -> str: ...

    @property
    def holdout_rows(self) -> str: ...

    @property
    def blocks(self) -> list[Fold]: ...

    @property
    def train_interval(self) -> Interval: ...

    @property
    def holdout_interval(self) -> Interval: ...

    @property
    def name(self) -> str: ...

    def prepare(self, train: DataFrame) -> DataFrame:
        """The training rows with all that the conditions of ``blocks`` speak of."""
        ...


@dataclass(frozen=True)
class Windows:
    """``train`` and ``holdout``: days with labelled rows. ``folds``: blocks inside ``train``, oldest first.

    A block validates what was trained on the days before it.
    """

    train: list[date]
    holdout: list[date]
    folds: list[list[date]]

    @property
    def train_rows(self) -> str:
        return on_days(self.train)

    @property
    def holdout_rows(self) -> str:
        return on_days(self.holdout)

    @property
    def blocks(self) -> list[Fold]:
        found = []
        for block in self.folds:
            before = [day for day in self.train if day < block[0]]
            found.append(Fold(on_days(before), on_days(block), f"{before[0]} to {before[-1]}", f"{block[0]} to {block[-1]}"))
        return found

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


@dataclass(frozen=True)
class Splits:
    """A snapshot's rows by their frozen split. The first ``folds`` of ``parts`` equal parts of the training rows validate.

    Each part is predicted by a model of all others. A row's part follows from a hash of its key, ``by_label`` class by class.
    """

    parts: int
    folds: int
    by_label: bool

    @property
    def train_rows(self) -> str:
        return TRAIN_SPLIT

    @property
    def holdout_rows(self) -> str:
        return HOLDOUT_SPLIT

    @property
    def blocks(self) -> list[Fold]:
        return [
            Fold(f"{PART} <> {n}", f"{PART} = {n}", f"all parts but {n + 1} of {self.parts}", f"part {n + 1} of {self.parts}")
            for n in range(self.folds)
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
        stratum = F.col(LABEL) if self.by_label else F.lit(0)
        in_stratum = F.row_number().over(Window.partitionBy(stratum).orderBy(F.xxhash64(ROW_ID), ROW_ID))
        return train.withColumn(PART, in_stratum % self.parts)


def usable(frame: DataFrame, task: Task) -> DataFrame:
    """The rows from which a model of the task can learn, and on which it can be judged: labelled ones; for clusters all."""
    return frame if task.kind == "clustering" else frame.where(F.col(LABEL).isNotNull())


def cut(frame: DataFrame, task: Task, model: Model, snapshot: bool) -> Cut:
    """Cut a features table, as ``windows`` does or, if it is a snapshot, by its splits."""
    if not snapshot:
        days = usable(frame, task).select(EVENT_DATE).distinct().collect()
        return windows([row[EVENT_DATE] for row in days], model)
    # As many parts as make each about as large as the holdout.
    parts = round((1 - model.holdout) / model.holdout)
    return Splits(max(parts, model.search.folds, 2), model.search.folds, task.kind in ("binary", "multiclass"))


def windows(labelled: list[date], model: Model) -> Windows:
    """Cut the labelled days: the newest ``holdout`` are kept apart, the ``window`` before them are trained on.

    Raises:
        UpdraftError: there are too few days for the holdout, the folds and something before the first fold.
    """
    days, holdout = sorted(labelled), int(model.holdout)
    need = holdout * (model.search.folds + 1) + 1
    if len(days) < need:
        raise UpdraftError(
            f"training: found {len(days)} labelled partitions, expected at least {need} "
            f"(a holdout of {holdout}, {model.search.folds} folds as long, and one before). Backfill more days."
        )
    train, kept = days[:-holdout][-model.window :], days[-holdout:]
    if len(train) <= holdout * model.search.folds:
        raise UpdraftError(
            f"model.window: found {model.window} partitions, expected more than the {model.search.folds} folds "
            f"of {holdout} that lie in it. Widen model.window or lower model.search.folds."
        )
    ends = [len(train) - holdout * n for n in range(model.search.folds)]
    return Windows(train, kept, [train[end - holdout : end] for end in reversed(ends)])
