"""The operator of every Spark task: it submits a script of spark_jobs/, then reads its report."""

import json
from collections.abc import Mapping
from typing import Any

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseOperatorLink, Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from updraft.core.arguments import ARGUMENTS, parse_arguments
from updraft.core.errors import UpdraftError
from updraft.core.report_files import error_path, page_path, report_path, report_uri
from updraft.core.settings import REPO, settings
from updraft.core.spark_conf import spark_conf
from updraft.core.use_case import UseCase
from updraft.orchestration.forms import check_form

CONNECTION = "spark_default"
NOTHING_TO_DO = ("no data", "no champion", "no hold")  # Outcomes that end a task as skipped.


class SparkJob(SparkSubmitOperator):
    """Runs ``spark_jobs/<job>.py`` for a use case.

    It is skipped when the job reports that there was nothing to do.

    Args:
        job: name of the script, and the task's id.
        use_case: the job's ``--use-case``.
        arguments: the job's own arguments, as templates by name.
        links: to what the job has made elsewhere.
        short: the job takes seconds, so Spark is tuned to start quickly.
        kwargs: further arguments of the operator.
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
        self.arguments_type = ARGUMENTS[job]
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
            conf={
                **spark_conf(short_job=short, wide_rows=use_case.is_wide),
                **use_case.spark.conf,
            },
            spark_binary=settings().spark_submit,
            **kwargs,
        )

    def execute(self, context: Context) -> dict[str, Any]:  # type: ignore[override]
        """Submit the job and return its report, which becomes the task's XCom."""
        try:
            check_form(context["dag_run"], list(context["dag"].params))
            parse_arguments(self.arguments_type, self.application_args)
        except UpdraftError as error:
            raise AirflowFailException(str(error)) from None
        # The files of an earlier attempt must not be taken for this one's.
        for path in (report_path(self.report), error_path(self.report), page_path(self.report)):
            path.unlink(missing_ok=True)
        try:
            super().execute(context)
        except AirflowException as error:
            message = error_path(self.report)
            if not message.exists():
                raise
            # The job's own message instead of spark-submit's command line.
            raise AirflowException(message.read_text()) from error
        path = report_path(self.report)
        if not path.exists():
            raise AirflowFailException(
                f"report {path}: not found, though the job has ended. "
                "Is UPDRAFT_ROOT the same for the job?"
            )
        report: dict[str, Any] = json.loads(path.read_text())
        if report["outcome"] in NOTHING_TO_DO:
            raise AirflowSkipException(report["outcome"])
        return report
