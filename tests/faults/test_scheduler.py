"""What the real scheduler makes of faults: F14, F3, B22, and the mails about tasks that have finally failed.

Airflow, its tasks and a mail server run for this file, on a root and with use cases of their own.
"""

import re
import shutil
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiosmtpd.controller import Controller
from pyspark.sql import SparkSession

from tests.conftest import lay
from tests.faults.drivers import files, held, rows, wait_for
from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.cli.secrets import local_secrets
from updraft.cli.servers import _free_port
from updraft.core.settings import REPO, settings

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]
DAG = "flights_data"
DAYS = {"start": "2013-01-15", "end": "2013-01-16"}
BAD_DAY = "2013-01-17"
TOLD = ["ops@example.org", "data@example.org"]
TABLES = ("bronze", "clean", "quarantine", "features")


class Mailbox:
    """The handler of a real SMTP server: what it was given."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # aiosmtpd's name.
        self.mails.append((envelope.rcpt_tos, message_from_bytes(envelope.content, policy=policy.default)))
        return "250 OK"

    def about(self, run_id: str) -> list[EmailMessage]:
        return [mail for _, mail in self.mails if run_id in mail["Subject"]]


@pytest.fixture(scope="module")
def mail_server() -> Iterator[Controller]:
    found = Controller(Mailbox(), hostname="127.0.0.1", port=_free_port(0))
    found.start()
    yield found
    if found.server:
        found.stop()


@pytest.fixture(scope="module")
def mailbox(mail_server: Controller) -> Mailbox:
    return mail_server.handler


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, mail_server: Controller) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("airflow")
    use_cases = folder / "use_cases"
    for name in ("flights", "landings"):
        shutil.copytree(REPO / "use_cases/flights", use_cases / name)
    told = use_cases / "flights/use_case.yaml"
    told.write_text(f"{told.read_text()}\nalerts: {{email: [{', '.join(TOLD)}]}}\n")
    broken = use_cases / "landings/use_case.yaml"
    broken.write_text(broken.read_text().replace("title:", "tittle:"))
    connection = f'{{"conn_type": "smtp", "host": "127.0.0.1", "port": {mail_server.port}, "extra": '
    connection += '{"disable_ssl": true, "disable_tls": true, "from_email": "updraft@example.org"}}'
    landing = lay(folder, DAYS["start"], BAD_DAY)
    bad = landing / f"flights_{BAD_DAY}.csv"
    bad.write_text(bad.read_text().replace("tailnum", "<script>alert(1)</script>{{ 6 * 7 }}", 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("UPDRAFT_ROOT", str(folder))
        patch.setenv("UPDRAFT_USE_CASES", str(use_cases))
        patch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", connection)
        settings.cache_clear()
        yield folder
    settings.cache_clear()


@pytest.fixture(scope="module")
def api(root: Path) -> Iterator[AirflowApi]:
    try:
        found = AirflowApi(servers.start(print))
        wait_for(lambda: found.has_dag(DAG) and found.has_dag("landings_broken"), every=1)
        yield found
    finally:
        servers.stop()


@pytest.fixture(scope="module")
def unpaused(api: AirflowApi) -> AirflowApi:
    """Unpausing starts a run for yesterday, which has no file: it ends skipped, and is out of the way."""
    api.pause(DAG, False)
    wait_for(lambda: bool(runs := api.runs(DAG)) and all(run["state"] in ENDED for run in runs), every=1)
    return api


def ended(api: AirflowApi, run_id: str, dag_id: str = DAG) -> dict[str, Json]:
    """The tasks of a run that has ended, by name, with ``run`` for the run itself."""
    wait_for(lambda: api.run(dag_id, run_id)["state"] in ENDED, every=1, seconds=400)
    return {one["task_id"]: one for one in api.tasks(dag_id, run_id)} | {"run": api.run(dag_id, run_id)}


def task_log(run_id: str, task: str) -> str:
    found = (servers.home() / "airflow/logs").rglob(f"run_id={run_id}/task_id={task}/*.log")
    return "\n".join(path.read_text() for path in sorted(found))


def drivers(job: str) -> list[psutil.Process]:
    """The job's JVMs that live below the servers of this test, and orphans of theirs."""
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        words = process.info["cmdline"] or []
        if process.info["name"] == "java" and f"{REPO}/spark_jobs/{job}.py" in words:
            found.append(process)
    return found


def test_f14_a_task_killed_while_spark_runs_is_tried_again_without_a_second_writer(
    unpaused: AirflowApi, mailbox: Mailbox, spark: SparkSession, root: Path
) -> None:
    before = len(mailbox.mails)
    with held(root, "bronze"):
        run_id = unpaused.trigger(DAG, DAYS)
        wait_for(lambda: "waiting for another writer" in task_log(run_id, "ingest"))
        (driver,) = drivers("ingest")
        task_process = driver.parent()
        assert task_process is not None
        task_process.kill()
        psutil.wait_procs([driver], timeout=5)
        assert drivers("ingest") == [], "its driver has ended with it, before the retry starts"
        wait_for(lambda: ingest(unpaused, run_id)["state"] == "up_for_retry", seconds=60)
        assert files(root, "bronze") == set()
        wait_for(lambda: len(drivers("ingest")) > 0)
        (second,) = drivers("ingest")
        assert second.pid != driver.pid
    tasks = ended(unpaused, run_id)
    assert tasks["run"]["state"] == "success"
    assert tasks["ingest"]["try_number"] == 2
    assert rows(spark, root, "bronze")[0] == raw_lines(root) > 1500
    assert len(files(root, "bronze")) == 2, "one file a day: written once"
    assert len(mailbox.mails) == before, "a task that is tried again tells nobody"


