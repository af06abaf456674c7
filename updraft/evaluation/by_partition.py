"""A version's metric on the labelled rows of each partition, for its course over time."""

import math

import pandas as pd
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.reports import PartitionMetric
from updraft.core.schema import EVENT_DATE, LABEL
from updraft.core.use_case import UseCase
from updraft.evaluation.answers import Answers
from updraft.evaluation.metrics import metrics
from updraft.models.scoring import holdout_answers
from updraft.models.versions import RegisteredVersion


def metric_by_partition(
    rows: DataFrame, version: RegisteredVersion, use_case: UseCase
) -> list[PartitionMetric]:
    """The gate's metric on each partition, in order.

    A partition on which it cannot be computed, such as the AUC of a single class, has no value.
    Neither have metrics of rankings, which judge users over many partitions.

    ``rows``: labelled rows of the features table; these columns of them are collected.
    """
    scored = holdout_answers(rows, [version.folder], use_case.task, [EVENT_DATE])
    found = []
    for day, partition in scored.groupby(EVENT_DATE, sort=True):
        value = _metric(partition, version, use_case)
        found.append(PartitionMetric(day=day, rows=len(partition), value=value))
    return found


def _metric(partition: pd.DataFrame, version: RegisteredVersion, use_case: UseCase) -> float | None:
    task = use_case.task
    answers = Answers(
        labels=partition[LABEL].to_numpy(float),
        scores=partition[[f"{name}@0" for name in task.outputs]].to_numpy(float),
        threshold=version.tags.threshold,
        costs=use_case.model.costs,
    )
    try:
        value = metrics(task, answers).get(use_case.gate.metric)
    except UpdraftError:  # All labels are equal.
        return None
    return None if value is None or math.isnan(value) else float(value)
