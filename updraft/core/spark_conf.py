"""The Spark settings, for the DAGs' spark-submit tasks and for sessions in a Python process.

They suit one machine and small data. There, a small Delta job takes 8 s with these settings and
23 s with Spark's own.
"""

import os

from updraft.core.settings import REPO

JARS = REPO / ".jars"
ARCHIVE = JARS / "spark.jsa"  # Java's class-data archive, made by setup/class_data.py.


def class_path() -> str:
    """Return the jars of jars.lock, sorted.

    Java refuses a class-data archive that was made with another class path.
    """
    jars = sorted(JARS.glob("*.jar"))
    return os.pathsep.join(str(jar) for jar in jars)


def java_options(*, short_job: bool) -> str:
    """Return Java's own options. Short and long jobs can use the same class-data archive."""
    # On two cores as fast as the default collector, with 20 % less memory.
    options = ["-XX:+UseSerialGC"]
    if short_job:
        # The optimizing compiler costs a job of seconds more than it saves.
        options.append("-XX:TieredStopAtLevel=1")
        # With that, Java would reserve 48 MB for compiled code instead of 240. Spark can fill
        # them; then a query hangs for ever.
        options.append("-XX:ReservedCodeCacheSize=240m")
    if ARCHIVE.exists():
        # Java continues without an archive that it refuses, but would log that in every task.
        options.append(f"-XX:SharedArchiveFile='{ARCHIVE}' -Xlog:cds=off -Xlog:cds+dynamic=off")
    return " ".join(options)


def spark_conf(*, short_job: bool = True, wide_rows: bool = False) -> dict[str, str]:
    """Return the settings, for the operator's conf= or SparkSession.builder.config(map=...).

    Args:
        short_job: The job takes seconds, so it is tuned to start quickly. Otherwise it gets more
            memory and Java's optimizing compiler.
        wide_rows: The rows have hundreds of columns, so a batch of them needs more memory.
    """
    settings = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.driver.extraJavaOptions": java_options(short_job=short_job),
        "spark.driver.memory": "1g" if short_job and not wide_rows else "2g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        # Other processes of this machine can reach Spark's ports, and would get its blocks. In
        # local mode Spark makes a secret of its own for each run; a cluster needs a common one.
        "spark.authenticate": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "WARN",
        "spark.sql.session.timeZone": "UTC",
        # Spark's 200 partitions, Delta's 50 for its own log and 10,000 for a file listing are
        # meant for clusters.
        "spark.sql.shuffle.partitions": "4",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # Without it, Spark 4 reads few encodings; windows-1252 is not one of them.
        "spark.sql.legacy.javaCharsets": "true",
        # Parquet files of pandas contain times in nanoseconds, which Spark refuses unless it may
        # read them as integers.
        "spark.sql.legacy.parquet.nanosAsLong": "true",
    }
    jars = class_path()
    if jars:  # A container image has none: there the jars are in Spark's own folder.
        settings["spark.driver.extraClassPath"] = jars
    return settings
