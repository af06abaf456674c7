"""The search: trials of each algorithm, in batches, judged on folds, never on the holdout."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.util import inheritable_thread_target

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.metrics import metric_of
from updraft.core.schema import LABEL
from updraft.core.sections import Algorithm, Model, Search
from updraft.data.labels import labelled_share
from updraft.evaluation.kinds import kind_of
from updraft.models.feature_columns import FeatureColumns
from updraft.training.sampler import DIGITS, Sampler
from updraft.training.trials import Trial, TrialRunner, fold_rows
from updraft.training.windows import DataSplit

# The share of rows with a label from which equal labels are a finding about the rows, and not a
# sign that the other labels have yet to come.
COMPLETE = 0.9


@dataclass(frozen=True)
class SearchOutcome:
    """The ``trials`` of a search, of ``planned`` ones, and the ``best`` of those not pruned."""

    best: Trial
    trials: list[Trial]
    planned: int

    @property
    def stopped_early(self) -> bool:
        """Whether ``model.search.minutes`` ended the search before its last trial."""
        return len(self.trials) < self.planned


def search(
    frame: DataFrame,
    columns: FeatureColumns,
    split: DataSplit,
    task: Task,
    model: Model,
    on_trial: Callable[[Trial], None],
) -> SearchOutcome:
    """Run the trials that ``model.search`` plans and find the best one by ``model.metric``.

    ``frame``: the result of ``split.prepare``. ``on_trial`` is called with each trial, in order of
    number, when its batch has ended. A single planned trial runs on the last fold only, because
    nothing but a threshold remains to be chosen.

    Raises:
        UpdraftError: every algorithm refuses the rows or its parameters; or a model cannot be
            judged.
    """
    started = time.monotonic()
    samplers = {name: Sampler(algorithm, model) for name, algorithm in model.algorithms.items()}
    planned = _plan(model)
    folds = split.folds if len(planned) > 1 else split.folds[-1:]
    rows = [fold_rows(frame, fold, columns, task, model) for fold in folds]
    runner = TrialRunner(columns, task, model, rows)
    run_trial = inheritable_thread_target(frame.sparkSession)(runner.run)  # A JVM thread for each.
    trials: list[Trial] = []
    with ThreadPoolExecutor(model.search.parallelism) as pool:
        while len(trials) < len(planned):
            if trials and _time_is_up(started, model.search):
                break
            end = min(len(trials) + model.search.parallelism, len(planned))
            numbers = range(len(trials), end)
            algorithms = [planned[number] for number in numbers]
            optuna_trials = [samplers[algorithm].ask() for algorithm in algorithms]
            parameters = [
                samplers[algorithm].parameters(optuna_trial)
                for algorithm, optuna_trial in zip(algorithms, optuna_trials, strict=True)
            ]
            # The complete batch is run before the samplers and pruners see a result of it, so that
            # the next trials do not depend on which trial of the batch is faster.
            batch = list(pool.map(run_trial, numbers, algorithms, parameters, optuna_trials))
            for optuna_trial, trial in zip(optuna_trials, batch, strict=True):
                value = trial.metrics[model.metric] if trial.is_complete else None
                samplers[trial.algorithm].tell(optuna_trial, value)
                on_trial(trial)
                trials.append(trial)
    return SearchOutcome(_best(trials, model.metric), trials, len(planned))


class _Part(NamedTuple):
    """The training or validation rows of a fold; ``min_rows``: how many there have to be."""

    condition: str
    name: str
    min_rows: int


def check_rows(frame: DataFrame, split: DataSplit, task: Task, model: Model) -> None:
    """Refuse rows on which no model can be trained, before the first trial; one Spark job.

    ``frame``: the result of ``split.prepare``, with the rows that have no label.

    Raises:
        UpdraftError: a fold has fewer training rows than ``model.min_rows``, or all rows of a part
            have the same label (for a recommender: the same user or item).
    """
    kind = kind_of(task)
    varying = kind.varying_columns()
    parts = _parts(split, model)
    has_label = F.col(LABEL).isNotNull() if task.traits.has_target else F.lit(True)
    statistics: list[Any] = []
    for part in parts:
        is_in_part = F.expr(part.condition)
        is_used = is_in_part & has_label
        statistics += [F.count_if(is_in_part), F.count_if(is_used)]
        statistics.append(F.count_if(is_used & (F.col(LABEL) == 0)))
        for name in varying:
            value = F.when(is_used, F.col(name))
            statistics += [F.min(value), F.max(value)]
    values = iter(frame.agg(*statistics).collect()[0])
    for part in parts:
        all_rows = next(values)
        rows = next(values)
        zeros = next(values)
        _check_number(rows, all_rows, part, task, model)
        for name in varying:
            low = next(values)
            high = next(values)
            if low == high:
                if rows < COMPLETE * all_rows:
                    raise UpdraftError(_still_coming_in(rows, all_rows, part))
                problem = kind.all_alike(name, low, rows, zeros, part.name, task)
                raise UpdraftError(
                    f"training: found {problem}. "
                    "Widen model.window or model.holdout, or see data.target.sql."
                )


def _parts(split: DataSplit, model: Model) -> list[_Part]:
    train = [
        _Part(fold.train, f"{fold.train_name}, which a fold is trained on", model.min_rows)
        for fold in split.folds
    ]
    validation = [
        _Part(fold.validation, f"{fold.validation_name}, which a fold is judged on", 2)
        for fold in split.folds
    ]
    return train + validation


def _check_number(rows: int, all_rows: int, part: _Part, task: Task, model: Model) -> None:
    if rows < part.min_rows:
        if rows < COMPLETE * all_rows and all_rows >= part.min_rows:
            raise UpdraftError(_still_coming_in(rows, all_rows, part))
        labelled = "labelled rows" if task.traits.has_target else "rows"
        setting = " (model.min_rows)" if part.min_rows == model.min_rows else ""
        raise UpdraftError(
            f"training: found {rows} {labelled} in {part.name}, "
            f"expected at least {part.min_rows}{setting}. "
            "Get more rows: backfill, or widen model.window."
        )


def _still_coming_in(rows: int, all_rows: int, part: _Part) -> str:
    """What is wrong with a part of which too few rows have a label to train or judge on it."""
    return (
        f"training: labels are still coming in: only {labelled_share(rows, all_rows)} in "
        f"{part.name}. Say in data.target.matures how long after the end of a partition all its "
        "labels are known; if they are complete, widen model.window or model.holdout, or see "
        "data.target.sql."
    )


def _plan(model: Model) -> list[str]:
    """The algorithm of each trial, by number.

    The algorithms take turns, so that a search that is stopped early has tried each of them.
    """
    numbers = {
        name: _number_of_trials(algorithm, model.search)
        for name, algorithm in model.algorithms.items()
    }
    planned = []
    for turn in range(max(numbers.values())):
        planned += [name for name, number in numbers.items() if turn < number]
    return planned


def _number_of_trials(algorithm: Algorithm, search: Search) -> int:
    if algorithm.combinations is None:
        return search.trials
    return min(search.trials, algorithm.combinations)


def _time_is_up(started: float, search: Search) -> bool:
    return search.minutes is not None and time.monotonic() - started >= search.minutes * 60


def _best(trials: list[Trial], metric: str) -> Trial:
    """The first of the best complete trials, by the rounded metric."""
    best_of = max if metric_of(metric).more_is_better else min
    complete = [trial for trial in trials if trial.is_complete]
    if not complete:
        reasons = sorted({f"{trial.algorithm}: {trial.failure}" for trial in trials})
        raise UpdraftError("; ".join(reasons))
    return best_of(complete, key=lambda trial: round(trial.metrics[metric], DIGITS))
