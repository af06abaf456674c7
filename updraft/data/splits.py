"""Which rows of a snapshot are kept for the evaluation: a share of each class, chosen once by key and never again."""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from updraft.core.schema import HOLDOUT, LABEL, ROW_ID, SPLIT, TRAIN
from updraft.core.use_case import UseCase
from updraft.data import tables

GRAIN = 1_000_000


def with_split(frame: DataFrame, use_case: UseCase) -> DataFrame:
    """Add ``split`` to the rows of a snapshot; other frames come back as they are.

    A key that the features table knows keeps its split, so that no model is ever judged on what it has learnt from. The
    first snapshot is split exactly: of each class the share ``model.holdout``, those of the lowest hashes. Of later keys
    those are kept whose hash lies below the share.
    """
    if use_case.unit is not None:
        return frame
    place = F.xxhash64(ROW_ID)
    if not tables.exists(use_case.name, "features"):
        by_class = Window.partitionBy(LABEL)
        kept = F.round(F.count("*").over(by_class) * use_case.model.holdout)
        return frame.withColumn(SPLIT, _split(F.row_number().over(by_class.orderBy(place, ROW_ID)) <= kept))
    known = tables.read(frame.sparkSession, use_case.name, "features").select(ROW_ID, F.col(SPLIT).alias("known"))
    new = _split(F.pmod(place, F.lit(GRAIN)) < use_case.model.holdout * GRAIN)
    return frame.join(known, ROW_ID, "left").withColumn(SPLIT, F.coalesce("known", new)).drop("known")


def _split(kept: Column) -> Column:
    return F.when(kept, HOLDOUT).otherwise(TRAIN)
