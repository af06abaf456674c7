"""Models on one holdout: their answers for its rows, with all that their kind is judged by."""

from dataclasses import dataclass
from functools import partial

import onnx
import pandas as pd
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.manifest import MODEL
from updraft.core.schema import LABEL, UNIT, feature_names
from updraft.core.use_case import UseCase
from updraft.evaluation.answers import Answers
from updraft.evaluation.importance import IMPORTANCE
from updraft.evaluation.intervals import Units
from updraft.evaluation.kinds import kind_of
from updraft.evaluation.kinds.base import JudgeContext
from updraft.evaluation.slices import FEATURES, slice_columns
from updraft.evaluation.units import numbered, with_unit
from updraft.models.feature_columns import FeatureColumns
from updraft.models.scoring import holdout_answers
from updraft.models.versions import RegisteredVersion


@dataclass(frozen=True)
class Judged:
    """The holdout's ``rows``, and the ``answers`` of each model for them, in the same order.

    ``columns``: all features. ``sliced_by``: the features that the rows are sliced by.
    ``rows`` has only the features that are needed. ``units``: the number of each row's unit, see
    ``gate.unit``; shape (rows,).
    ``context``: what the models were judged with.
    """

    rows: pd.DataFrame
    columns: FeatureColumns
    answers: list[Answers]
    sliced_by: FeatureColumns
    units: Units
    context: JudgeContext


def judge(
    use_case: UseCase, holdout: DataFrame, before: DataFrame, versions: list[RegisteredVersion]
) -> Judged:
    """Score the same rows with all ``versions``, the challenger first.

    ``holdout``: usable rows of the features table; ``before``: the rows that recommendations may
    rest on.

    Raises:
        UpdraftError: the gate's policy names slices by columns that are not text features.
    """
    task = use_case.task
    kind = kind_of(task)
    columns = FeatureColumns.of(holdout, feature_names(holdout.columns))
    declared = _declared_slices(use_case, columns)
    important = important_features(versions[0]) if len(columns.all) > FEATURES else []
    sliced_by = slice_columns(columns, important)
    slice_names = list(dict.fromkeys([*sliced_by.all, *declared]))
    folders = [version.folder for version in versions]
    names = [*kind.columns_to_collect(columns, slice_names), UNIT]
    rows = holdout_answers(with_unit(holdout, use_case), folders, task, names)
    units = numbered(rows[UNIT])
    context = kind.judge_context(
        holdout,
        before,
        columns,
        features=lambda: rows[columns.all],
        relevance=lambda: versions[0].tags.relevance,
    )
    labels = rows[LABEL].to_numpy(float)
    answers = []
    for n, version in enumerate(versions):
        scores = rows[[f"{name}@{n}" for name in task.outputs]].to_numpy(float)
        exported = partial(onnx.load, folders[n] / MODEL)
        answers.append(
            context.answers(
                labels,
                scores,
                exported,
                threshold=version.tags.threshold,
                costs=use_case.model.costs,
            )
        )
    sliced_rows, sliced_by = kind.slice_rows(rows, before, sliced_by)
    return Judged(sliced_rows, columns, answers, sliced_by, units, context)


def important_features(version: RegisteredVersion) -> list[str]:
    """The features by their importance, as measured by the training; empty if it could not be."""
    if IMPORTANCE not in version.approved.documents:
        return []
    document = version.document(IMPORTANCE)
    return [feature["feature"] for feature in document["features"]]


def _declared_slices(use_case: UseCase, columns: FeatureColumns) -> list[str]:
    """The columns of which the gate judges each value."""
    declared = use_case.gate.slices.columns if use_case.gate.slices else []
    unknown = [name for name in declared if name not in columns.categories]
    if unknown:
        raise UpdraftError(
            f"gate.slices.columns: found {unknown}, expected text features of features.sql: "
            f"{columns.categories}."
        )
    return declared
