"""The Spark session of a job."""

import logging
import os

from pyspark.sql import SparkSession

from updraft.core.settings import settings
from updraft.core.spark_conf import spark_conf
from updraft.core.use_case import UseCase


def session(use_case: UseCase) -> SparkSession:
    """The session that spark-submit has configured, or, outside of it, one with the same settings.

    Its event log goes to ``spark-events`` under the root; ``UPDRAFT_SPARK_UI`` also serves its pages while it runs.
    """
    builder = SparkSession.builder.appName(use_case.spark.app_name)
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = builder.config(map={**spark_conf(), **use_case.spark.conf})
    events = settings().path("spark-events")
    events.mkdir(parents=True, exist_ok=True)  # Spark refuses to start without it.
    builder = builder.config("spark.eventLog.enabled", True).config("spark.eventLog.dir", events.as_uri())
    if settings().spark_ui:
        builder = builder.config("spark.ui.enabled", True)
    spark: SparkSession = builder.getOrCreate()
    logging.getLogger("py4j").setLevel(logging.WARNING)  # It tells of every connection that it closes.
    return spark
