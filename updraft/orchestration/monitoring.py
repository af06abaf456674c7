"""The newest rows and labels are compared with what the champion knows; a training may follow.

Runs when new features are announced: after scheduled runs and range runs, never after backfills.

1. *Drift*: whether features, label and outputs lie outside the spread of blocks of the training
   rows that are as long as the window. The *Drift report* behind the task shows it.
2. *Decay*: whether the champion's metric has been worse since its holdout than on it.
3. *Diagnosis*: broken data, or which kind of change, and the columns that explain it.
4. *Decision*: by the section `retraining` of use_case.yaml; every decision is kept, with its
   reasons, in the table `triggers`. What follows is a training, an alert or nothing.

A task that cannot judge has *no verdict* and says why; the decision counts only what was found.
Without a champion, or without new rows, there is nothing to do, and all tasks are skipped.

**A history of past days**: give *First day* and *Last day* in the trigger form, both included. Each
day is judged as if it were the newest, with the labels that were known then, and decided; nothing
is started or sent. The *History of monitoring* behind the last task shows it.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import DAG, Label, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException

from updraft.core.report_files import report_uri
from updraft.core.reports import DecideReport
from updraft.core.sections import MAX_WINDOW
from updraft.core.triggers import Action
from updraft.core.use_case import UseCase
from updraft.orchestration.common import dag_arguments, features_asset
from updraft.orchestration.forms import day
from updraft.orchestration.links import DriftReportLink, MonitoringHistoryLink
from updraft.orchestration.spark_job import SparkJob

BRANCHES: dict[Action, str] = {"retrain": "retrain", "alert": "alert", "nothing": "nothing_to_do"}


def monitoring_dag(use_case: UseCase) -> DAG:
    """``<use_case>_monitoring``: drift, decay, diagnosis, decision, and what follows."""
    with DAG(
        **dag_arguments(use_case, "monitoring", __doc__),
        schedule=[features_asset(use_case)],
        max_active_runs=1,
        params=_fields(use_case) if use_case.schedule else {},
    ) as dag:
        arguments = {name: f"{{{{ params.{name} }}}}" for name in dag.params}
        drift = SparkJob(
            job="drift",
            use_case=use_case,
            arguments=arguments,
            links=(DriftReportLink(),),
            task_display_name="Measure drift",
            doc_md="The drift of features, label and predictions, as values and as a page.",
        )
        decay = SparkJob(
            job="decay",
            use_case=use_case,
            arguments=arguments,
            task_display_name="Measure decay",
            doc_md="The champion's metric by partition, against that of its holdout.",
        )
        diagnose = SparkJob(
            job="diagnose",
            use_case=use_case,
            arguments=arguments,
            task_display_name="Find the cause",
            doc_md="Broken data, or covariate, prior or concept drift; and the columns.",
        )

        @task(
            task_display_name="Count waiting trainings",
            doc_md="While a training is queued or running, no other is started.",
        )
        def count_trainings() -> int:
            ti = get_current_context()["ti"]
            states = ["queued", "running"]
            return ti.get_dr_count(f"{use_case.name}_training", states=states)

        trainings = count_trainings()
        waiting = "{{ ti.xcom_pull(task_ids='count_trainings') }}"
        decide = SparkJob(
            job="decide",
            use_case=use_case,
            arguments={**arguments, "trainings": waiting},
            links=(MonitoringHistoryLink(),),
            task_display_name="Decide what follows",
            doc_md="By the section retraining, into the table *triggers*, with reasons.",
        )

        @task.branch(task_display_name="What follows?", doc_md="Reads the decision.")
        def what_follows() -> str:
            return BRANCHES[_decision().action]

        retrain = TriggerDagRunOperator(
            task_id="retrain",
            task_display_name="Start a training",
            trigger_dag_id=f"{use_case.name}_training",
            trigger_run_id="monitoring__{{ run_id }}",
            skip_when_already_exists=True,
            doc_md="Starts the training DAG, once for each run of this one.",
        )

        @task(
            task_display_name="A person must act",
            doc_md="Fails with the reasons, so that the run is seen and a mail is sent.",
        )
        def alert() -> None:
            raise AirflowFailException("; ".join(_decision().reasons))

        nothing_to_do = EmptyOperator(
            task_id="nothing_to_do",
            task_display_name="Nothing to do",
            doc_md="Nothing has changed, or it is not yet time for a training: see the decision.",
        )
        branch = what_follows()
        drift >> decay >> diagnose >> trainings >> decide >> branch
        branch >> Label("retrain") >> retrain
        branch >> Label("alert") >> alert()
        branch >> Label("nothing") >> nothing_to_do
    return dag


def _decision() -> DecideReport:
    run = get_current_context()["dag_run"]
    return DecideReport.read(report_uri(run.dag_id, run.run_id, "decide"))


def _fields(use_case: UseCase) -> dict[str, Param]:
    return {
        "window": Param(
            use_case.drift.window,
            type="integer",
            minimum=1,
            maximum=MAX_WINDOW,
            title="Window",
            description_md="How many of the newest partitions are compared with the champion's "
            "training rows.",
        ),
        "start": day("First day", "Of a history of past days. Empty: the newest day alone."),
        "end": day("Last day", "Of that history, included. Empty: the first day alone."),
    }
