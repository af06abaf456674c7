"""The mail about a task that has finally failed, sent by the connection ``smtp_default``."""

from typing import Any

from airflow.providers.common.compat.sdk import redact
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from updraft.core.use_case import UseCase

CONNECTION = "smtp_default"
SUBJECT = "[updraft] {{ dag.dag_id }}.{{ ti.task_id }} failed ({{ run_id }})"
# Every value is escaped: a mail shows what was found, and never runs it.
TEXT = """\
<p>The task <b>{{ ti.task_id | e }}</b> of the use case <b>{{ use_case | e }}</b> has failed; it is not tried again.</p>
<table>
<tr><td>DAG</td><td>{{ dag.dag_id | e }}</td></tr>
<tr><td>run</td><td><a href="{{ run_url | e }}">{{ run_id | e }}</a></td></tr>
<tr><td>try</td><td>{{ ti.try_number }} of {{ ti.max_tries + 1 }}</td></tr>
<tr><td>log</td><td><a href="{{ ti.log_url | e }}">{{ ti.log_url | e }}</a></td></tr>
</table>
<pre>{{ error | e }}</pre>
<p>Mend the cause; then clear the task in its run, with those after it. A task may be run again as often as you like:
it replaces what it has written.</p>
"""


class FailureAlert(SmtpNotifier):
    """A mail with the error's own sentence, masked as it is in the log."""

    def __init__(self, use_case: UseCase) -> None:
        super().__init__(to=use_case.alerts.email, subject=SUBJECT, html_content=TEXT, smtp_conn_id=CONNECTION)
        self.use_case = use_case.name

    def render_template_fields(self, context: Any, jinja_env: Any = None) -> None:
        error = context.get("exception")
        context |= {
            "use_case": self.use_case,
            "error": redact(str(error)) if error else "It ended without a word: see its log.",
            "run_url": context["ti"].log_url.split("/tasks/")[0],
        }
        super().render_template_fields(context, jinja_env)
