"""A job's session: its event log, its pages where they are asked for, its memory for code."""

import subprocess
import sys
import textwrap
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


HOLDER = """
    import sys
    from updraft.core.use_case import load_use_case
    from updraft.data.session import session
    spark = session(load_use_case("flights"))
    spark.range(1000).cache().count()
    service = spark._jvm.org.apache.spark.SparkEnv.get().blockManager().blockTransferService()
    print("port", service.port(), flush=True)
    sys.stdin.readline()
"""
THIEF = """
    import sys
    from pyspark.sql import SparkSession
    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.bindAddress", "127.0.0.1")
    spark = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
    service = spark._jvm.org.apache.spark.SparkEnv.get().blockManager().blockTransferService()
    block = service.fetchBlockSync(
        "127.0.0.1", int(sys.argv[1]), "driver", "broadcast_0_piece0", None)
    print("got", block.size())
"""


def test_another_driver_of_this_machine_gets_no_block(root: Path) -> None:
    """(08.22) Every local port asks for a secret of its run, which no setting shows."""
    script = textwrap.dedent(HOLDER)
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as holder:
        assert holder.stdout
        assert holder.stdin
        words = next(line for line in holder.stdout if line.startswith("port")).split()
        thief = run(sys.executable, "-c", textwrap.dedent(THIEF), words[1])
        holder.stdin.write("\n")
        holder.stdin.close()
    assert "got" not in thief.stdout
    assert thief.returncode != 0
    assert "fetchBlockSync" in thief.stderr
