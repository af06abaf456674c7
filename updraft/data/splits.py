"""Which rows of a snapshot are kept for the evaluation: a share of each class, chosen once by key and never again."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from updraft.core.interval import on_days
from updraft.core.schema import EVENT_TIME, HOLDOUT, LABEL, ROW_ID, SPLIT, TRAIN
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
        # Each key once, whatever features.sql gives: a mistake in it is refused later, and must not stay here.
        keys = frame.select(ROW_ID, EVENT_TIME, LABEL).dropDuplicates([ROW_ID])
        place = F.pmod(F.xxhash64(ROW_ID), F.lit(GRAIN))
        everything = [ROW_ID, EVENT_TIME, SPLIT]
        if tables.exists(use_case.name, TABLE):
            known = tables.read(spark, use_case.name, TABLE).select(everything)
            new = keys.join(known, ROW_ID, "left_anti")
            added = new.withColumn(SPLIT, _split(place < use_case.model.holdout * GRAIN)).select(everything)
            chosen = None if added.isEmpty() else known.unionByName(added)  # One partition: it is written whole.
        else:
            by_class = Window.partitionBy(LABEL)
            kept = F.round(F.count("*").over(by_class) * use_case.model.holdout)
            rank = F.row_number().over(by_class.orderBy(place, ROW_ID))
            chosen = keys.withColumn(SPLIT, _split(rank <= kept)).select(everything)
        if chosen is not None:
            tables.write(chosen, use_case, TABLE, on_days([use_case.first_partition]))
    return frame.join(tables.read(spark, use_case.name, TABLE).select(ROW_ID, SPLIT), ROW_ID)


def _split(kept: Column) -> Column:
    return F.when(kept, HOLDOUT).otherwise(TRAIN)
