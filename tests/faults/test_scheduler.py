"""The real scheduler under faults, and the mails about tasks that have finally failed.

Airflow, its tasks and a mail server run for this file, on a root and with use cases of their own.
"""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiosmtpd.controller import Controller
from pyspark.sql import SparkSession

from tests.conftest import environment, free_port, write_flights
from tests.faults.drivers import files, locked, rows, wait_until
from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.cli.secrets import local_secrets
from updraft.core.settings import REPO

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
DAG = "flights_data"
DAYS = {"start": "2013-01-15", "end": "2013-01-16"}
BAD_DAY = "2013-01-17"
RECIPIENTS = ["ops@example.org", "data@example.org"]
TABLES = ("bronze", "clean", "quarantine", "features")


class Mailbox:
    """The handler of a real SMTP server: the mails that it has received."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []

    async def handle_DATA(  # noqa: N802  # aiosmtpd's name.
        self, server: Any, session: Any, envelope: Any
    ) -> str:
        mail = message_from_bytes(envelope.content, policy=policy.default)
        self.mails.append((envelope.rcpt_tos, mail))
        return "250 OK"

    def about(self, run_id: str) -> list[EmailMessage]:
        return [mail for _, mail in self.mails if run_id in mail["Subject"]]


class MailServer:
    """A real SMTP server on a port of its own, which can be stopped and started again."""

    def __init__(self) -> None:
        self.mailbox = Mailbox()
        self.port = free_port()
        self.start()

    def start(self) -> None:
        self.controller = Controller(self.mailbox, hostname="127.0.0.1", port=self.port)
        self.controller.start()

    def stop(self) -> None:
        self.controller.stop()


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def mailbox(mail_server: MailServer) -> Mailbox:
    return mail_server.mailbox


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, mail_server: MailServer) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("airflow")
    use_cases = folder / "use_cases"
    for name in ("flights", "landings"):
        shutil.copytree(REPO / "use_cases/flights", use_cases / name)
    alerting = use_cases / "flights/use_case.yaml"
    alerting.write_text(f"{alerting.read_text()}\nalerts: {{email: [{', '.join(RECIPIENTS)}]}}\n")
    broken = use_cases / "landings/use_case.yaml"
    broken.write_text(broken.read_text().replace("title:", "tittle:"))
    connection = f'{{"conn_type": "smtp", "host": "127.0.0.1", "port": {mail_server.port}, '
    connection += '"extra": {"disable_ssl": true, "disable_tls": true, '
    connection += '"from_email": "updraft@example.org"}}'
    landing = write_flights(folder, DAYS["start"], BAD_DAY)
    bad = landing / f"flights_{BAD_DAY}.csv"
    bad.write_text(bad.read_text().replace("tailnum", "<script>alert(1)</script>{{ 6 * 7 }}", 1))
    variables = {
        "UPDRAFT_ROOT": str(folder),
        "UPDRAFT_USE_CASES": str(use_cases),
        "AIRFLOW_CONN_SMTP_DEFAULT": connection,
    }
    with environment(variables):
        yield folder


@pytest.fixture(scope="module")
def api(root: Path) -> Iterator[AirflowApi]:
    try:
        airflow = AirflowApi(servers.start(print))
        wait_until(lambda: airflow.has_dag(DAG) and airflow.has_dag("landings_broken"), every=1)
        yield airflow
    finally:
        servers.stop()


@pytest.fixture(scope="module")
def unpaused(api: AirflowApi) -> AirflowApi:
    """The API with the DAG unpaused.

    Unpausing starts a run for yesterday, which has no file: it is waited for, and ends skipped.
    """

    def all_ended() -> bool:
        runs = api.runs(DAG)
        return bool(runs) and all(run["state"] in ENDED for run in runs)

    api.pause(DAG, False)
    wait_until(all_ended, every=1)
    return api


def ended(api: AirflowApi, run_id: str, dag_id: str = DAG) -> dict[str, Json]:
    """The tasks of a run that has ended, by name, with ``run`` for the run itself."""
    wait_until(lambda: api.run(dag_id, run_id)["state"] in ENDED, every=1, seconds=400)
    tasks = {task["task_id"]: task for task in api.tasks(dag_id, run_id)}
    return {**tasks, "run": api.run(dag_id, run_id)}


def task_log(run_id: str, task: str) -> str:
    logs = (servers.home() / "airflow/logs").rglob(f"run_id={run_id}/task_id={task}/*.log")
    return "\n".join(path.read_text() for path in sorted(logs))


def drivers(job: str) -> list[psutil.Process]:
    """The job's JVMs on this machine, orphans included."""
    script = f"{REPO}/spark_jobs/{job}.py"
    jvms = []
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        if process.info["name"] == "java" and script in words:
            jvms.append(process)
    return jvms


