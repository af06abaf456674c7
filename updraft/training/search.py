"""The search: trials of each algorithm, judged on validation blocks in time order, never on the holdout."""

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
import optuna
from optuna.trial import TrialState
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.interval import on_days
from updraft.core.schema import EVENT_DATE
from updraft.core.use_case import Algorithm, Bounds, Choices, Model, Search
from updraft.training.families import Columns, Parameters, fit
from updraft.training.metrics import Floats, best_threshold, binary_metrics
from updraft.training.windows import Windows

optuna.logging.set_verbosity(optuna.logging.WARNING)
ATTEMPTS = 20  # Random samplers repeat themselves; a repeated trial would be paid for twice.


@dataclass(frozen=True)
class Trial:
    """One algorithm with one set of parameters; ``metrics`` are means over the folds, where ``threshold`` is chosen too."""

    algorithm: str
    parameters: Parameters
    metrics: dict[str, float]
    threshold: float
    seconds: float
    folds: list[dict[str, float]] = field(default_factory=list)


def search(frame: DataFrame, columns: Columns, windows: Windows, model: Model, on_trial: Callable[[int, Trial], None]) -> Trial:
    """Try every algorithm as ``model.search`` says and return the best trial by ``model.metric``.

    ``on_trial`` is called with the number and the outcome of each trial as it ends.
    """
    folds = [_fold(frame, windows, block) for block in windows.folds]
    trials: list[Trial] = []
    for name, algorithm in model.algorithms.items():
        study = optuna.create_study(sampler=_sampler(model.search), direction=_direction(model.metric))
        for combination in _grid(algorithm, model.search):
            study.enqueue_trial(combination)
        for _ in range(_number(algorithm, model.search)):
            asked, suggested = _ask(study, algorithm)
            trial = _run(name, {**algorithm.fixed, **suggested}, folds, columns, model.search.seed)
            # Rounded, so that the last bits of a sum in another order do not lead the sampler elsewhere.
            study.tell(asked, round(trial.metrics[model.metric], 4))
            on_trial(len(trials), trial)
            trials.append(trial)
    best = max if _direction(model.metric) == "maximize" else min
    return best(trials, key=lambda trial: trial.metrics[model.metric])


def _ask(study: optuna.Study, algorithm: Algorithm) -> tuple[optuna.Trial, Parameters]:
    """The next trial, and what it suggests: something new, as long as the sampler has not tried everything."""
    for _ in range(ATTEMPTS):
        tried = [trial.params for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
        asked = study.ask()
        suggested = {name: _suggest(asked, name, values) for name, values in algorithm.search.items()}
        if asked.params not in tried:
            break
        study.tell(asked, state=TrialState.FAIL)
    return asked, suggested


def _fold(frame: DataFrame, windows: Windows, block: list[date]) -> tuple[DataFrame, DataFrame]:
    before = frame.where((F.col(EVENT_DATE) >= windows.train[0]) & (F.col(EVENT_DATE) < block[0]))
    return before, frame.where(on_days(block))


def _run(
    algorithm: str, parameters: Parameters, folds: list[tuple[DataFrame, DataFrame]], columns: Columns, seed: int
) -> Trial:
    started = time.monotonic()
    scored: list[tuple[Floats, Floats]] = [
        fit(algorithm, train, columns, parameters, seed).predict(validation) for train, validation in folds
    ]
    threshold = best_threshold(np.concatenate([s[0] for s in scored]), np.concatenate([s[1] for s in scored]))
    metrics = [binary_metrics(labels, probabilities, threshold) for labels, probabilities in scored]
    means = {name: float(np.mean([m[name] for m in metrics])) for name in metrics[0]}
    return Trial(algorithm, parameters, means, threshold, time.monotonic() - started, metrics)


def _sampler(search: Search) -> optuna.samplers.BaseSampler:
    return (optuna.samplers.TPESampler if search.method == "tpe" else optuna.samplers.RandomSampler)(seed=search.seed)


def _grid(algorithm: Algorithm, search: Search) -> list[Parameters]:
    """All combinations, in order, of a grid search; of another method none."""
    if search.method != "grid":
        return []
    lists = [values for values in algorithm.search.values() if not isinstance(values, Bounds)]
    return [dict(zip(algorithm.search, combination, strict=True)) for combination in itertools.product(*lists)]


def _number(algorithm: Algorithm, search: Search) -> int:
    if not algorithm.search:
        return 1
    return min(search.trials, len(_grid(algorithm, search)) or search.trials)


def _suggest(trial: optuna.Trial, name: str, values: Choices | Bounds) -> str | bool | int | float | None:
    if isinstance(values, Bounds):
        if isinstance(values.low, int) and isinstance(values.high, int):
            return trial.suggest_int(name, values.low, values.high, log=values.log)
        return trial.suggest_float(name, values.low, values.high, log=values.log)
    return trial.suggest_categorical(name, values)


def _direction(metric: str) -> Literal["minimize", "maximize"]:
    return "minimize" if metric == "log_loss" else "maximize"
