"""The search: trials of each algorithm, in batches, judged on validation blocks in time order, never on the holdout."""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import optuna
from optuna.trial import TrialState
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.util import inheritable_thread_target

from updraft.core.errors import UpdraftError
from updraft.core.interval import on_days
from updraft.core.kinds import Task
from updraft.core.schema import EVENT_DATE, LABEL
from updraft.core.sections import Algorithm, Bounds, Choices, Model, Search
from updraft.training.families import Columns, Parameters, check_parameters, fit
from updraft.training.metrics import Floats, best_threshold, binary_metrics
from updraft.training.windows import Windows

optuna.logging.set_verbosity(optuna.logging.WARNING)
ATTEMPTS = 20  # Random samplers repeat themselves; a repeated trial would be paid for twice.
NOT_TRIED = (TrialState.FAIL, TrialState.WAITING)
STARTUP = 3  # Complete trials of an algorithm from which a median means something.


@dataclass(frozen=True)
class Trial:
    """One algorithm with one set of parameters, from ``started`` to ``ended`` (Unix time, seconds).

    ``metrics`` are means over ``folds``, where ``threshold`` is chosen too. A ``pruned`` trial has not seen all of the folds.
    """

    number: int
    algorithm: str
    parameters: Parameters
    folds: list[dict[str, float]]
    metrics: dict[str, float]
    threshold: float
    started: float
    ended: float
    pruned: bool

    @property
    def seconds(self) -> float:
        return self.ended - self.started


@dataclass(frozen=True)
class Outcome:
    """What a search has found, after which of the ``planned`` trials."""

    best: Trial
    trials: list[Trial]
    planned: int

    @property
    def cut(self) -> bool:
        """Whether the minutes have ended the search before its last trial."""
        return len(self.trials) < self.planned


def search(frame: DataFrame, columns: Columns, windows: Windows, model: Model, on_trial: Callable[[Trial], None]) -> Outcome:
    """Try the algorithms in turn, as ``model.search`` says, and find the best complete trial by ``model.metric``.

    ``on_trial`` is called with each trial, in order of number, when its batch has ended.

    Raises:
        UpdraftError: an algorithm does not know a parameter.
    """
    for name, algorithm in model.algorithms.items():
        check_parameters(name, {*algorithm.fixed, *algorithm.search}, Task("binary"))
    folds = [_fold(frame, windows, block) for block in windows.folds]
    studies = {name: _study(algorithm, model) for name, algorithm in model.algorithms.items()}
    plan, started, trials = _plan(model), time.monotonic(), list[Trial]()

    def run(number: int, asked: optuna.Trial, suggested: Parameters) -> Trial:
        return _run(number, plan[number], suggested, asked, folds, columns, model)

    run = inheritable_thread_target(frame.sparkSession)(run)  # One thread of the JVM for each of ours.
    with ThreadPoolExecutor(model.search.parallelism) as pool:
        while len(trials) < len(plan) and not (trials and _late(started, model.search)):
            # What the sampler and the pruner know is what earlier batches have told: so trials do not depend on who is faster.
            numbers = range(len(trials), min(len(trials) + model.search.parallelism, len(plan)))
            asked = [_ask(studies[plan[number]], model.algorithms[plan[number]]) for number in numbers]
            suggested = [{**model.algorithms[plan[n]].fixed, **one.params} for n, one in zip(numbers, asked, strict=True)]
            batch = list(pool.map(run, numbers, asked, suggested))  # To its end, before anything is told.
            for one, trial in zip(asked, batch, strict=True):
                _tell(studies[plan[trial.number]], one, trial, model.metric)
                on_trial(trial)
                trials.append(trial)
    best = max if _direction(model.metric) == "maximize" else min
    complete = [trial for trial in trials if not trial.pruned]
    return Outcome(best(complete, key=lambda trial: round(trial.metrics[model.metric], 4)), trials, len(plan))


def check_rows(frame: DataFrame, windows: Windows, model: Model) -> None:
    """Refuse what nothing can be learnt from, before anything is tried.

    Raises:
        UpdraftError: there are fewer rows than ``model.min_rows`` before the first fold, or a single class in a part.
    """
    counted = {(row[EVENT_DATE], row[LABEL]): row["count"] for row in frame.groupBy(EVENT_DATE, LABEL).count().collect()}
    parts = [("learns from", [day for day in windows.train if day < block[0]]) for block in windows.folds]
    parts += [("is judged on", block) for block in windows.folds]
    for does, days in parts:
        classes = [sum(n for (day, label), n in counted.items() if day in days and label == one) for one in (0, 1)]
        where = f"labelled rows in {days[0]} to {days[-1]}, which a fold {does}"
        if does == "learns from" and sum(classes) < model.min_rows:
            raise UpdraftError(
                f"training: found {sum(classes)} {where}, expected at least {model.min_rows} (model.min_rows). "
                "Backfill more days, or widen model.window."
            )
        if not all(classes):
            raise UpdraftError(
                f"training: found {classes[0]} of class 0 and {classes[1]} of class 1 among the {where}, expected both. "
                "Widen model.window or model.holdout, or see data.target.sql."
            )


