"""One run of one DAG without a scheduler: `python -m updraft.cli.dag_run DAG RUN_ID CONF`.

Airflow itself decides what is due, runs it and keeps the states, in the database of its
``AIRFLOW_HOME``. ``dag.test()`` would do that too, but it chooses the run's id itself, deletes an
earlier run of that id, and cannot continue a run that TriggerDagRunOperator has made.
"""

import json
import os
import sys
import time
from typing import Any, TextIO

from updraft.core.job import end_with_parent

POLL_SECONDS = 1.0


def run_dag(dag_id: str, run_id: str, conf: dict[str, Any], out: TextIO) -> bool:
    """Make the run, or continue it if another DAG has made it. Returns whether it has succeeded.

    ``out`` gets a line of JSON with ``task`` and ``state`` for each task that starts or ends.
    """
    # These parts of Airflow are not in airflow.sdk, which cannot run a DAG run that exists.
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.models.dagrun import DagRun  # noqa: TID251  # as above
    from airflow.sdk.definitions.dag import _run_task
    from airflow.serialization.serialized_objects import DagSerialization
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState, TaskInstanceState
    from airflow.utils.types import DagRunTriggeredByType

    dag = _synchronized(dag_id)
    if DagRun.find_duplicate(dag_id, run_id) is None:
        trigger_dag(dag_id, triggered_by=DagRunTriggeredByType.CLI, run_id=run_id, conf=conf)

    def report(task: str, state: str | None) -> None:
        print(json.dumps({"task": task, "state": state}), file=out, flush=True)

    with create_session() as session:
        (run,) = DagRun.find(dag_id=dag_id, run_id=[run_id], session=session)
        run.dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        if run.state == DagRunState.QUEUED:
            run.set_state(DagRunState.RUNNING)
        # Not wait_for: each round runs the tasks that are due.
        while run.state == DagRunState.RUNNING:
            session.expire_all()
            due, _ = run.update_state(session=session)
            for ti in due:
                ti.try_number += 1
                ti.state = TaskInstanceState.SCHEDULED
            session.commit()
            for ti in due:
                report(ti.task_id, TaskInstanceState.RUNNING)
                _run_task(ti=ti, task=dag.task_dict[ti.task_id], run_triggerer=True)
                report(ti.task_id, ti.state)
            if not due and run.state == DagRunState.RUNNING:
                time.sleep(POLL_SECONDS)  # A retry is waiting for its delay.
        return bool(run.state == DagRunState.SUCCESS)


def _synchronized(dag_id: str) -> Any:
    """Return the DAG as its file defines it, after writing all DAGs to Airflow's database."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import BundleDagBag, sync_bag_to_db

    bundles = DagBundlesManager()  # type: ignore[no-untyped-call]  # Airflow's
    bundles.sync_bundles_to_db()
    (bundle,) = bundles.get_all_dag_bundles()
    bundle.initialize()
    bag = BundleDagBag(dag_folder=bundle.path, bundle_path=bundle.path, bundle_name=bundle.name)
    sync_bag_to_db(bag, bundle.name, bundle.version)
    return bag.dags[dag_id]


if __name__ == "__main__":
    end_with_parent()
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Everything else that is printed goes to the log.
    is_success = run_dag(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), events)
    sys.exit(0 if is_success else 1)
