"""What can be seen of a job: Spark's event log always, its pages where they are asked for."""

import sys
from pathlib import Path

from tests.conftest import run

JOB = """
from urllib.request import urlopen
from updraft.core.use_case import load_use_case
from updraft.data.session import session
spark = session(load_use_case("flights"))
spark.range(3).count()
address = spark.sparkContext.uiWebUrl
print(address)
if address:
    assert "Spark Jobs" in urlopen(address).read().decode()
spark.stop()
"""


def test_event_logs_are_on_and_pages_are_not_served_unless_asked_for(root: Path) -> None:
    done = run(sys.executable, "-c", JOB)
    assert (done.returncode, done.stdout) == (0, "None\n"), done.stderr
    (log,) = (root / "spark-events").iterdir()
    assert [file for file in log.iterdir() if file.name.startswith("events_") and file.stat().st_size > 1000]


def test_spark_pages_are_served_on_loopback_when_asked_for(root: Path) -> None:
    done = run(sys.executable, "-c", JOB, UPDRAFT_SPARK_UI="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://127.0.0.1:40")
