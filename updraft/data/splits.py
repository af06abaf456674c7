"""Which rows of a snapshot are kept for the evaluation: chosen once by key, and never again."""

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from updraft.core.interval import on_days
from updraft.core.schema import EVENT_TIME, HOLDOUT, LABEL, ROW_ID, SPLIT, SPLITS, TRAIN
from updraft.core.use_case import UseCase
from updraft.data.tables import Table

HASH_RANGE = 1_000_000
COLUMNS = [ROW_ID, EVENT_TIME, SPLIT]


def with_split(frame: DataFrame, use_case: UseCase) -> DataFrame:
    """Add ``split`` to the rows of a snapshot; other frames are returned as they are.

    A key keeps its split for ever, even if it is missing from some snapshots, because the table
    ``splits`` remembers it: so no model is ever evaluated on rows that it was trained on. The first
    snapshot is split exactly: the holdout is the share ``model.holdout`` of each class, those with
    the lowest hashes. Later keys are in the holdout if their hash is below that share.
    """
    if use_case.unit is not None:
        return frame
    spark = frame.sparkSession
    table = Table(use_case, SPLITS)
    with table.hold(spark) as held:
        # Each key once, whatever features.sql returns: a mistake in it is refused later, and must
        # not stay in the splits.
        keys = frame.select(ROW_ID, EVENT_TIME, LABEL).dropDuplicates([ROW_ID])
        if table.exists:
            splits = _with_new_keys(spark, table, keys)
        else:
            splits = _first_split(keys, use_case.model.holdout)
        if splits is not None:
            held.replace(splits, on_days([use_case.first_partition]))
    return frame.join(table.read(spark).select(ROW_ID, SPLIT), ROW_ID)


def _with_new_keys(spark: SparkSession, table: Table, keys: DataFrame) -> DataFrame | None:
    """The splits with those of new keys; None if there are no new keys."""
    known = table.read(spark).select(COLUMNS)
    new = keys.join(known, ROW_ID, "left_anti")
    in_holdout = _hash() < table.use_case.model.holdout * HASH_RANGE
    added = new.withColumn(SPLIT, _split(in_holdout)).select(COLUMNS)
    if added.isEmpty():
        return None
    return known.unionByName(added)  # A snapshot is one partition, which is written completely.


def _first_split(keys: DataFrame, share: float) -> DataFrame:
    by_class = Window.partitionBy(LABEL)
    holdout_rows = F.round(F.count("*").over(by_class) * share)
    rank = F.row_number().over(by_class.orderBy(_hash(), ROW_ID))
    return keys.withColumn(SPLIT, _split(rank <= holdout_rows)).select(COLUMNS)


def _hash() -> Column:
    return F.pmod(F.xxhash64(ROW_ID), F.lit(HASH_RANGE))


def _split(in_holdout: Column) -> Column:
    return F.when(in_holdout, HOLDOUT).otherwise(TRAIN)