def ingest(api: AirflowApi, run_id: str) -> Json:
    return next(task for task in api.tasks(DAG, run_id) if task["task_id"] == "ingest")


@dataclass(frozen=True)
class KilledTask:
    """A run whose ``ingest`` was killed while Spark ran, and what was there after each step."""

    run_id: str
    drivers_after_the_kill: list[psutil.Process]
    files_before_the_retry: set[Path]
    drivers_of_the_retry: list[psutil.Process]
    first_driver: psutil.Process
    tasks: dict[str, Json]
    files: set[Path]
    mails: int  # That were sent meanwhile.


@pytest.fixture(scope="module")
def killed_task(unpaused: AirflowApi, mailbox: Mailbox, root: Path) -> KilledTask:
    mails_before = len(mailbox.mails)
    with locked(root, "bronze"):
        run_id = unpaused.trigger(DAG, DAYS)
        wait_until(lambda: "waiting for another writer" in task_log(run_id, "ingest"))
        (driver,) = drivers("ingest")
        task_process = driver.parent()
        assert task_process is not None
        task_process.kill()
        psutil.wait_procs([driver], timeout=5)
        drivers_after_the_kill = drivers("ingest")
        wait_until(lambda: ingest(unpaused, run_id)["state"] == "up_for_retry", seconds=60)
        files_before_the_retry = files(root, "bronze")
        wait_until(lambda: len(drivers("ingest")) > 0)
        drivers_of_the_retry = drivers("ingest")
    return KilledTask(
        run_id=run_id,
        drivers_after_the_kill=drivers_after_the_kill,
        files_before_the_retry=files_before_the_retry,
        drivers_of_the_retry=drivers_of_the_retry,
        first_driver=driver,
        tasks=ended(unpaused, run_id),
        files=files(root, "bronze"),
        mails=len(mailbox.mails) - mails_before,
    )


@pytest.mark.fault("F14")
def test_a_task_killed_while_spark_runs_is_tried_again_without_a_second_writer(
    killed_task: KilledTask, spark: SparkSession, root: Path
) -> None:
    assert killed_task.drivers_after_the_kill == [], (
        "its driver has ended with it, before the retry starts"
    )
    assert killed_task.files_before_the_retry == set()
    (second,) = killed_task.drivers_of_the_retry
    assert second.pid != killed_task.first_driver.pid
    assert killed_task.tasks["run"]["state"] == "success"
    assert killed_task.tasks["ingest"]["try_number"] == 2
    number, _ = rows(spark, root, "bronze")
    assert number == raw_lines(root) > 1500
    assert len(killed_task.files) == 2, "one file for each day: written once"
    assert killed_task.mails == 0, "nobody is told about a task that is tried again"


def raw_lines(root: Path) -> int:
    landing = root / "landing/flights"
    files_of_days = [landing / f"flights_{day}.csv" for day in DAYS.values()]
    return sum(len(file.read_text().splitlines()) - 1 for file in files_of_days)


@dataclass(frozen=True)
class ClearedRun:
    rows_before: dict[str, tuple[int, str]]
    rows_after: dict[str, tuple[int, str]]
    tries_before: dict[str, int]
    tasks: dict[str, Json]


@pytest.fixture(scope="module")
def cleared_run(
    unpaused: AirflowApi, killed_task: KilledTask, spark: SparkSession, root: Path
) -> ClearedRun:
    """All tasks of a run that has ended well are cleared, and run again."""
    run_id = killed_task.run_id
    rows_before = {table: rows(spark, root, table) for table in TABLES}
    tasks = ended(unpaused, run_id)
    tries_before = {name: task["try_number"] for name, task in tasks.items() if name != "run"}
    body = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True}
    unpaused.call("POST", f"/dags/{DAG}/clearTaskInstances", json=body)
    time.sleep(2)
    tasks = ended(unpaused, run_id)
    rows_after = {table: rows(spark, root, table) for table in TABLES}
    return ClearedRun(rows_before, rows_after, tries_before, tasks)


