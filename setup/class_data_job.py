"""The warm-up job of setup/class_data.py: does in small what every job does.

So the archive contains the classes that jobs load.
"""

import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F


def main(folder: Path) -> None:
    """Read a CSV file, write and replace parts of a Delta table, and aggregate it."""
    csv = folder / "days.csv"
    lines = [f"2026-01-{day:02},{hour},{day * hour}\n" for day in (1, 2) for hour in range(24)]
    csv.write_text("day,hour,delay\n" + "".join(lines))
    table = str(folder / "table")
    settings = {"spark.sql.warehouse.dir": str(folder / "warehouse")}
    spark = SparkSession.builder.config(map=settings).getOrCreate()
    days = spark.read.csv(str(csv), header=True, schema="day date, hour int, delay double")
    days.write.format("delta").partitionBy("day").save(table)
    where = "day = '2026-01-02'"
    second = days.where(where).withColumn("delay", F.col("delay") + 1)
    second.write.format("delta").mode("overwrite").option("replaceWhere", where).save(table)
    rows = spark.read.format("delta").load(table)
    rows.groupBy("day").agg(F.avg("delay"), F.count("*")).orderBy("day").toPandas()
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
