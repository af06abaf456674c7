"""What is independent among the rows of a holdout: see ``gate.unit``."""

import numpy as np
import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.schema import CLEAN, EVENT_DATE, EVENT_TIME, ROW_ID, UNIT, quote
from updraft.core.sections.gate import DAY, PARTITION, ROW
from updraft.core.use_case import UseCase
from updraft.data.tables import Table
from updraft.evaluation.intervals import Units


def with_unit(holdout: DataFrame, use_case: UseCase) -> DataFrame:
    """The rows with a column ``UNIT``: the text of what each belongs to.

    A row without a value in the column that ``gate.unit`` names is a unit of its own.
    """
    unit = use_case.unit_of_gain
    by_name = {PARTITION: EVENT_DATE, DAY: f"to_date({EVENT_TIME})", ROW: ROW_ID}
    if unit in by_name:
        return holdout.withColumn(UNIT, F.expr(by_name[unit]).cast("string"))
    own = F.concat(F.lit("row "), ROW_ID)
    if unit in holdout.columns:
        return holdout.withColumn(UNIT, F.coalesce(F.col(quote(unit)).cast("string"), own))
    clean = Table(use_case, CLEAN).read(holdout.sparkSession)
    values = clean.select(ROW_ID, F.col(quote(unit)).cast("string").alias(UNIT))
    joined = holdout.join(values, ROW_ID, "left")
    return joined.withColumn(UNIT, F.coalesce(UNIT, own))


def numbered(units: "pd.Series[str]") -> Units:
    """The number of each row's unit, in alphabetical order from 0; shape (rows,)."""
    return np.unique(units.to_numpy(str), return_inverse=True)[1]
