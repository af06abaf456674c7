"""The warm-up job of setup/class_data.py: does in small what every job does, so that the archive holds the classes."""

import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as f


def main(folder: Path) -> None:
    """Reads a CSV file, writes and replaces parts of a Delta table, and aggregates it, all below the folder."""
    csv, table = folder / "days.csv", str(folder / "table")
    csv.write_text("day,hour,delay\n" + "".join(f"2026-01-{d:02},{h},{d * h}\n" for d in (1, 2) for h in range(24)))
    spark = SparkSession.builder.config(map={"spark.sql.warehouse.dir": str(folder / "warehouse")}).getOrCreate()
    days = spark.read.csv(str(csv), header=True, schema="day date, hour int, delay double")
    days.write.format("delta").partitionBy("day").save(table)
    second = days.where("day = '2026-01-02'").withColumn("delay", f.col("delay") + 1)
    second.write.format("delta").mode("overwrite").option("replaceWhere", "day = '2026-01-02'").save(table)
    sums = spark.read.format("delta").load(table).groupBy("day").agg(f.avg("delay"), f.count("*"))
    sums.orderBy("day").toPandas()
    spark.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
