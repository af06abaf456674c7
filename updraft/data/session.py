"""The Spark session of a job."""

import logging
import os
import sys

from pyspark.errors import ParseException
from pyspark.sql import SparkSession

from updraft.core.errors import UpdraftError
from updraft.core.mistakes import Document
from updraft.core.settings import settings
from updraft.core.spark_conf import spark_conf
from updraft.core.sql import expressions
from updraft.core.use_case import UseCase
from updraft.data.export import register


def session(use_case: UseCase) -> SparkSession:
    """The session that spark-submit has configured or, without it, one with the same settings.

    Its event log is in ``spark-events`` under the root. With ``UPDRAFT_SPARK_UI``, Spark's own
    pages are served while it runs.

    Raises:
        UpdraftError: SQL of the use case does not parse, so nothing is read or written; the message
            lists every such mistake.
    """
    builder = SparkSession.builder.appName(use_case.spark.app_name)
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        # Spark's workers need this environment; by themselves they take the first python3 of PATH.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        builder = builder.config(
            map={**spark_conf(wide_rows=use_case.is_wide), **use_case.spark.conf}
        )
    events = settings().location("spark-events")
    events.path.mkdir(parents=True, exist_ok=True)  # Spark refuses to start without it.
    if use_case.is_wide:
        builder = builder.config(map={**wide_conf(use_case), **use_case.spark.conf})
    builder = builder.config("spark.eventLog.enabled", True)
    builder = builder.config("spark.eventLog.dir", events.uri)
    if settings().spark_ui:
        builder = builder.config("spark.ui.enabled", True)
    spark: SparkSession = builder.getOrCreate()
    logging.getLogger("py4j").setLevel(logging.WARNING)  # It logs every connection that it closes.
    check_sql(spark, use_case)
    register(spark, use_case)
    return spark


def wide_conf(use_case: UseCase) -> dict[str, str]:
    """Settings for rows of hundreds of columns and more, which Spark's defaults do not expect.

    A batch in memory then holds as many cells as with the default of 10,000 rows of 100 columns.
    """
    batch = max(100, 1_000_000 // len(use_case.data.columns))
    return {
        "spark.sql.execution.arrow.maxRecordsPerBatch": str(batch),
        "spark.sql.parquet.columnarReaderBatchSize": str(batch),
        "spark.sql.inMemoryColumnarStorage.batchSize": str(batch),
        # Three quarters of the time of caching are spent on compressing each column by itself.
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
        # Likewise four fifths of writing, on looking for repeated values in each column.
        "parquet.enable.dictionary": "false",
        "parquet.block.size": str(32 * 1024 * 1024),
    }


def check_sql(spark: SparkSession, use_case: UseCase) -> None:
    """Check all SQL of the use case with Spark's own parser, in milliseconds.

    Raises:
        UpdraftError: some SQL does not parse; the message lists every such mistake.
    """
    parser = spark._jsparkSession.sessionState().sqlParser()
    document = Document.read(use_case.folder / "use_case.yaml")
    mistakes = []
    for place, text in expressions(document).items():
        try:
            parser.parseExpression(text)
        except ParseException as error:
            line = document.line(place)
            key = ".".join(place)
            mistakes.append(f"  use_case.yaml line {line}: {key}: {_first_line(error)}")
    try:
        parser.parsePlan(use_case.features_sql)
    except ParseException as error:
        mistakes.append(f"  features.sql: {_first_line(error)}")
    if mistakes:
        raise UpdraftError(
            f"{use_case.folder}: Spark cannot parse its SQL. Fix it, then clear this task.\n"
            + "\n".join(mistakes)
        )


def _first_line(error: ParseException) -> str:
    return str(error).strip().splitlines()[0]
