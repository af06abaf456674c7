"""What all DAGs of a use case share: their defaults, their documentation, their assets."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Asset

from updraft.core.use_case import UseCase
from updraft.orchestration.alerts import FailureAlert

RETRY_DELAY = timedelta(seconds=20)
TASK_TIMEOUT = timedelta(hours=2)


def dag_arguments(use_case: UseCase, part: str, doc: str | None) -> dict[str, Any]:
    """The arguments that every DAG has.

    ``part`` is the kind of DAG, such as data or training; ``doc`` is the docstring of its module,
    which becomes the DAG's documentation, and its first line the DAG's description.
    """
    return {
        "dag_id": f"{use_case.name}_{part}",
        "dag_display_name": f"{use_case.title}: {part}",
        "description": (doc or "").strip().splitlines()[0],
        "doc_md": f"### {use_case.title}\n{use_case.description}\n\n{doc}",
        "tags": sorted({"updraft", use_case.name, part, *use_case.tags}),
        "start_date": datetime.combine(use_case.first_partition, datetime.min.time(), UTC),
        "catchup": False,
        "default_args": {
            "owner": use_case.owner,
            "retries": 1,
            "retry_delay": RETRY_DELAY,
            # Each try has a limit, the run has none: that would count the time in which the
            # scheduler is down or the DAG paused, and end tasks as skipped, which means no data.
            "execution_timeout": TASK_TIMEOUT,
            # On the tasks, because the callback of a DAG may never be called (airflow#63374).
            "on_failure_callback": [FailureAlert(use_case)] if use_case.alerts.email else [],
        },
    }


def features_asset(use_case: UseCase) -> Asset:
    """New features, announced by scheduled runs and range runs, and awaited by monitoring."""
    return Asset(name=f"{use_case.name}_features", uri=f"updraft://{use_case.name}/features")
