"""Raw files become features, partition by partition.

**A run is one partition**: the day on which its data interval starts. It ingests the raw file into *bronze*, lets
Great Expectations part *clean* from *quarantine*, and builds *features*. Running it again changes nothing.

- **Scheduled**: each day, for the day before. A day without a raw file ends skipped, *no data*.
- **Backfill** (button or `airflow backfill create`): a run for each day. Backfills announce nothing downstream.
- **A whole range in one run**: give *start* and *end* in the trigger form, both included.
- **One day by hand**: give *start* alone. Beware of the form's logical date: a manual run at 5 May has 4 May as its
  interval, while a backfill of 5 May has the 5th.
"""

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import DAG, Context, CronDataIntervalTimetable, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from updraft.core.use_case import UseCase
from updraft.orchestration.common import dag_arguments, features_asset
from updraft.orchestration.spark_job import SparkJob

START = "{{ params.start or (dag_run.data_interval_start | ds) }}"
END = "{{ params.end or params.start or (dag_run.data_interval_start | ds) }}"


def data_dag(use_case: UseCase) -> DAG:
    """``<use_case>_data``: ingest, validate, features, announce."""
    with DAG(
        **dag_arguments(use_case, "data", __doc__),
        schedule=CronDataIntervalTimetable(use_case.schedule.cron, timezone="UTC"),
        start_date=datetime.combine(use_case.schedule.start, datetime.min.time(), UTC),
        max_active_runs=4,
        params={"start": _day("First day", "Included. Empty: the run's own data interval."),
                "end": _day("Last day", "Included. Empty: the first day alone.")},
    ) as dag:  # fmt: skip
        days: dict[str, Any] = {"start": START, "end": END, "interval": True}
        ingest = SparkJob(job="ingest", use_case=use_case, doc_md="Raw files into *bronze*, as text.", **days)
        validate = SparkJob(job="validate", use_case=use_case, doc_md="*Bronze* into *clean* and *quarantine*.", **days)
        features = SparkJob(job="features", use_case=use_case, doc_md="*Clean* into *features*, by features.sql.", **days)

        @task(outlets=[features_asset(use_case)], doc_md="Tells monitoring of new features; backfills tell nothing.")
        def announce() -> None:
            context: Context = get_current_context()
            if context["dag_run"].run_type == "backfill":
                raise AirflowSkipException("A backfill announces nothing: old days are no news.")

        ingest >> validate >> features >> announce()
    return dag


def _day(title: str, description: str) -> Param:
    return Param(None, type=["null", "string"], format="date", title=title, description=description)
