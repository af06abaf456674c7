"""The mail about a task that has finally failed, sent by the connection ``smtp_default``."""

from pathlib import Path
from typing import Any

from airflow.providers.common.compat.sdk import redact
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from updraft.core.use_case import UseCase

CONNECTION = "smtp_default"
SUBJECT = "[updraft] {{ dag.dag_id }}.{{ ti.task_id }} failed ({{ run_id }})"
# Airflow renders it without autoescape, so the template escapes every value itself: a mail shows
# an error's text, and never runs it.
CONTENT = (Path(__file__).parent / "templates" / "failure.html").read_text()


class FailureAlert(SmtpNotifier):
    """A mail with the error's own message, in which secrets are masked as they are in the log."""

    def __init__(self, use_case: UseCase) -> None:
        super().__init__(
            to=use_case.alerts.email,
            subject=SUBJECT,
            html_content=CONTENT,
            smtp_conn_id=CONNECTION,
        )
        self.use_case = use_case.name

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        error = context.get("exception")
        message = redact(str(error)) if error else "It ended without an error message: see its log."
        context |= {
            "use_case": self.use_case,
            "error": message,
            "run_url": context["ti"].log_url.split("/tasks/")[0],
        }
        super().render_template_fields(context, jinja_env)