def _plan(model: Model) -> list[str]:
    """The algorithm of each trial, by number: in turns, so that minutes that end the search have let each one try."""
    numbers = {name: _number(algorithm, model.search) for name, algorithm in model.algorithms.items()}
    return [name for turn in range(max(numbers.values())) for name, number in numbers.items() if turn < number]


def _number(algorithm: Algorithm, search: Search) -> int:
    return search.trials if algorithm.combinations is None else min(search.trials, algorithm.combinations)


def _study(algorithm: Algorithm, model: Model) -> optuna.Study:
    sampler = optuna.samplers.TPESampler if model.search.method == "tpe" else optuna.samplers.RandomSampler
    pruner = optuna.pruners.MedianPruner(n_startup_trials=STARTUP) if model.search.pruning else optuna.pruners.NopPruner()
    study = optuna.create_study(sampler=sampler(seed=model.search.seed), pruner=pruner, direction=_direction(model.metric))
    if model.search.method == "grid":
        lists = [values for values in algorithm.search.values() if not isinstance(values, Bounds)]
        for combination in itertools.product(*lists):
            study.enqueue_trial(dict(zip(algorithm.search, combination, strict=True)))
    return study


def _late(started: float, search: Search) -> bool:
    return search.minutes is not None and time.monotonic() - started >= search.minutes * 60


def _ask(study: optuna.Study, algorithm: Algorithm) -> optuna.Trial:
    """The next trial, with its parameters: something new, as long as the sampler has not tried everything."""
    for _ in range(ATTEMPTS):
        tried = [one.params for one in study.get_trials(deepcopy=False) if one.state not in NOT_TRIED]
        asked = study.ask()
        for name, values in algorithm.search.items():
            _suggest(asked, name, values)
        if asked.params not in tried:
            break
        study.tell(asked, state=TrialState.FAIL)
    return asked


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial, metric: str) -> None:
    if trial.pruned:
        study.tell(asked, state=TrialState.PRUNED)
    else:
        # Rounded, so that the last bits of a sum in another order do not lead the sampler elsewhere.
        study.tell(asked, round(trial.metrics[metric], 4))


def _fold(frame: DataFrame, windows: Windows, block: list[date]) -> tuple[DataFrame, DataFrame]:
    before = frame.where((F.col(EVENT_DATE) >= windows.train[0]) & (F.col(EVENT_DATE) < block[0]))
    return before, frame.where(on_days(block))


def _run(
    number: int,
    algorithm: str,
    parameters: Parameters,
    asked: optuna.Trial,
    folds: list[tuple[DataFrame, DataFrame]],
    columns: Columns,
    model: Model,
) -> Trial:
    started = time.time()
    scored: list[tuple[Floats, Floats]] = []
    for step, (train, validation) in enumerate(folds):
        if scored and asked.should_prune():
            break
        fitted = fit(algorithm, train, columns, parameters, model.search.seed, Task("binary"), beside=model.search.parallelism)
        labels, scores = fitted.predict(validation)
        scored.append((labels, scores[:, 0]))
        asked.report(round(binary_metrics(*scored[-1], 0.5)[model.metric], 4), step)
    threshold = best_threshold(np.concatenate([s[0] for s in scored]), np.concatenate([s[1] for s in scored]))
    metrics = [binary_metrics(labels, probabilities, threshold) for labels, probabilities in scored]
    means = {name: float(np.mean([m[name] for m in metrics])) for name in metrics[0]}
    pruned = len(scored) < len(folds)
    return Trial(number, algorithm, parameters, metrics, means, threshold, started, time.time(), pruned)


def _suggest(trial: optuna.Trial, name: str, values: Choices | Bounds) -> None:
    if not isinstance(values, Bounds):
        trial.suggest_categorical(name, values)
    elif isinstance(values.low, int) and isinstance(values.high, int):
        trial.suggest_int(name, values.low, values.high, log=values.log)
    else:
        trial.suggest_float(name, values.low, values.high, log=values.log)


def _direction(metric: str) -> Literal["minimize", "maximize"]:
    return "minimize" if metric == "log_loss" else "maximize"
