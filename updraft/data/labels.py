"""Which rows of a features table can be used for training and evaluation."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from updraft.core.kinds import Task
from updraft.core.schema import LABEL


def labelled_rows(frame: DataFrame, task: Task) -> DataFrame:
    """The rows that have a label; all rows if the task has no target."""
    if not task.traits.has_target:
        return frame
    return frame.where(F.col(LABEL).isNotNull())
