"""The search: trials of each algorithm, in batches, judged on validation blocks, never on the holdout."""

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import optuna
from optuna.trial import TrialState
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.util import inheritable_thread_target

from updraft.core.errors import UpdraftError
from updraft.core.kinds import RANKED, Task, more_is_better
from updraft.core.schema import ITEM, LABEL, USER, quote
from updraft.core.sections import Algorithm, Bounds, Choices, Model, Search
from updraft.evaluation.clusters import space
from updraft.evaluation.metrics import Answers, Floats, best_threshold, metrics, statistics
from updraft.evaluation.ranking import Truth, rank, relevance
from updraft.models.feature_columns import Columns
from updraft.models.onnx_runtime import score_onnx
from updraft.training.export import to_onnx
from updraft.training.families import Fitted, Parameters, fit
from updraft.training.windows import Cut, Fold

optuna.logging.set_verbosity(optuna.logging.WARNING)
ATTEMPTS = 20  # Random samplers repeat themselves; a repeated trial would be paid for twice.
NOT_TRIED = (TrialState.FAIL, TrialState.WAITING)
STARTUP = 3  # Complete trials of an algorithm from which a median means something.


@dataclass(frozen=True)
class Trial:
    """One algorithm with one set of parameters, from ``started`` to ``ended`` (Unix time, seconds).

    ``metrics`` are means over ``folds``, where the ``threshold`` of a binary model is chosen too. A ``pruned`` trial has not
    seen all of the folds.
    """

    number: int
    algorithm: str
    parameters: Parameters
    folds: list[dict[str, float]]
    metrics: dict[str, float]
    threshold: float | None
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


@dataclass(frozen=True)
class _Block:
    """What a fold learns from and is judged on, with what its kind is judged by."""

    train: DataFrame
    validation: DataFrame
    space: Floats | None
    truth: Truth | None


def search(
    frame: DataFrame, columns: Columns, cut: Cut, task: Task, model: Model, on_trial: Callable[[Trial], None]
) -> Outcome:
    """Try the algorithms in turn, as ``model.search`` says, and find the best complete trial by ``model.metric``.

    ``frame``: what ``cut.prepare`` gives. ``on_trial`` is called with each trial, in order of number, when its batch has ended.
    Where there is one trial in all, nothing is to be chosen but a threshold: it sees the last fold alone.

    Raises:
        UpdraftError: an algorithm refuses a parameter's value, or gives answers that cannot be judged.
    """
    if model.metric == "value" and model.costs is None:
        raise UpdraftError("model.costs: not found, but model.metric is value. Say what each decision is worth, or take f1.")
    studies = {name: _study(algorithm, model) for name, algorithm in model.algorithms.items()}
    plan, started, trials = _plan(model), time.monotonic(), list[Trial]()
    folds = cut.blocks if len(plan) > 1 else cut.blocks[-1:]
    blocks = [_block(frame, fold, columns, task, model) for fold in folds]

    def run(number: int, asked: optuna.Trial, suggested: Parameters) -> Trial:
        return _run(number, plan[number], suggested, asked, blocks, columns, task, model)

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
    best = max if more_is_better(model.metric) else min
    complete = [trial for trial in trials if not trial.pruned]
    return Outcome(best(complete, key=lambda trial: round(trial.metrics[model.metric], 4)), trials, len(plan))


def check_rows(frame: DataFrame, cut: Cut, task: Task, model: Model) -> None:
    """Refuse what nothing can be learnt from, before anything is tried. ``frame``: what ``cut.prepare`` gives.

    Raises:
        UpdraftError: a fold has fewer rows to learn from than ``model.min_rows``, or a part of it has labels all alike (of a
            recommender: a single user or item).
    """
    parts = [(fold.learns, f"{fold.learns_from}, which a fold learns from", model.min_rows) for fold in cut.blocks]
    parts += [(fold.judged, f"{fold.judged_on}, which a fold is judged on", 2) for fold in cut.blocks]
    # Smallest and largest value of what must not be all alike.
    told_apart = {"clustering": [], "recommendation": [USER, ITEM]}.get(task.kind, [LABEL])
    wanted = []
    for condition, _, _ in parts:
        here = F.expr(condition)
        extremes = [end(F.when(here, F.col(name))) for name in told_apart for end in (F.min, F.max)]
        wanted += [F.count_if(here), F.count_if(here & (F.col(LABEL) == 0)), *extremes]
    found: list[Any] = [*frame.agg(*wanted).collect()[0]]
    width = 2 + 2 * len(told_apart)
    for n, (_, where, least) in enumerate(parts):
        rows, zeros, *ends = found[n * width : (n + 1) * width]
        labelled = "rows" if task.kind == "clustering" else "labelled rows"
        if rows < least:
            key = " (model.min_rows)" if least == model.min_rows else ""
            raise UpdraftError(
                f"training: found {rows} {labelled} in {where}, expected at least {least}{key}. "
                "Get more rows: backfill, or widen model.window."
            )
        for name, low, high in zip(told_apart, ends[::2], ends[1::2], strict=True):
            if low != high:
                continue
            if task.kind == "binary":
                what = f"{zeros} of class 0 and {rows - zeros} of class 1 among the labelled rows in {where}, expected both"
            elif task.kind == "multiclass":
                what = f"a single class, {task.classes[round(low)]}, in all {rows} labelled rows in {where}, expected several"
            else:
                what = f"{name} {low} in all {rows} labelled rows in {where}, expected different ones"
            raise UpdraftError(f"training: found {what}. Widen model.window or model.holdout, or see data.target.sql.")


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
        for combination in _combinations(algorithm):
            study.enqueue_trial(combination)
    return study


