"""The cost of a Spark task as configured here, against a plain spark-submit; and Airflow's share.

The job is `ingest` of one day of flights, into a Delta table. Both variants run the same script
with the same jars, in turns.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import harness
from harness import Cost, Measurement

from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi, Json
from updraft.cli.sample import write_sample
from updraft.core.settings import REPO, settings
from updraft.core.spark_conf import JARS, spark_conf
from updraft.core.waiting import wait_for

ROUNDS = 5
REPEATS = 3  # Of what is measured without a comparison.
WAIT_SECONDS = 300
DAY = "2013-01-01"
MASTER = f"local[{os.cpu_count()}]"
PLAIN = {  # What Delta's own guide requires, and nothing else.
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
DAG_ID = "ten_tasks"
TEN_TASKS = """
from datetime import datetime
from airflow.sdk import DAG, task

with DAG("ten_tasks", schedule=None, start_date=datetime(2024, 1, 1)):
    previous = None
    for number in range(10):
        @task(task_id=f"task_{number}")
        def nothing():
            pass
        current = nothing()
        if previous is not None:
            previous >> current
        previous = current
"""


def submit(binary: str, conf: dict[str, str], root: Path, *options: str) -> Cost:
    """Measure one spark-submit of the job into an empty table."""
    command = [binary, "--master", MASTER, *options]
    for name, value in conf.items():
        command += ["--conf", f"{name}={value}"]
    command += [str(REPO / "spark_jobs/ingest.py"), "--use-case", "flights"]
    command += ["--start", DAY, "--report", "ingest.json"]
    env = {
        "UPDRAFT_ROOT": tempfile.mkdtemp(dir=root),
        "UPDRAFT_SOURCES__FLIGHTS": str(root / "landing"),
        # As in a shell in which .venv is activated.
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYSPARK_PYTHON": sys.executable,
    }
    return harness.cost_of(command, env)


def parse_seconds() -> float:
    """Return the CPU seconds that Airflow needs for the slowest file of dags/, as a median."""
    times = []
    for _ in range(REPEATS):
        completed = subprocess.run(
            [sys.executable, "tests/dags/parse.py"],
            check=True,
            cwd=REPO,
            capture_output=True,
            text=True,
        )
        last_line = completed.stdout.splitlines()[-1]
        times.append(max(json.loads(last_line)["seconds"].values()))
    return statistics.median(times)


def ten_tasks_seconds(root: Path) -> float:
    """Return the median seconds of a run of ten tasks in a row that do nothing."""
    dags = root / "dags"
    dags.mkdir()
    (dags / "ten_tasks.py").write_text(TEN_TASKS)
    with _airflow(root / "airflow", dags) as api:

        def dag_exists() -> Literal[True] | None:
            return True if api.has_dag(DAG_ID) else None

        if wait_for(dag_exists, seconds=WAIT_SECONDS, every=1) is None:
            raise SystemExit(f"{DAG_ID} did not appear within {WAIT_SECONDS} s.")
        api.pause(DAG_ID, False)
        return statistics.median(_run_seconds(api) for _ in range(REPEATS))


@contextmanager
def _airflow(root: Path, dags: Path) -> Iterator[AirflowApi]:
    """Start the servers of `make up` under a root of their own."""
    variables = {"UPDRAFT_ROOT": str(root), "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
    os.environ |= variables
    settings.cache_clear()
    try:
        yield AirflowApi(servers.start(print))
    finally:
        servers.stop()
        for name in variables:
            del os.environ[name]
        settings.cache_clear()


def _run_seconds(api: AirflowApi) -> float:
    run_id = api.trigger(DAG_ID, {})

    def ended_run() -> Json | None:
        run = api.run(DAG_ID, run_id)
        return run if run["state"] in ENDED else None

    run = wait_for(ended_run, seconds=WAIT_SECONDS, every=0.5)
    if run is None:
        raise SystemExit(f"{DAG_ID} {run_id} has not ended within {WAIT_SECONDS} s.")
    start = datetime.fromisoformat(run["start_date"])
    end = datetime.fromisoformat(run["end_date"])
    return (end - start).total_seconds()


def measure(root: Path) -> dict[str, Measurement]:
    day = date.fromisoformat(DAY)
    write_sample("flights", root / "landing", first=day, last=day)
    plain = str(Path(sys.executable).parent / "spark-submit")
    jars = ",".join(str(jar) for jar in sorted(JARS.glob("delta-*.jar")))
    costs = harness.in_turns(
        ROUNDS,
        configured=lambda: submit(settings().spark_submit, spark_conf(), root),
        plain=lambda: submit(plain, PLAIN, root, "--jars", jars),
    )
    wall_ratio = harness.ratio(costs, "configured", "plain", "wall")
    cpu_ratio = harness.ratio(costs, "configured", "plain", "cpu")
    configured = statistics.median(cost.wall for cost in costs["configured"])
    plain_wall = statistics.median(cost.wall for cost in costs["plain"])
    return {
        "wall time, configured / plain": Measurement(wall_ratio, "ratio", 0.5),
        "CPU time, configured / plain": Measurement(cpu_ratio, "ratio", 0.4),
        "wall time, configured": Measurement(configured, "s"),
        "wall time, plain": Measurement(plain_wall, "s"),
        "parsing the slowest file of dags/": Measurement(parse_seconds(), "CPU s", 0.5),
        "ten tasks in a row that do nothing": Measurement(ten_tasks_seconds(root), "s"),
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        harness.report("submit", measure(Path(folder)))


if __name__ == "__main__":
    main()
