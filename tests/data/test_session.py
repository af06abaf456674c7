"""A job's session: its event log, its pages where they are asked for, its memory for code."""

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
    process = run(sys.executable, "-c", JOB)
    assert (process.returncode, process.stdout) == (0, "None\n"), process.stderr
    (log,) = (root / "spark-events").iterdir()
    assert [
        file
        for file in log.iterdir()
        if file.name.startswith("events_") and file.stat().st_size > 1000
    ]


def test_spark_pages_are_served_on_loopback_when_asked_for(root: Path) -> None:
    process = run(sys.executable, "-c", JOB, UPDRAFT_SPARK_UI="1")
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("http://127.0.0.1:40")


def test_java_has_enough_memory_for_the_code_that_spark_compiles(spark: SparkSession) -> None:
    """Spark fills the 48 MB that Java reserves in a short job; then a query never ends."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    pools = jvm.java.lang.management.ManagementFactory.getMemoryPoolMXBeans()
    code_pools = [pool for pool in pools if pool.getName().startswith("Code")]
    sizes = {pool.getName(): pool.getUsage().getMax() for pool in code_pools}
    assert sum(sizes.values()) >= 200 * 2**20, sizes
