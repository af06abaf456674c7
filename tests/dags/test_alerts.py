"""A mail about a failed task, over a real SMTP server: what it contains, and what it does not."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from types import SimpleNamespace
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from airflow.providers.common.compat.sdk import mask_secret

from tests.conftest import free_port
from updraft.core.sections import Alerts
from updraft.core.use_case import UseCase
from updraft.orchestration.alerts import FailureAlert
from updraft.orchestration.data import data_dag

RECIPIENTS = ["ops@example.org", "data@example.org"]
TASK_URL = "http://127.0.0.1:8080/dags/flights_data/runs/r%2B1/tasks/ingest?try_number=2"


class Mailbox:
    async def handle_DATA(  # noqa: N802  # aiosmtpd's name.
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        self.to = envelope.rcpt_tos
        self.mail = message_from_bytes(envelope.content, policy=policy.default)
        return "250 OK"


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    server = Controller(Mailbox(), hostname="127.0.0.1", port=free_port())
    server.start()
    extra = '{"disable_ssl": true, "disable_tls": true, "from_email": "updraft@example.org"}'
    connection = (
        f'{{"conn_type": "smtp", "host": "127.0.0.1", "port": {server.port}, "extra": {extra}}}'
    )
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", connection)
    yield server.handler
    server.stop()


def mail_about(use_case: UseCase, mailbox: Mailbox, error: str | None) -> str:
    """The mail's HTML, for a task that has failed with this error."""
    context = {
        "dag": data_dag(use_case),
        "ti": SimpleNamespace(task_id="ingest", try_number=2, max_tries=1, log_url=TASK_URL),
        "run_id": "r+1",
        "exception": RuntimeError(error) if error else None,
    }
    alerted = use_case.model_copy(update={"alerts": Alerts(email=RECIPIENTS)})
    FailureAlert(alerted)(context)
    body = mailbox.mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def test_it_names_the_task_its_run_and_its_log(flights: UseCase, mailbox: Mailbox) -> None:
    text = mail_about(flights, mailbox, "no more room")
    assert sorted(mailbox.to) == sorted(RECIPIENTS)
    assert mailbox.mail["Subject"] == "[updraft] flights_data.ingest failed (r+1)"
    for words in (
        "<b>flights</b>",
        "flights_data",
        "r+1",
        "2 of 2",
        "no more room",
        "clear the task",
    ):
        assert words in text, words
    assert 'href="http://127.0.0.1:8080/dags/flights_data/runs/r%2B1"' in text
    assert f'href="{TASK_URL}"' in text


def test_an_error_stays_text(flights: UseCase, mailbox: Mailbox) -> None:
    error = "found <img src=x onerror=alert(1)> {{ 6 * 7 }} {% raw %}"
    text = mail_about(flights, mailbox, error)
    assert "found &lt;img src=x onerror=alert(1)&gt; {{ 6 * 7 }} {% raw %}" in text


def test_a_known_secret_is_masked(flights: UseCase, mailbox: Mailbox) -> None:
    mask_secret("correct-horse-battery")
    text = mail_about(flights, mailbox, "login with correct-horse-battery refused")
    assert "correct-horse" not in text
    assert "login with *** refused" in text


def test_a_task_that_ended_without_an_error_is_reported_too(
    flights: UseCase, mailbox: Mailbox
) -> None:
    assert "see its log" in mail_about(flights, mailbox, None)
