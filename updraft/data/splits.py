"""Which rows of a snapshot are kept for the evaluation: a share of each class, chosen once by key and never again."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from updraft.core.interval import on_days
from updraft.core.schema import EVENT_DATE, EVENT_TIME, HOLDOUT, LABEL, ROW_ID, SPLIT, TRAIN
from updraft.core.use_case import UseCase
from updraft.data import tables

TABLE = "splits"
GRAIN = 1_000_000


def with_split(frame: DataFrame, use_case: UseCase) -> DataFrame:
    """Add ``split`` to the rows of a snapshot; other frames come back as they are.

    A key keeps its split for ever, also when it is away for a while, so that no model is ever judged on what it has learnt
    from: the table ``splits`` remembers. The first snapshot is split exactly: of each class the share ``model.holdout``, those
    of the lowest hashes. Of later keys those are kept whose hash lies below the share.
    """
    if use_case.unit is not None:
        return frame
    spark = frame.sparkSession
    with tables.writer_lock(spark, tables.table_path(use_case.name, TABLE)):
        place = F.pmod(F.xxhash64(ROW_ID), F.lit(GRAIN))
        if tables.exists(use_case.name, TABLE):
            known = tables.read(spark, use_case.name, TABLE)
            new = frame.join(known, ROW_ID, "left_anti")
            chosen = new.withColumn(SPLIT, _split(place < use_case.model.holdout * GRAIN))
        else:
            by_class = Window.partitionBy(LABEL)
            kept = F.round(F.count("*").over(by_class) * use_case.model.holdout)
            chosen = frame.withColumn(SPLIT, _split(F.row_number().over(by_class.orderBy(place, ROW_ID)) <= kept))
        added = chosen.select(ROW_ID, EVENT_TIME, SPLIT)
        if not added.isEmpty():
            # One snapshot, one partition: what was known is written again with what is new.
            everything = added.unionByName(known.drop(EVENT_DATE)) if tables.exists(use_case.name, TABLE) else added
            tables.write(everything, use_case, TABLE, on_days([use_case.first_partition]))
    return frame.join(tables.read(spark, use_case.name, TABLE).select(ROW_ID, SPLIT), ROW_ID)


def _split(kept: Column) -> Column:
    return F.when(kept, HOLDOUT).otherwise(TRAIN)
