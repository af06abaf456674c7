"""The operator of every Spark task: submits a script of spark_jobs/, then reads the report that it has written."""

import json
from collections.abc import Mapping
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseOperatorLink, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from updraft.core.errors import UpdraftError
from updraft.core.job import check_arguments, parse_arguments
from updraft.core.reports import error_path, page_path, report_path, report_uri
from updraft.core.settings import REPO, settings
from updraft.core.spark_conf import spark_conf
from updraft.core.use_case import UseCase
from updraft.orchestration.forms import check_form

CONNECTION = "spark_default"


class SparkJob(SparkSubmitOperator):
    """Runs ``spark_jobs/<job>.py`` for a use case.

    Skipped when the job reports that there was nothing to do. ``arguments``: the job's own, as templates by name.
    ``links``: to what the job has made elsewhere. ``short``: the job takes seconds, so it is tuned to start quickly.
    """

    template_fields = (*SparkSubmitOperator.template_fields, "report")

    def __init__(
        self,
        *,
        job: str,
        use_case: UseCase,
        arguments: Mapping[str, str] | None = None,
        links: tuple[BaseOperatorLink, ...] = (),
        short: bool = True,
        **kwargs: Any,
    ) -> None:
        self.report = report_uri("{{ dag.dag_id }}", "{{ run_id }}", job)
        self.operator_extra_links = links
        words = ["--use-case", use_case.name, "--report", self.report]
        for name, value in (arguments or {}).items():
            words.append(f"--{name}={value}")  # In one word, because a value may begin with a dash.
        super().__init__(
            task_id=job,
            conn_id=CONNECTION,
            application=str(REPO / "spark_jobs" / f"{job}.py"),
            application_args=words,
            name=f"{use_case.spark.app_name}-{job}",
            conf={**spark_conf(short_job=short), **use_case.spark.conf},
            spark_binary=settings().spark_submit,
            **kwargs,
        )

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]  # the report, for XCom
        try:
            check_form(context["dag_run"], list(context["dag"].params))
            check_arguments(parse_arguments(self.application_args))
        except UpdraftError as error:
            raise AirflowFailException(str(error)) from None
        # What an earlier attempt has reported must not pass for this one's.
        for path in (report_path(self.report), error_path(self.report), page_path(self.report)):
            path.unlink(missing_ok=True)
        try:
            super().execute(context)
        except AirflowException as error:
            told = error_path(self.report)
            if not told.exists():
                raise
            # The job's own words instead of spark-submit's command line.
            raise AirflowException(told.read_text()) from error
        path = report_path(self.report)
        if not path.exists():
            raise AirflowFailException(f"report {path}: not found, though the job has ended. Is UPDRAFT_ROOT the same there?")
        report: dict[str, Any] = json.loads(path.read_text())
        if report["outcome"] != "done":
            raise AirflowSkipException(report["outcome"])
        return report
