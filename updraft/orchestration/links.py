"""Links from a task to what it has made elsewhere."""

from typing import Any

from airflow.sdk import BaseOperatorLink

from updraft.core.settings import settings


class MlflowRunLink(BaseOperatorLink):
    """From a training or evaluation task to its MLflow run. Empty for tasks that have none."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        # Asked in the worker, right after the task; ti_key is its task instance there.
        report = ti_key.xcom_pull(task_ids=operator.task_id) or {}
        server = settings().mlflow_ui or settings().mlflow_tracking_uri
        if not server or "run_id" not in report:
            return ""
        return f"{server}/#/experiments/{report['experiment_id']}/runs/{report['run_id']}"
