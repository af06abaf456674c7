"""The champion scores the days of the form again.

Both days are required. The predictions of these days are replaced by those of the present champion,
with its version and the ledger's entry; the report lists days without features. The newest
partitions are scored by each training and each rollback in any case. A use case without a schedule
has no days: all of its rows are scored.
"""

from airflow.sdk import DAG

from updraft.core.use_case import UseCase
from updraft.orchestration.common import dag_arguments
from updraft.orchestration.forms import required_day
from updraft.orchestration.spark_job import SparkJob

DAYS = {
    "start": required_day("First day to score", "Included."),
    "end": required_day("Last day to score", "Included; not before the first day."),
}


def scoring_dag(use_case: UseCase) -> DAG:
    """``<use_case>_scoring``: score."""
    days = {"start": "{{ params.start }}", "end": "{{ params.end }}"} if use_case.schedule else {}
    with DAG(
        **dag_arguments(use_case, "scoring", __doc__),
        schedule=None,
        max_active_runs=1,
        params=DAYS if use_case.schedule else {},
    ) as dag:
        SparkJob(
            job="score",
            use_case=use_case,
            arguments=days,
            task_display_name="Score these days",
            doc_md="The partitions of the form, scored by the champion, into *predictions*.",
        )
    return dag
