"""What a Spark task costs as it is configured here, against a plain spark-submit of the same job; and Airflow's own share.

The job is `ingest` of one day of flights, into a Delta table. Both sides run the same script with the same jars, in turns.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path

import harness
from harness import Cost, Figure

from updraft.cli import servers
from updraft.cli.airflow_api import ENDED, AirflowApi
from updraft.cli.sample import lay_sample
from updraft.core.settings import REPO, settings
from updraft.core.spark_conf import JARS, spark_conf

ROUNDS = 5
DAY = "2013-01-01"
MASTER = f"local[{os.cpu_count()}]"
PLAIN = {  # What Delta's own guide asks for, and nothing else.
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
TEN_TASKS = """
from datetime import datetime
from airflow.sdk import DAG, task

with DAG("ten_tasks", schedule=None, start_date=datetime(2024, 1, 1)):
    before = None
    for number in range(10):
        @task(task_id=f"task_{number}")
        def nothing():
            pass
        now = nothing()
        if before is not None:
            before >> now
        before = now
"""


def submit(binary: str, conf: dict[str, str], root: Path, *options: str) -> Cost:
    """One spark-submit of the job into an empty table."""
    table = tempfile.mkdtemp(dir=root)
    command = [binary, "--master", MASTER, *options]
    for name, value in conf.items():
        command += ["--conf", f"{name}={value}"]
    command += [str(REPO / "spark_jobs/ingest.py"), "--use-case", "flights", "--start", DAY, "--report", "ingest.json"]
    env = {"UPDRAFT_ROOT": table, "UPDRAFT_SOURCES__FLIGHTS": str(root / "landing")}
    # As in a shell in which .venv is activated.
    path = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYSPARK_PYTHON": sys.executable}
    return harness.cost_of(command, {**env, **path})


def parse_seconds() -> float:
    """CPU seconds that Airflow needs for the slowest file of dags/, the median of three processes."""
    times = []
    for _ in range(3):
        done = subprocess.run([sys.executable, "tests/dags/parse.py"], check=True, cwd=REPO, capture_output=True, text=True)
        times.append(max(json.loads(done.stdout.splitlines()[-1])["seconds"].values()))
    return statistics.median(times)


def ten_tasks_seconds(root: Path) -> float:
    """Seconds of a run of ten tasks in a row that do nothing, on the servers of `make up`."""
    dags = root / "dags"
    dags.mkdir()
    (dags / "ten_tasks.py").write_text(TEN_TASKS)
    os.environ |= {"UPDRAFT_ROOT": str(root / "airflow"), "AIRFLOW__CORE__DAGS_FOLDER": str(dags)}
    settings.cache_clear()
    try:
        api = AirflowApi(servers.start(print))
        while not api.has_dag("ten_tasks"):
            time.sleep(1)
        api.pause("ten_tasks", False)
        runs = []
        for _ in range(3):
            run_id = api.trigger("ten_tasks", {})
            while (run := api.run("ten_tasks", run_id))["state"] not in ENDED:
                time.sleep(0.5)
            runs.append(datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"]))
        return statistics.median(one.total_seconds() for one in runs)
    finally:
        servers.stop()
        for name in ("UPDRAFT_ROOT", "AIRFLOW__CORE__DAGS_FOLDER"):
            del os.environ[name]
        settings.cache_clear()


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        day = date.fromisoformat(DAY)
        lay_sample("flights", root / "landing", first=day, last=day)
        plain = str(Path(sys.executable).parent / "spark-submit")
        jars = ",".join(str(jar) for jar in sorted(JARS.glob("delta-*.jar")))
        costs = harness.in_turns(
            ROUNDS,
            configured=lambda: submit(settings().spark_submit, spark_conf(), root),
            plain=lambda: submit(plain, PLAIN, root, "--jars", jars),
        )
        figures = {
            "wall time, configured / plain": Figure(harness.ratio(costs, "configured", "plain", "wall"), "ratio", 0.5),
            "CPU time, configured / plain": Figure(harness.ratio(costs, "configured", "plain", "cpu"), "ratio", 0.4),
            "wall time, configured": Figure(statistics.median(one.wall for one in costs["configured"]), "s"),
            "wall time, plain": Figure(statistics.median(one.wall for one in costs["plain"]), "s"),
            "parsing the slowest file of dags/": Figure(parse_seconds(), "CPU s", 0.5),
            "ten tasks in a row that do nothing": Figure(ten_tasks_seconds(root), "s"),
        }
    harness.report("submit", figures)


if __name__ == "__main__":
    main()
