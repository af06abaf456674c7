"""A trial of the search: an algorithm with its hyperparameters, fitted and judged on folds."""

import logging
import time
from dataclasses import dataclass, replace

import numpy as np
import optuna
import pandas as pd
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import quote
from updraft.core.sections import Model
from updraft.evaluation.answers import Answers, pooled
from updraft.evaluation.kinds import kind_of
from updraft.evaluation.kinds.base import JudgeContext
from updraft.evaluation.metrics import metrics, statistics
from updraft.models.feature_columns import FeatureColumns
from updraft.training.export import to_onnx
from updraft.training.families import fit
from updraft.training.recipe import Parameters, Recipe
from updraft.training.sampler import DIGITS
from updraft.training.windows import Fold

Metrics = dict[str, float]
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trial:
    """One algorithm with one set of parameters, from ``started`` to ``ended`` (Unix time, seconds).

    ``folds``: the metrics on each fold; ``metrics``: their means. The ``threshold`` of a binary
    model is the best one over all folds. A ``pruned`` trial was stopped before its last fold.
    ``failure``: why the algorithm refused the rows or the parameters; then there are no metrics.
    """

    number: int
    algorithm: str
    parameters: Parameters
    folds: list[Metrics]
    metrics: Metrics
    threshold: float | None
    started: float
    ended: float
    pruned: bool
    failure: str | None = None

    @property
    def is_complete(self) -> bool:
        return not self.pruned and self.failure is None

    @property
    def state(self) -> str:
        if self.failure is not None:
            return "failed"
        return "pruned" if self.pruned else "complete"

    @property
    def seconds(self) -> float:
        return self.ended - self.started


@dataclass(frozen=True)
class FoldRows:
    """The rows of a fold; ``context``: what judging on the validation rows needs besides them."""

    train: DataFrame
    validation: DataFrame
    context: JudgeContext


@dataclass(frozen=True)
class TrialRunner:
    """Runs trials on the same ``folds``, each in a thread of its own."""

    columns: FeatureColumns
    task: Task
    model: Model
    folds: list[FoldRows]

    def run(
        self, number: int, algorithm: str, parameters: Parameters, optuna_trial: optuna.Trial
    ) -> Trial:
        """Fit and judge one model for each fold, until Optuna's pruner stops the trial.

        ``optuna_trial``: it gets the metric of each fold. However an algorithm fails on the rows
        or the parameters, it does not end the search of the others.
        """
        started = time.time()
        try:
            return self._judged(number, algorithm, parameters, optuna_trial, started)
        except UpdraftError as error:
            failure = str(error)
        except Exception as error:
            logger.warning("trial %2d  %s failed", number, algorithm, exc_info=True)
            first_line = str(error).partition("\n")[0]
            failure = f"{type(error).__name__}: {first_line}"
        return Trial(
            number=number,
            algorithm=algorithm,
            parameters=parameters,
            folds=[],
            metrics={},
            threshold=None,
            started=started,
            ended=time.time(),
            pruned=False,
            failure=failure,
        )

    def _judged(
        self,
        number: int,
        algorithm: str,
        parameters: Parameters,
        optuna_trial: optuna.Trial,
        started: float,
    ) -> Trial:
        recipe = Recipe.of(self.model, self.task, self.columns, algorithm, parameters)
        answers: list[Answers] = []
        for step, fold in enumerate(self.folds):
            if answers and optuna_trial.should_prune():
                break
            fold_answers = self._answers(recipe, fold)
            answers.append(fold_answers)
            optuna_trial.report(round(self._best_value(fold_answers), DIGITS), step)
        threshold = kind_of(self.task).threshold(pooled(answers), self.model.metric)
        by_fold = [
            metrics(self.task, replace(fold_answers, threshold=threshold))
            for fold_answers in answers
        ]
        return Trial(
            number=number,
            algorithm=algorithm,
            parameters=parameters,
            folds=by_fold,
            metrics=_means(by_fold),
            threshold=threshold,
            started=started,
            ended=time.time(),
            pruned=len(answers) < len(self.folds),
        )

    def _answers(self, recipe: Recipe, fold: FoldRows) -> Answers:
        """The answers of a model that is fitted on the fold's training rows."""
        fitted = fit(recipe, fold.train, parallel_fits=self.model.search.parallelism)
        labels, scores = fitted.predict(fold.validation)
        return fold.context.answers(labels, scores, lambda: to_onnx(fitted), costs=self.model.costs)

    def _best_value(self, answers: Answers) -> float:
        """The search's metric, of a binary model at the best threshold for these answers."""
        metric = self.model.metric
        threshold = kind_of(self.task).threshold(answers, metric)
        at_threshold = replace(answers, threshold=threshold)
        return statistics(self.task, at_threshold)[metric].value


def fold_rows(
    frame: DataFrame, fold: Fold, columns: FeatureColumns, task: Task, model: Model
) -> FoldRows:
    """The rows of ``fold`` in ``frame``, the prepared training rows of a split.

    Raises:
        UpdraftError: rankings are to be judged, but there is no user to rank for.
    """
    kind = kind_of(task)
    train = frame.where(fold.train)
    validation = frame.where(fold.validation)

    def features() -> pd.DataFrame:
        # Cached, so that the rows are predicted in this order later on.
        return validation.cache().select(*map(quote, columns.all)).toPandas()

    context = kind.judge_context(
        validation,
        train,
        columns,
        features=features,
        relevance=lambda: kind.relevance(model, train),
        metric=model.metric,
    )
    if context.ranks_nobody:
        raise UpdraftError(
            f"training: found no user in {fold.validation_name} who likes an item that is known "
            f"and new to them, expected some: model.metric is {model.metric}. "
            "Use rmse, or get more rows."
        )
    return FoldRows(train, validation, context)


def _means(folds: list[Metrics]) -> Metrics:
    """The mean of each metric over the folds that have it: a class may be missing from a fold."""
    names = dict.fromkeys(name for fold in folds for name in fold)
    means = {}
    for name in names:
        values = [fold[name] for fold in folds if name in fold]
        means[name] = float(np.mean(values))
    return means