@pytest.mark.fault("F3")
def test_a_run_that_is_cleared_and_run_again_leaves_the_same_rows(cleared_run: ClearedRun) -> None:
    numbers = {table: number for table, (number, _) in cleared_run.rows_before.items()}
    assert all(number > 0 for table, number in numbers.items() if table != "quarantine")
    assert cleared_run.tasks["run"]["state"] == "success"
    tries = {name: cleared_run.tasks[name]["try_number"] for name in cleared_run.tries_before}
    assert tries == {name: number + 1 for name, number in cleared_run.tries_before.items()}
    assert cleared_run.rows_after == cleared_run.rows_before


def test_a_task_that_has_finally_failed_is_reported_once_in_the_jobs_own_words(
    unpaused: AirflowApi, mailbox: Mailbox, root: Path
) -> None:
    """A file with other columns: the job fails twice; what was found in the file stays text."""
    run_id = unpaused.trigger(DAG, {"start": BAD_DAY})
    wait_until(lambda: ingest(unpaused, run_id)["state"] == "up_for_retry")
    assert mailbox.about(run_id) == [], "it is tried again, so nobody is told yet"
    tasks = ended(unpaused, run_id)
    assert (tasks["run"]["state"], tasks["ingest"]["state"]) == ("failed", "failed")
    wait_until(lambda: bool(mailbox.about(run_id)), seconds=30)
    time.sleep(3)
    (mail,) = mailbox.about(run_id)
    (recipients,) = [recipients for recipients, other in mailbox.mails if other is mail]
    assert sorted(recipients) == sorted(RECIPIENTS)
    assert mail["From"] == "updraft@example.org"
    assert mail["Subject"] == f"[updraft] {DAG}.ingest failed ({run_id})"
    text = html(mail)
    message = "its columns are not those of use_case.yaml: missing tailnum"
    for part in ("<b>flights</b>", DAG, run_id, "2 of 2", message):
        assert part in text, part
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 6 * 7 }}" in text
    assert "<script" not in text
    assert "clear the task" in text
    log = re.search(r'href="([^"]*/tasks/ingest[^"]*)"', text)
    assert log
    assert log[1].startswith(servers.find().airflow)  # type: ignore[union-attr]
    assert unpaused.client.get(log[1]).status_code == 200
    secrets = local_secrets(servers.home())
    assert [name for name, secret in secrets.items() if secret in mail.as_string()] == []
    assert "spark-submit" not in text, "the job's own sentence, not its command line"


def html(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


@pytest.mark.bad_input("B22")
def test_a_broken_use_case_fails_when_it_is_run_and_leaves_the_others_alone(
    unpaused: AirflowApi,
) -> None:
    unpaused.pause("landings_broken", False)
    run_id = unpaused.trigger("landings_broken", {})
    tasks = ended(unpaused, run_id, "landings_broken")
    assert (tasks["run"]["state"], tasks["mistakes"]["state"]) == ("failed", "failed")
    assert "Did you mean 'title'?" in task_log(run_id, "mistakes")
    assert not unpaused.has_dag("landings_data")
    assert "Did you mean" in unpaused.call("GET", "/dags/landings_broken/details")["doc_md"]
    assert unpaused.call("GET", "/importErrors")["total_entries"] == 0


def test_a_mistake_of_the_form_is_reported(unpaused: AirflowApi, mailbox: Mailbox) -> None:
    run_id = unpaused.trigger(DAG, {})
    assert ended(unpaused, run_id)["ingest"]["state"] == "failed"
    wait_until(lambda: bool(mailbox.about(run_id)), seconds=30)
    (mail,) = mailbox.about(run_id)
    assert "no data interval" in html(mail)
    assert "1 of 2" in html(mail)


def test_a_dead_mail_server_changes_nothing(
    unpaused: AirflowApi, mail_server: MailServer, mailbox: Mailbox
) -> None:
    mail_server.stop()
    try:
        run_id = unpaused.trigger(DAG, {})
        tasks = ended(unpaused, run_id)
        assert (tasks["run"]["state"], tasks["ingest"]["state"]) == ("failed", "failed")
        assert tasks["ingest"]["try_number"] == 1
        wait_until(lambda: "Failed to send notification" in task_log(run_id, "ingest"), seconds=60)
        assert mailbox.about(run_id) == []
    finally:
        mail_server.start()
