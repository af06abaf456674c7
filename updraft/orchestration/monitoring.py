"""The newest rows are compared with the champion's training rows; on drift, training starts.

Runs when new features are announced: after scheduled runs and range runs, never after backfills.
A column has drifted if it lies outside the spread of blocks of the training rows that are as long
as the window; Evidently draws the page, the *Drift report* behind the first task. If too little can
be judged, that task is skipped, and says "no verdict". By hand, another window can be set.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Label, Param, get_current_context, task

from updraft.core.report_files import report_uri
from updraft.core.reports import DriftReport
from updraft.core.sections import MAX_WINDOW
from updraft.core.use_case import UseCase
from updraft.orchestration.common import dag_arguments, features_asset
from updraft.orchestration.links import DriftReportLink
from updraft.orchestration.spark_job import SparkJob


def monitoring_dag(use_case: UseCase) -> DAG:
    """``<use_case>_monitoring``: drift, then retrain or nothing."""
    with DAG(
        **dag_arguments(use_case, "monitoring", __doc__),
        schedule=[features_asset(use_case)],
        max_active_runs=1,
        params={"window": _window(use_case)} if use_case.schedule else {},
    ) as dag:
        drift = SparkJob(
            job="drift",
            use_case=use_case,
            arguments={"window": "{{ params.window }}"} if use_case.schedule else {},
            links=(DriftReportLink(),),
            task_display_name="Measure drift",
            doc_md="The drift of features, label and predictions, as values and as a page.",
        )

        @task.branch(task_display_name="Have the rows drifted?", doc_md="Reads the drift report.")
        def has_drifted() -> str:
            run = get_current_context()["dag_run"]
            report = DriftReport.read(report_uri(run.dag_id, run.run_id, "drift"))
            return "retrain" if report.detected else "nothing_to_do"

        retrain = TriggerDagRunOperator(
            task_id="retrain",
            task_display_name="The rows have drifted: retrain",
            trigger_dag_id=f"{use_case.name}_training",
            trigger_run_id="drift__{{ run_id }}",
            skip_when_already_exists=True,
            doc_md="Starts the training DAG, once for each run of this one.",
        )
        nothing_to_do = EmptyOperator(
            task_id="nothing_to_do",
            task_display_name="The rows are as before: nothing to do",
            doc_md="The newest rows are like those that the champion was trained on.",
        )
        branch = has_drifted()
        drift >> branch
        branch >> Label("yes") >> retrain
        branch >> Label("no") >> nothing_to_do
    return dag


def _window(use_case: UseCase) -> Param:
    return Param(
        use_case.drift.window,
        type="integer",
        minimum=1,
        maximum=MAX_WINDOW,
        title="Window",
        description_md="How many of the newest partitions are compared with the champion's "
        "training rows.",
    )
