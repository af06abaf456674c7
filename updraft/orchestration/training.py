"""A challenger is made, judged, and promoted only if the gate says so.

The newest labelled partitions are the *holdout*, which no model has seen. The partitions before it
are searched and trained on; the winner is registered as *challenger*. Challenger and champion are
scored on the same holdout, and the gate decides on that evidence alone: missing, empty, identical
or not significantly better means no. The newest partitions are then scored by whoever is champion.

By hand, the trigger form changes the search for one run; `use_case.yaml` stays as it is.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Label, TaskGroup, get_current_context, task

from updraft.core.report_files import report_uri
from updraft.core.reports import GateReport
from updraft.core.use_case import UseCase
from updraft.orchestration.common import dag_arguments
from updraft.orchestration.forms import day, search_argument, search_fields
from updraft.orchestration.links import MlflowRunLink
from updraft.orchestration.spark_job import SparkJob

END = {
    "end": day(
        "Newest day to use",
        "Included, with the labels that were known when it ended. "
        "Empty: the newest partition whose labels are complete, whatever day it is today.",
    )
}


def training_dag(use_case: UseCase) -> DAG:
    """``<use_case>_training``: search and fit, evaluate, gate, promote, score."""
    newest_day = {"end": "{{ params.end }}"} if use_case.schedule else {}
    with DAG(
        **dag_arguments(use_case, "training", __doc__),
        schedule=None,
        max_active_runs=1,
        params={**(END if use_case.schedule else {}), **search_fields(use_case)},
    ) as dag:
        search_and_fit = SparkJob(
            job="search_and_fit",
            use_case=use_case,
            arguments={**newest_day, "search": search_argument()},
            links=(MlflowRunLink(),),
            short=False,
            task_display_name="Search, and fit a challenger",
            doc_md="Tries the algorithms on validation blocks in time order, fits the best, "
            "registers it as *challenger*.",
        )
        with TaskGroup(
            "judge",
            group_display_name="The gate",
            prefix_group_id=False,
            tooltip="The evidence and the verdict",
        ):
            evaluate = SparkJob(
                job="evaluate",
                use_case=use_case,
                links=(MlflowRunLink(),),
                task_display_name="Evaluate on the holdout",
                doc_md="Challenger and champion on one frozen holdout.",
            )
            gate = SparkJob(
                job="gate",
                use_case=use_case,
                task_display_name="Weigh the evidence",
                doc_md="The verdict, from the evidence alone.",
            )

        @task.branch(
            task_display_name="Is the challenger better?", doc_md="Reads the gate's report."
        )
        def follow_verdict() -> str:
            run = get_current_context()["dag_run"]
            verdict = GateReport.read(report_uri(run.dag_id, run.run_id, "gate"))
            return "promote" if verdict.promote else "keep_champion"

        promote = SparkJob(
            job="promote",
            use_case=use_case,
            task_display_name="The challenger becomes champion",
            doc_md="Moves the alias *champion*.",
        )
        keep_champion = EmptyOperator(
            task_id="keep_champion",
            task_display_name="The champion stays",
            doc_md="The gate has refused the challenger: nothing changes.",
        )
        score = SparkJob(
            job="score",
            use_case=use_case,
            trigger_rule="none_failed_min_one_success",
            task_display_name="Score the newest rows",
            doc_md="The newest partitions, scored by the champion, into *predictions*.",
        )
        branch = follow_verdict()
        search_and_fit >> evaluate >> gate >> branch
        branch >> Label("yes") >> promote >> score
        branch >> Label("no") >> keep_champion >> score
    return dag