def _late(started: float, search: Search) -> bool:
    return search.minutes is not None and time.monotonic() - started >= search.minutes * 60


def _ask(study: optuna.Study, algorithm: Algorithm) -> optuna.Trial:
    """The next trial, with its parameters: something new, for no more trials are planned than there are combinations."""
    tried = [one.params for one in study.get_trials(deepcopy=False) if one.state not in NOT_TRIED]
    for _ in range(ATTEMPTS):
        asked = _suggested(study, algorithm)
        if asked.params not in tried or algorithm.combinations is None:
            return asked
        study.tell(asked, state=TrialState.FAIL)
    # The sampler keeps to what it likes: what it has left out is taken in order.
    study.enqueue_trial(next(one for one in _combinations(algorithm) if one not in tried))
    return _suggested(study, algorithm)


def _suggested(study: optuna.Study, algorithm: Algorithm) -> optuna.Trial:
    asked = study.ask()
    for name, values in algorithm.search.items():
        _suggest(asked, name, values)
    return asked


def _combinations(algorithm: Algorithm) -> Iterator[Parameters]:
    """Every combination of lists and of ranges of whole numbers."""
    lists = [
        range(int(values.low), int(values.high) + 1) if isinstance(values, Bounds) else values
        for values in algorithm.search.values()
    ]
    return (dict(zip(algorithm.search, combination, strict=True)) for combination in itertools.product(*lists))


def _tell(study: optuna.Study, asked: optuna.Trial, trial: Trial, metric: str) -> None:
    if trial.pruned:
        study.tell(asked, state=TrialState.PRUNED)
    else:
        # Rounded, so that the last bits of a sum in another order do not lead the sampler elsewhere.
        study.tell(asked, round(trial.metrics[metric], 4))


def _block(frame: DataFrame, fold: Fold, columns: Columns, task: Task, model: Model) -> _Block:
    train, validation = frame.where(fold.learns), frame.where(fold.judged)
    points, truth = None, None
    if task.kind == "clustering":
        validation = validation.cache()  # In one order: it is read here, and predicted later.
        points = space(validation.select(*map(quote, columns.all)).toPandas(), columns.numbers, columns.categories)
    if model.metric in RANKED:
        truth = Truth.of(train, validation, relevance(model, train))
        if not truth.users:
            raise UpdraftError(
                f"training: found no user in {fold.judged_on} who likes an item that is known and new to them, expected some: "
                f"model.metric is {model.metric}. Use rmse, or get more rows."
            )
    return _Block(train, validation, points, truth)


def _run(
    number: int,
    algorithm: str,
    parameters: Parameters,
    asked: optuna.Trial,
    blocks: list[_Block],
    columns: Columns,
    task: Task,
    model: Model,
) -> Trial:
    started = time.time()
    answered: list[Answers] = []
    for step, block in enumerate(blocks):
        if answered and asked.should_prune():
            break
        beside = model.search.parallelism
        fitted = fit(algorithm, block.train, columns, parameters, model.search.seed, task, balance=model.balance, beside=beside)
        answered.append(_answers(fitted, block, model))
        one = answered[-1]
        at_best = replace(one, threshold=best_threshold(one, model.metric)) if task.kind == "binary" else one
        asked.report(round(statistics(task, at_best)[model.metric].value, 4), step)
    threshold = None
    if task.kind == "binary":
        labels, scores = (np.concatenate(parts) for parts in zip(*((one.labels, one.scores) for one in answered), strict=True))
        threshold = best_threshold(replace(answered[0], labels=labels, scores=scores), model.metric)
    folds = [metrics(task, replace(one, threshold=threshold)) for one in answered]
    # A class may be missing from a fold, and then has no figures there.
    names = dict.fromkeys(name for fold in folds for name in fold)
    means = {name: float(np.mean([fold[name] for fold in folds if name in fold])) for name in names}
    pruned = len(answered) < len(blocks)
    return Trial(number, algorithm, parameters, folds, means, threshold, started, time.time(), pruned)


def _answers(fitted: Fitted, block: _Block, model: Model) -> Answers:
    labels, scores = fitted.predict(block.validation)
    ranking = None
    if block.truth:
        exported = to_onnx(fitted)
        ranking = rank(lambda pairs: score_onnx(exported, pairs), block.truth)
    return Answers(labels, scores, costs=model.costs, space=block.space, ranking=ranking)


def _suggest(trial: optuna.Trial, name: str, values: Choices | Bounds) -> None:
    if not isinstance(values, Bounds):
        trial.suggest_categorical(name, values)
    elif isinstance(values.low, int) and isinstance(values.high, int):
        trial.suggest_int(name, values.low, values.high, log=values.log)
    else:
        trial.suggest_float(name, values.low, values.high, log=values.log)


def _direction(metric: str) -> Literal["minimize", "maximize"]:
    return "maximize" if more_is_better(metric) else "minimize"
