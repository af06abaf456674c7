"""Which partitions a challenger is trained, tuned and evaluated on: in time order, the holdout newest."""

from dataclasses import dataclass
from datetime import date

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.sections import Model


@dataclass(frozen=True)
class Windows:
    """``train`` and ``holdout``: days with labelled rows. ``folds``: blocks inside ``train``, oldest first.

    A block validates what was trained on the days before it.
    """

    train: list[date]
    holdout: list[date]
    folds: list[list[date]]

    @property
    def train_interval(self) -> Interval:
        return Interval(self.train[0], self.train[-1])

    @property
    def holdout_interval(self) -> Interval:
        return Interval(self.holdout[0], self.holdout[-1])


def windows(labelled: list[date], model: Model) -> Windows:
    """Cut the labelled days: the newest ``holdout`` are kept apart, the ``window`` before them are trained on.

    Raises:
        UpdraftError: there are too few days for the holdout, the folds and something before the first fold.
    """
    days = sorted(labelled)
    need = model.holdout * (model.search.folds + 1) + 1
    if len(days) < need:
        raise UpdraftError(
            f"training: found {len(days)} labelled partitions, expected at least {need} "
            f"(a holdout of {model.holdout}, {model.search.folds} folds as long, and one before). Backfill more days."
        )
    train, holdout = days[: -model.holdout][-model.window :], days[-model.holdout :]
    if len(train) <= model.holdout * model.search.folds:
        raise UpdraftError(
            f"model.window: found {model.window} partitions, expected more than the {model.search.folds} folds "
            f"of {model.holdout} that lie in it. Widen model.window or lower model.search.folds."
        )
    ends = [len(train) - model.holdout * n for n in range(model.search.folds)]
    return Windows(train, holdout, [train[end - model.holdout : end] for end in reversed(ends)])
