"""What can be answered without a model: the naive baseline beside the models in the evidence."""

from dataclasses import replace

from pyspark.sql import DataFrame

from updraft.core.evidence import Baseline
from updraft.core.metrics import baseline_metric
from updraft.evaluation.comparison import Comparison, rows_sha256
from updraft.evaluation.kinds import kind_of
from updraft.evaluation.metrics import statistics


def baseline_evidence(comparison: Comparison, train: DataFrame) -> Baseline:
    """The baseline of the use case's kind on the holdout, and the challenger's gain over it.

    ``train``: the rows that the challenger was trained on, and no others. The gain is in the gate's
    metric or, where that is best for a constant answer, in the one that takes its place.
    """
    use_case = comparison.use_case
    metric = baseline_metric(use_case.gate.metric)
    judged = comparison.judged
    naive = kind_of(use_case.task).baseline(
        train, judged.rows, judged.answers[0], judged.context, use_case.task, metric
    )
    measured = statistics(use_case.task, naive.answers)
    gate = use_case.gate.model_copy(update={"metric": metric})
    against_baseline = replace(
        comparison,
        use_case=use_case.model_copy(update={"gate": gate}),
        statistics=[comparison.statistics[0], measured],
    )
    return Baseline(
        name=naive.name,
        judged_on=rows_sha256(judged.rows),
        learnt=naive.learnt,
        metrics={name: statistic.value for name, statistic in measured.items()},
        gain=against_baseline.gain(),
    )
