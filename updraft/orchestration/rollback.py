"""A former champion becomes champion again, and scores the newest partitions.

The form takes the version, which must have been champion before and still score today's features,
and a reason; both are required. The ledger keeps the rollback with its reason. The model file that
is taken away may not become champion again, and by the use case's policy all promotions are held
until the DAG for releases, or `updraft release`, says otherwise. Other days are scored again by the
DAG for scoring.
"""

from airflow.sdk import DAG, Param

from updraft.core.ledger import NOBODY
from updraft.core.use_case import UseCase
from updraft.orchestration.common import dag_arguments
from updraft.orchestration.forms import ASKED_BY, REASON
from updraft.orchestration.spark_job import SparkJob

VERSION = Param(
    type="integer",
    minimum=NOBODY,
    title="Version",
    description_md=f"A former champion, by its number. {NOBODY}: no champion, to begin anew.",
)


def rollback_dag(use_case: UseCase) -> DAG:
    """``<use_case>_rollback``: rollback, score."""
    with DAG(
        **dag_arguments(use_case, "rollback", __doc__),
        schedule=None,
        max_active_runs=1,
        params={"to": VERSION, "reason": REASON},
    ) as dag:
        rollback = SparkJob(
            job="rollback",
            use_case=use_case,
            arguments={"to": "{{ params.to }}", "reason": "{{ params.reason }}", "by": ASKED_BY},
            task_display_name="A former champion becomes champion again",
            doc_md="Checks that it still scores, enters the rollback in the ledger, "
            "and moves the alias *champion*.",
        )
        score = SparkJob(
            job="score",
            use_case=use_case,
            task_display_name="Score the newest rows again",
            doc_md="The newest partitions, scored by the champion, into *predictions*.",
        )
        rollback >> score
    return dag
