"""Parses dags/ as the DAG processor does and prints what it found as JSON. Run in a process of its own."""

import json
import sys
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.exceptions import AirflowException

import updraft.core.use_case  # noqa: F401  # Airflow's own imports are not the files'.
from updraft.core.settings import REPO

before = set(sys.modules)
bag = DagBag(REPO / "dags", collect_dags=False)
seconds = {}
for file in sorted((REPO / "dags").glob("*.py")):
    started = time.process_time()  # Not the wall's: a busy machine is not the file's fault.
    bag.process_file(str(file), only_if_updated=False)
    seconds[file.name] = time.process_time() - started


def plain(value: Any) -> Any:
    return value.total_seconds() if hasattr(value, "total_seconds") else value


def task(found: Any) -> dict[str, Any]:
    kinds = [kind.__name__ for kind in type(found).__mro__]
    return {
        "task_id": found.task_id,
        "name": found.task_display_name,
        "group": found.task_group.label if found.task_group.group_id else None,
        "links": [link.name for link in found.operator_extra_links],
        "kinds": [kind for kind in kinds if kind.endswith("Operator") or kind == "SparkJob"],
        "upstream": sorted(found.upstream_task_ids),
        "trigger_rule": str(getattr(found.trigger_rule, "value", found.trigger_rule)),
        "owner": found.owner,
        "doc_md": found.doc_md,
        "retries": found.retries,
        "timeout": plain(found.execution_timeout),
        "connection": getattr(found, "_conn_id", None),
        "application": Path(found.application).name if hasattr(found, "application") else None,
        "arguments": getattr(found, "application_args", None),
        "retry_delay": plain(found.retry_delay),
        "triggers": {
            name: getattr(found, name)
            for name in ("trigger_dag_id", "trigger_run_id", "skip_when_already_exists")
            if hasattr(found, name)
        },
        "outlets": [outlet.name for outlet in found.outlets],
    }


def param(found: Any) -> dict[str, Any]:
    given = type(found.value).__name__ != "ArgNotSet"  # Without a default, the form must be filled in.
    return {**({"default": found.value} if given else {}), **found.schema}


def dag(found: Any) -> dict[str, Any]:
    schedule = found.schedule
    assets = [asset.name for asset in schedule] if isinstance(schedule, list) else None
    return {
        "title": found.dag_display_name,
        "description": found.description,
        "doc_md": found.doc_md,
        "tags": sorted(found.tags),
        "schedule": {"assets": assets} if assets else type(schedule).__name__ if schedule is not None else None,
        "cron": getattr(schedule, "expression", None),
        "start": found.start_date.isoformat() if found.start_date else None,
        "catchup": found.catchup,
        "max_active_runs": found.max_active_runs,
        "run_timeout": plain(found.dagrun_timeout),
        "form": {name: param(found.params.get_param(name)) for name in found.params},
        "tasks": [task(one) for one in sorted(found.tasks, key=lambda one: one.task_id)],
    }


cycles = []
for one in bag.dags.values():
    try:
        one.check_cycle()
    except AirflowException as error:
        cycles.append(f"{one.dag_id}: {error}")
print(
    json.dumps(
        {
            "errors": bag.import_errors,
            "seconds": seconds,
            "modules": sorted({name.split(".")[0] for name in set(sys.modules) - before}),
            "cycles": cycles,
            "dags": {dag_id: dag(found) for dag_id, found in bag.dags.items()},
            # Not part of a DAG's structure: who is told is a use case's own choice.
            "told": {
                f"{dag_id}.{one.task_id}": sorted({to for call in one.on_failure_callback for to in call.to})
                for dag_id, found in bag.dags.items()
                for one in found.tasks
            },
        }
    )
)
