"""Raw files become features, partition by partition.

**A run is one partition**: the hour, day or month at which its data interval starts; without a
schedule, all of the data. It ingests the raw rows into *bronze*, lets Great Expectations separate
*clean* from *quarantine*, and builds *features*. Runs are idempotent.

- **Scheduled**: when a partition ends. One without raw rows ends skipped, *no data*.
- **Backfill** (button or `airflow backfill create`): a run for each partition. Backfills announce
  nothing downstream.
- **A complete range in one run**: give *First day* and *Last day* in the trigger form, both
  included.
- **One day by hand**: give *First day* alone. Beware of the form's logical date: a manual run at
  5 May has 4 May as its interval, while a backfill of 5 May has the 5th.

*Data Docs*, behind the task that checks the rows, show every expectation and what broke it.
"""

from airflow.sdk import DAG, Context, CronDataIntervalTimetable, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from updraft.core.interval import Unit
from updraft.core.use_case import UseCase
from updraft.orchestration.common import dag_arguments, features_asset
from updraft.orchestration.forms import day
from updraft.orchestration.links import DataDocsLink
from updraft.orchestration.spark_job import SparkJob

START_ALONE: dict[Unit, str] = {
    "hour": "that day alone, all its hours",
    "day": "the first day alone",
    "month": "the month of the first day alone",
}


def data_dag(use_case: UseCase) -> DAG:
    """``<use_case>_data``: ingest, validate, features, announce."""
    schedule = use_case.schedule
    arguments = _arguments(schedule.partition) if schedule else {}
    with DAG(
        **dag_arguments(use_case, "data", __doc__),
        schedule=CronDataIntervalTimetable(schedule.cron, timezone="UTC") if schedule else None,
        max_active_runs=4 if schedule else 1,
        params=_fields(schedule.partition) if schedule else {},
    ) as dag:
        ingest = SparkJob(
            job="ingest",
            use_case=use_case,
            arguments=arguments,
            task_display_name="Ingest raw files",
            doc_md="Raw files into *bronze*, as text.",
        )
        validate = SparkJob(
            job="validate",
            use_case=use_case,
            arguments=arguments,
            links=(DataDocsLink(),),
            task_display_name="Check the rows",
            doc_md="*Bronze* into *clean* and *quarantine*, by the suites. "
            "*Data Docs* show what was found.",
        )
        features = SparkJob(
            job="features",
            use_case=use_case,
            arguments=arguments,
            task_display_name="Build features",
            doc_md="*Clean* into *features*, by features.sql.",
        )

        @task(
            outlets=[features_asset(use_case)],
            task_display_name="Announce new features",
            doc_md="Reports new features to monitoring; backfills report nothing.",
        )
        def announce() -> None:
            context: Context = get_current_context()
            if context["dag_run"].run_type == "backfill":
                raise AirflowSkipException("Backfills do not announce features.")

        ingest >> validate >> features >> announce()
    return dag


def _fields(unit: Unit) -> dict[str, Param]:
    start = (
        f"Included. Empty: the {unit} before the logical date above. Leave it empty for a backfill."
    )
    if unit == "month":
        start += " Months are always complete."
    end = f"Included; not before the first day, and not in the future. Empty: {START_ALONE[unit]}."
    return {"start": day("First day", start), "end": day("Last day", end)}


def _arguments(unit: Unit) -> dict[str, str]:
    """Templates of the days in the form; by default, the start of the run's data interval.

    A backfill of a day that was run by hand uses that run, which keeps its form and its interval,
    and the interval of a run by hand is the one before its logical date. So in a backfill the
    logical date says the day, as it does for all of its other runs.
    """
    shape = "ts" if unit == "hour" else "ds"
    by_hand = f"(dag_run.data_interval_start | {shape})"
    backfill = f"dag_run.logical_date | {shape} if dag_run.run_type == 'backfill'"
    return {
        "start": f"{{{{ {backfill} else params.start or {by_hand} }}}}",
        "end": f"{{{{ {backfill} else params.end or params.start or {by_hand} }}}}",
    }
