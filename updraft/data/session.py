"""The Spark session of a job."""

from pyspark.sql import SparkSession

from updraft.core.spark_conf import spark_conf
from updraft.core.use_case import UseCase


def session(use_case: UseCase) -> SparkSession:
    """The session that spark-submit has configured, or, outside of it, one with the same settings."""
    builder = SparkSession.builder.appName(use_case.spark.app_name)
    for key, value in {**spark_conf(), **use_case.spark.conf}.items():
        builder = builder.config(key, value)
    spark: SparkSession = builder.getOrCreate()
    return spark
