"""What a kind of model has to provide: all behaviour that differs between the kinds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import onnx
import pandas as pd
from pyspark.sql import Column, DataFrame

from updraft.core.kinds import Task
from updraft.core.metrics import metric_of
from updraft.core.schema import LABEL
from updraft.core.sections import Costs, Model
from updraft.core.use_case import UseCase
from updraft.evaluation.answers import Answers
from updraft.evaluation.statistic import Statistic
from updraft.models.answers import Floats
from updraft.models.feature_columns import FeatureColumns
from updraft.models.versions import RegisteredVersion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from updraft.evaluation.plots.style import Drawn


@dataclass(frozen=True)
class JudgeContext:
    """What models are judged with on one set of rows, besides labels and scores: usually nothing.

    It is built once for a holdout or a fold and used for every model that is judged on its rows.
    """

    @property
    def ranks_nobody(self) -> bool:
        """Whether rankings are to be judged, but no user has an item that proved relevant."""
        return False

    def answers(
        self,
        labels: Floats,
        scores: Floats,
        exported: Callable[[], onnx.ModelProto],
        *,
        threshold: float | None = None,
        costs: Costs | None = None,
    ) -> Answers:
        """The answers of one model.

        ``labels`` (rows,) and ``scores`` (rows, outputs) are in the order of the context's rows.
        ``exported`` returns the model as ONNX; it is called only where rankings are judged.
        """
        return Answers(labels, scores, threshold=threshold, costs=costs)


class LabelCounts(NamedTuple):
    """How many different labels a holdout has, and how many positive rows; None if not defined."""

    labels: int | None
    positives: int | None


class NaiveAnswers(NamedTuple):
    """What a baseline answers for the rows of a holdout.

    ``name``: what it answers, in words. ``learnt``: the number of training rows it is made from.
    """

    name: str
    answers: Answers
    learnt: int


class Importance(NamedTuple):
    """What the importance of features is measured by.

    ``value`` maps scores that were made with one feature shuffled, and the scores without
    shuffling, both of shape (rows, outputs), to the value of the ``metric``. It raises an
    UpdraftError if the metric cannot be computed on the rows.
    """

    metric: str
    value: Callable[[Floats, Floats], float]
    more_is_better: bool


class KindOfModel(Protocol):
    """The behaviour of one kind of model. Kinds inherit the defaults that suit most of them."""

    recommends: bool = False  # Whether scoring also writes the table of recommendations.

    # Metrics

    def check(self, answers: Answers, task: Task) -> None:
        """Refuse labels and scores on which no metric can be computed.

        Raises:
            UpdraftError: there are no rows, or a label or score is not valid for the kind.
        """
        ...

    def statistics(self, answers: Answers, task: Task) -> dict[str, Statistic]:
        """Each metric of the kind, by name. ``answers`` have passed ``check``."""
        ...

    def threshold(self, answers: Answers, metric: str) -> float | None:
        """The threshold with the best ``metric`` on validation rows; None without a threshold."""
        return None

    # Judging

    def relevance(self, model: Model, train: DataFrame) -> float | None:
        """The label from which an item counts as relevant; None for kinds without rankings."""
        return None

    def judge_context(
        self,
        rows: DataFrame,
        before: DataFrame,
        columns: FeatureColumns,
        *,
        features: Callable[[], pd.DataFrame],
        relevance: Callable[[], float | None],
        metric: str | None = None,
    ) -> JudgeContext:
        """What models are judged with on ``rows``: those of a holdout or of a fold's validation.

        ``before``: the rows that recommendations may rest on. ``features`` returns the feature
        columns of ``rows`` in the order in which labels and scores will be judged; ``relevance``
        the label from which an item is relevant. Both are called only if they are needed.
        ``metric``: the only metric that is needed; None for all metrics of the kind.
        """
        return JudgeContext()

    def columns_to_collect(self, columns: FeatureColumns, slice_names: list[str]) -> list[str]:
        """The features that judging needs of each holdout row, besides id, label and scores."""
        return slice_names

    def slice_rows(
        self, rows: pd.DataFrame, before: DataFrame, slice_columns: FeatureColumns
    ) -> tuple[pd.DataFrame, FeatureColumns]:
        """The holdout ``rows`` with the columns that they are sliced by, and these columns."""
        return rows, slice_columns

    def baseline(
        self,
        train: DataFrame,
        rows: pd.DataFrame,
        judged: Answers,
        context: JudgeContext,
        task: Task,
        metric: str,
    ) -> NaiveAnswers:
        """What can be answered without a model, by the labels of ``train`` alone.

        ``rows``: those of the holdout. ``judged``: a model's answers for them, whose labels and
        costs the baseline is judged by. ``metric``: where several constant answers are possible,
        the one that is best by it on the training rows is taken.
        """
        ...

    # Labels

    def label_counts(self, rows: pd.DataFrame) -> LabelCounts:
        """The counts of labels of the holdout ``rows`` for the evidence."""
        return LabelCounts(rows[LABEL].nunique(), None)

    def label_summary(self, rows: DataFrame, task: Task) -> tuple[int, dict[str, Any]]:
        """The number of ``rows``, and a summary of their labels, in one Spark job.

        The summary is ``{"positives": count}``, ``{"classes": {name: count}}``, ``{"mean": mean}``
        or empty.
        """
        ...

    def label_text(self, rows: int, summary: dict[str, Any]) -> str:
        """A ``label_summary`` in words, such as ``12.5% positive``; empty without labels."""
        ...

    def varying_columns(self) -> list[str]:
        """The columns that must have more than one value in each part of the training rows."""
        return [LABEL]

    def all_alike(
        self, name: str, value: Any, rows: int, zeros: int, where: str, task: Task
    ) -> str:
        """What is wrong with ``rows`` that all have one ``value`` in the varying column ``name``.

        ``zeros``: how many of the rows have the label 0. ``where``: what the rows are called.
        The text follows "found" in an error message.
        """
        return (
            f"{name} {value} in all {rows} labelled rows in {where}, expected at least two values"
        )

    # Serving and documentation

    def prediction_columns(
        self, outputs: dict[str, Column], version: RegisteredVersion, task: Task
    ) -> list[Column]:
        """The columns of the predictions table, from the model's ``outputs`` by name."""
        ...

    def purpose(self, use_case: UseCase) -> str:
        """What the model predicts, as the beginning of a sentence."""
        ...

    # Plots

    def importance(self, labels: Floats, task: Task) -> "Importance | None":
        """How the importance of features is measured on rows; None if it cannot be measured.

        By default by the first metric of the kind. ``labels``: of the rows, of shape (rows,).
        """
        metric = task.traits.metrics[0]

        def value(scores: Floats, _unshuffled: Floats) -> float:
            answers = Answers(labels, scores, threshold=0.5)
            self.check(answers, task)
            return self.statistics(answers, task)[metric].value

        return Importance(metric, value, more_is_better=metric_of(metric).more_is_better)

    def holdout_document(
        self, answers: Answers, columns: FeatureColumns, task: Task
    ) -> dict[str, Any]:
        """The data behind the plots of one model on the holdout, as a JSON document."""
        ...

    def holdout_plots(self, documents: "Drawn", rows: str) -> "dict[str, Figure]":
        """The plots by file name. ``documents``: of each model; ``rows``: what they show."""
        ...

    def plot_note(self, use_case: UseCase) -> str:
        """A further line below the plots of the holdout, such as what positive means; or empty."""
        return ""
