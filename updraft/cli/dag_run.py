"""One run of one DAG without a scheduler, as a process of its own: `python -m updraft.cli.dag_run DAG RUN_ID CONF`.

Airflow itself decides what is due, runs it and keeps the states, in the database of its ``AIRFLOW_HOME``. ``dag.test()``
would do that too, but names the run itself, deletes an earlier one, and cannot take up what TriggerDagRunOperator has made.
"""

import json
import os
import sys
import time
from typing import Any, TextIO

from updraft.core.job import end_with_parent

POLL_SECONDS = 1.0


def run_dag(dag_id: str, run_id: str, conf: dict[str, Any], out: TextIO) -> bool:
    """Make the run, or take it up if another DAG has made it, and end it. Returns whether it has ended well.

    ``out`` gets a line of JSON with ``task`` and ``state`` for each task that starts or ends.
    """
    # These parts of Airflow are not airflow.sdk's, which can run no DAG that is there already.
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

    def tell(task: str, state: str | None) -> None:
        print(json.dumps({"task": task, "state": state}), file=out, flush=True)

    with create_session() as session:
        (run,) = DagRun.find(dag_id=dag_id, run_id=[run_id], session=session)
        run.dag = DagSerialization.deserialize_dag(DagSerialization.serialize_dag(dag))
        if run.state == DagRunState.QUEUED:
            run.set_state(DagRunState.RUNNING)
        while run.state == DagRunState.RUNNING:
            session.expire_all()
            due, _ = run.update_state(session=session)
            for ti in due:
                ti.try_number += 1
                ti.state = TaskInstanceState.SCHEDULED
            session.commit()
            for ti in due:
                tell(ti.task_id, TaskInstanceState.RUNNING)
                _run_task(ti=ti, task=dag.task_dict[ti.task_id], run_triggerer=True)
                tell(ti.task_id, ti.state)
            if not due and run.state == DagRunState.RUNNING:
                time.sleep(POLL_SECONDS)  # For a retry's delay.
        return bool(run.state == DagRunState.SUCCESS)


def _synchronized(dag_id: str) -> Any:
    """The DAG as its file has it, after Airflow's database has been brought to the files; to those of its siblings too."""
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
    os.dup2(2, 1)  # Whatever else is printed goes to the log.
    sys.exit(0 if run_dag(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), events) else 1)
