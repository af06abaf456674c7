"""The one definition of the Spark settings: for the DAGs' spark-submit tasks and for sessions inside a Python process.

They suit one machine and small data. On it, a small Delta job takes 8 s with them and 23 s with Spark's own.
"""

import os

from updraft.core.settings import REPO

JARS = REPO / ".jars"
ARCHIVE = JARS / "spark.jsa"  # Made by setup/class_data.py.


def class_path() -> str:
    """The jars of jars.lock, sorted: the class-data archive is refused unless making and use name the same path."""
    return os.pathsep.join(str(jar) for jar in sorted(JARS.glob("*.jar")))


def java_options(*, short_job: bool) -> str:
    """Java's own options; the archive serves short and long jobs alike, it does not depend on the other options."""
    options = ["-XX:+UseSerialGC"]  # On two cores as fast as the default collector, with 20 % less memory.
    if short_job:
        options.append("-XX:TieredStopAtLevel=1")  # The full compiler costs a job of seconds more than it gains.
        # With that Java would keep 48 MB for compiled code instead of 240. Spark can fill them; then a query hangs for ever.
        options.append("-XX:ReservedCodeCacheSize=240m")
    if ARCHIVE.exists():
        # Java goes on without an archive that it refuses; the log lines about it would stand in every task's log.
        options.append(f"-XX:SharedArchiveFile='{ARCHIVE}' -Xlog:cds=off -Xlog:cds+dynamic=off")
    return " ".join(options)


def spark_conf(*, short_job: bool = True) -> dict[str, str]:
    """The settings, for the operator's conf= or SparkSession.builder.config(map=...).

    short_job: the job takes seconds, so it starts quickly; otherwise it has more memory and Java's full compiler.
    """
    settings = {
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.driver.extraJavaOptions": java_options(short_job=short_job),
        "spark.driver.memory": "1g" if short_job else "2g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "WARN",
        "spark.sql.session.timeZone": "UTC",
        # Spark's 200 partitions, Delta's 50 for its own log and 10,000 for a file listing are meant for clusters.
        "spark.sql.shuffle.partitions": "4",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.sources.parallelPartitionDiscovery.parallelism": "4",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        # Without it Spark 4 reads no file in windows-1252, and few others.
        "spark.sql.legacy.javaCharsets": "true",
        # Parquet that pandas has written has times in nanoseconds, which Spark refuses unless it may take them as numbers.
        "spark.sql.legacy.parquet.nanosAsLong": "true",
    }
    if jars := class_path():  # None in a container image: there the jars lie beside Spark's own.
        settings["spark.driver.extraClassPath"] = jars
    return settings
