"""The ledger: a Delta table to which entries are added, and from which none is ever taken."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from updraft.core.ledger import TABLE, Entry
from updraft.core.use_case import UseCase
from updraft.data import tables

# Times go to and from Python as microseconds: as timestamps they would be local, by the zone of whoever reads.
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SCHEMA = """
    number INT, key STRING, time BIGINT, event STRING, version INT, from_version INT, to_version INT, by STRING,
    reasons ARRAY<STRING>, evidence STRING, run_id STRING, features_version BIGINT, code STRING
"""


@dataclass(frozen=True)
class Ledger:
    """The ledger of a use case. Who decides holds it from the reading to the writing."""

    spark: SparkSession
    use_case: UseCase

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep others from deciding meanwhile."""
        with tables.writer_lock(self.spark, self._path):
            yield

    def entries(self) -> list[Entry]:
        """All of them, in order."""
        if not tables.exists(self.use_case.name, TABLE):
            return []
        rows = tables.read(self.spark, self.use_case.name, TABLE).withColumn("time", F.unix_micros("time"))
        found = (row.asDict() for row in rows.orderBy("number").collect())
        return [Entry(**{**row, "time": EPOCH + timedelta(microseconds=row["time"])}) for row in found]

    def add(self, entry: Entry) -> None:
        """Write an entry behind all others. For who holds the ledger."""
        micros = (entry.time - EPOCH) // timedelta(microseconds=1)
        values = entry._replace(number=len(self.entries()), time=micros)  # type: ignore[arg-type]  # See SCHEMA.
        frame = self.spark.createDataFrame([tuple(values)], SCHEMA).withColumn("time", F.timestamp_micros("time")).coalesce(1)
        # Delta itself refuses to change or delete rows of such a table.
        frame.write.format("delta").mode("append").option("delta.appendOnly", "true").save(self._path)

    @property
    def _path(self) -> str:
        return tables.table_path(self.use_case.name, TABLE)
