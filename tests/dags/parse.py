"""Parses dags/ as the DAG processor does, and prints the DAGs as JSON.

It is run in a process of its own.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import DagBag
from airflow.exceptions import AirflowException

import updraft.core.use_case  # noqa: F401  # What it imports of Airflow is not the files' doing.
from updraft.core.settings import REPO

before = set(sys.modules)
bag = DagBag(REPO / "dags", collect_dags=False)
seconds = {}
for file in sorted((REPO / "dags").glob("*.py")):
    started = time.process_time()  # Not wall time: a busy machine is not the file's fault.
    bag.process_file(str(file), only_if_updated=False)
    seconds[file.name] = time.process_time() - started


def plain(value: Any) -> Any:
    return value.total_seconds() if hasattr(value, "total_seconds") else value


def describe_task(task: Any) -> dict[str, Any]:
    classes = [base.__name__ for base in type(task).__mro__]
    trigger_options = ("trigger_dag_id", "trigger_run_id", "skip_when_already_exists")
    return {
        "task_id": task.task_id,
        "name": task.task_display_name,
        "group": task.task_group.label if task.task_group.group_id else None,
        "links": [link.name for link in task.operator_extra_links],
        "kinds": [name for name in classes if name.endswith("Operator") or name == "SparkJob"],
        "upstream": sorted(task.upstream_task_ids),
        "trigger_rule": str(getattr(task.trigger_rule, "value", task.trigger_rule)),
        "owner": task.owner,
        "doc_md": task.doc_md,
        "retries": task.retries,
        "timeout": plain(task.execution_timeout),
        "connection": getattr(task, "_conn_id", None),
        "application": Path(task.application).name if hasattr(task, "application") else None,
        "arguments": getattr(task, "application_args", None),
        "retry_delay": plain(task.retry_delay),
        "triggers": {name: getattr(task, name) for name in trigger_options if hasattr(task, name)},
        "outlets": [outlet.name for outlet in task.outlets],
    }


def describe_param(param: Any) -> dict[str, Any]:
    has_default = type(param.value).__name__ != "ArgNotSet"  # Otherwise the form must be filled in.
    default = {"default": param.value} if has_default else {}
    return {**default, **param.schema}


def describe_schedule(schedule: Any) -> Any:
    if isinstance(schedule, list) and schedule:
        return {"assets": [asset.name for asset in schedule]}
    return None if schedule is None else type(schedule).__name__


def describe_dag(dag: Any) -> dict[str, Any]:
    return {
        "title": dag.dag_display_name,
        "description": dag.description,
        "doc_md": dag.doc_md,
        "tags": sorted(dag.tags),
        "schedule": describe_schedule(dag.schedule),
        "cron": getattr(dag.schedule, "expression", None),
        "start": dag.start_date.isoformat() if dag.start_date else None,
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "run_timeout": plain(dag.dagrun_timeout),
        "form": {name: describe_param(dag.params.get_param(name)) for name in dag.params},
        "tasks": [describe_task(task) for task in sorted(dag.tasks, key=lambda task: task.task_id)],
    }


def recipients(task: Any) -> list[str]:
    addresses: set[str] = set()
    for callback in task.on_failure_callback:
        addresses.update(callback.to)
    return sorted(addresses)


cycles = []
dags = {}
alerts = {}  # Not part of a DAG's structure: who is alerted is a use case's own choice.
for dag_id, dag in bag.dags.items():
    try:
        dag.check_cycle()
    except AirflowException as error:
        cycles.append(f"{dag_id}: {error}")
    dags[dag_id] = describe_dag(dag)
    for task in dag.tasks:
        alerts[f"{dag_id}.{task.task_id}"] = recipients(task)
print(
    json.dumps(
        {
            "errors": bag.import_errors,
            "seconds": seconds,
            "modules": sorted({name.split(".")[0] for name in set(sys.modules) - before}),
            "cycles": cycles,
            "dags": dags,
            "alerts": alerts,
        }
    )
)
