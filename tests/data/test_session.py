"""A job's session: what can be seen of it (its event log always, its pages where they are asked for), and its room for code."""

import sys
from pathlib import Path

from pyspark.sql import SparkSession

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


def test_java_has_room_for_the_code_that_spark_makes(spark: SparkSession) -> None:
    """Spark fills the 48 MB that Java keeps for a short job; then a query never ends."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    pools = jvm.java.lang.management.ManagementFactory.getMemoryPoolMXBeans()
    room = {pool.getName(): pool.getUsage().getMax() for pool in pools if pool.getName().startswith("Code")}
    assert sum(room.values()) >= 200 * 2**20, room
