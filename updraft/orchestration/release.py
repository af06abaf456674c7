"""Promotions that a rollback holds are released.

After a rollback, the gate refuses every challenger until somebody says that models may be promoted
again; the form takes the reason, which the ledger keeps. Model files that rollbacks have barred
stay barred. To promote what was refused meanwhile, clear the task *gate* of its training within a
day, or train again.
"""

from airflow.sdk import DAG

from updraft.core.use_case import UseCase
from updraft.orchestration.common import dag_arguments
from updraft.orchestration.forms import ASKED_BY, REASON
from updraft.orchestration.spark_job import SparkJob


def release_dag(use_case: UseCase) -> DAG:
    """``<use_case>_release``: release."""
    with DAG(
        **dag_arguments(use_case, "release", __doc__),
        schedule=None,
        max_active_runs=1,
        params={"reason": REASON},
    ) as dag:
        SparkJob(
            job="release",
            use_case=use_case,
            arguments={"reason": "{{ params.reason }}", "by": ASKED_BY},
            task_display_name="Release the promotions",
            doc_md="Enters the release in the ledger; from then on the gate judges again.",
        )
    return dag
