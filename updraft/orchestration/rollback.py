"""A former champion becomes champion again, and scores what it is asked to.

The form takes a version that was champion before, or none for the one before the present champion,
and a reason. The version must still score today's features. The ledger keeps the rollback with its
reason; the scored partitions, by default the newest, then carry the version and the ledger's entry.
"""

from airflow.sdk import DAG, Param

from updraft.core.arguments import NEWEST
from updraft.core.ledger import NOBODY
from updraft.core.use_case import UseCase
from updraft.orchestration.common import dag_arguments
from updraft.orchestration.forms import day
from updraft.orchestration.spark_job import SparkJob

FIELDS = {
    "to": Param(
        None,
        type=["null", "integer"],
        minimum=NOBODY,
        title="Version",
        description_md="A former champion. Empty: the one before the present one. "
        f"{NOBODY}: none, to begin anew.",
    ),
    "reason": Param(
        type="string",
        minLength=1,
        maxLength=500,
        title="Reason",
        description_md="Why; it stands in the ledger.",
    ),
}
DAYS = {
    "start": day("First day to score again", "Included. Empty: the newest partitions."),
    "end": day(
        "Last day to score again",
        "Included. Empty: the first day alone or, without one, the newest.",
    ),
}


def rollback_dag(use_case: UseCase) -> DAG:
    """``<use_case>_rollback``: rollback, score."""
    days_to_score = {}
    if use_case.schedule:
        days_to_score = {
            "start": f"{{{{ params.start or '{NEWEST}' }}}}",
            "end": "{{ params.end }}",
        }
    with DAG(
        **dag_arguments(use_case, "rollback", __doc__),
        schedule=None,
        max_active_runs=1,
        params={**FIELDS, **(DAYS if use_case.schedule else {})},
    ) as dag:
        rollback = SparkJob(
            job="rollback",
            use_case=use_case,
            arguments={
                "to": "{{ params.to }}",
                "reason": "{{ params.reason }}",
                "by": "{{ dag_run.triggering_user_name or '' }}",
            },
            task_display_name="A former champion becomes champion again",
            doc_md="Checks that it still scores, enters the rollback in the ledger, "
            "and moves the alias *champion*.",
        )
        score = SparkJob(
            job="score",
            use_case=use_case,
            arguments=days_to_score,
            task_display_name="Score again",
            doc_md="The partitions of the form, or the newest, scored by the champion, "
            "into *predictions*.",
        )
        rollback >> score
    return dag