def ingest(api: AirflowApi, run_id: str) -> Json:
    return next(one for one in api.tasks(DAG, run_id) if one["task_id"] == "ingest")


def raw_lines(root: Path) -> int:
    landing = root / "landing/flights"
    return sum(len((landing / f"flights_{day}.csv").read_text().splitlines()) - 1 for day in DAYS.values())


def test_f3_a_run_that_is_cleared_and_run_again_leaves_the_same_rows(
    unpaused: AirflowApi, spark: SparkSession, root: Path
) -> None:
    """All its tasks, after they have ended well."""
    (run_id,) = [run["dag_run_id"] for run in unpaused.runs(DAG, run_type="manual") if run["state"] == "success"]
    before = {table: rows(spark, root, table) for table in TABLES}
    assert all(count > 0 for name, (count, _) in before.items() if name != "quarantine")
    tries = {name: task["try_number"] for name, task in ended(unpaused, run_id).items() if name != "run"}
    body = {"dry_run": False, "dag_run_id": run_id, "only_failed": False, "reset_dag_runs": True}
    unpaused.call("POST", f"/dags/{DAG}/clearTaskInstances", json=body)
    time.sleep(2)
    tasks = ended(unpaused, run_id)
    assert tasks["run"]["state"] == "success"
    assert {name: tasks[name]["try_number"] for name in tries} == {name: number + 1 for name, number in tries.items()}
    assert {table: rows(spark, root, table) for table in TABLES} == before


def test_a_task_that_has_finally_failed_is_told_once_with_the_jobs_own_words(
    unpaused: AirflowApi, mailbox: Mailbox, root: Path
) -> None:
    """A file with other columns: the job fails twice; what was found in the file stays text."""
    run_id = unpaused.trigger(DAG, {"start": BAD_DAY})
    wait_for(lambda: ingest(unpaused, run_id)["state"] == "up_for_retry")
    assert mailbox.about(run_id) == [], "it is tried again, so nobody is told yet"
    tasks = ended(unpaused, run_id)
    assert (tasks["run"]["state"], tasks["ingest"]["state"]) == ("failed", "failed")
    wait_for(lambda: bool(mailbox.about(run_id)), seconds=30)
    time.sleep(3)
    (mail,) = mailbox.about(run_id)
    (to,) = [to for to, one in mailbox.mails if one is mail]
    assert sorted(to) == sorted(TOLD)
    assert mail["From"] == "updraft@example.org"
    assert mail["Subject"] == f"[updraft] {DAG}.ingest failed ({run_id})"
    text = html(mail)
    for said in ("<b>flights</b>", DAG, run_id, "2 of 2", "its columns are not those of use_case.yaml: missing tailnum"):
        assert said in text, said
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 6 * 7 }}" in text
    assert "<script" not in text
    assert "clear the task" in text
    log = re.search(r'href="([^"]*/tasks/ingest[^"]*)"', text)
    assert log
    assert log[1].startswith(servers.find().airflow)  # type: ignore[union-attr]
    assert unpaused.client.get(log[1]).status_code == 200
    assert [name for name, secret in local_secrets(servers.home()).items() if secret in mail.as_string()] == []
    assert "spark-submit" not in text, "the job's own sentence, not its command line"


def html(mail: EmailMessage) -> str:
    body = mail.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def test_b22_a_broken_use_case_fails_when_it_is_run_and_leaves_the_others_alone(unpaused: AirflowApi) -> None:
    unpaused.pause("landings_broken", False)
    run_id = unpaused.trigger("landings_broken", {})
    tasks = ended(unpaused, run_id, "landings_broken")
    assert (tasks["run"]["state"], tasks["mistakes"]["state"]) == ("failed", "failed")
    assert "Did you mean 'title'?" in task_log(run_id, "mistakes")
    assert not unpaused.has_dag("landings_data")
    assert "Did you mean" in unpaused.call("GET", "/dags/landings_broken/details")["doc_md"]
    assert unpaused.call("GET", "/importErrors")["total_entries"] == 0


def test_a_mistake_of_the_form_is_told_and_a_dead_mail_server_changes_nothing(
    unpaused: AirflowApi, mail_server: Controller, mailbox: Mailbox
) -> None:
    """Last in this file: it stops the mail server."""
    first = unpaused.trigger(DAG, {})
    assert ended(unpaused, first)["ingest"]["state"] == "failed"
    wait_for(lambda: bool(mailbox.about(first)), seconds=30)
    (mail,) = mailbox.about(first)
    assert "no data interval" in html(mail)
    assert "1 of 2" in html(mail)
    mail_server.stop()
    second = unpaused.trigger(DAG, {})
    tasks = ended(unpaused, second)
    assert (tasks["run"]["state"], tasks["ingest"]["state"]) == ("failed", "failed")
    assert tasks["ingest"]["try_number"] == 1
    wait_for(lambda: "Failed to send notification" in task_log(second, "ingest"), seconds=60)
    assert mailbox.about(second) == []
