"""Links from a task to what it has made elsewhere.

The worker asks for them right after the task, whether it has succeeded or failed.
"""

from typing import Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from updraft.core.pages import PAGES, PREFIX
from updraft.core.report_files import page_path, report_uri
from updraft.core.settings import settings


class MlflowRunLink(BaseOperatorLink):
    """From a training or evaluation task to its MLflow run. Empty as long as it has none."""

    name = "MLflow run"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        # In the worker, ti_key is the task instance itself.
        report = ti_key.xcom_pull(task_ids=operator.task_id) or {}
        server = settings().mlflow_ui or settings().mlflow_tracking_uri
        if not server or "run_id" not in report:
            return ""
        return f"{server}/#/experiments/{report['experiment_id']}/runs/{report['run_id']}"


class PageLink(BaseOperatorLink):
    """From a task to the page that its job has written, also when the job has failed."""

    name = ""  # Set by the classes below.

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        report = report_uri(ti_key.dag_id, ti_key.run_id, operator.task_id)
        if not page_path(report).exists():
            return ""
        base_path = urlsplit(str(conf.get("api", "base_url", fallback=""))).path.rstrip("/")
        page = report.removeprefix("reports").removesuffix(".json") + ".html"
        return base_path + PREFIX + quote(page)


class DataDocsLink(PageLink):
    """From ``validate`` to its Data Docs."""

    name = PAGES["validate"]


class DriftReportLink(PageLink):
    """From ``drift`` to Evidently's page."""

    name = PAGES["drift"]


class MonitoringHistoryLink(PageLink):
    """From ``decide`` to what monitoring has found and decided, day by day."""

    name = PAGES["decide"]
