"""Write a complete table anew, after a change of a use case's columns."""

from typing import TYPE_CHECKING

from updraft.core.arguments import RebuildArguments
from updraft.core.job import run_job
from updraft.core.reports import RebuildReport

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from updraft.core.use_case import UseCase


def job(arguments: RebuildArguments) -> RebuildReport:
    """Build all features from the clean rows; or empty clean and quarantine, for a new audit."""
    from updraft.core.schema import FEATURES
    from updraft.data.features import rebuild_features
    from updraft.data.session import session

    use_case = arguments.use_case
    spark = session(use_case)
    rows = 0
    if arguments.table == FEATURES:
        rows = rebuild_features(spark, use_case, arguments.report)
    else:
        empty_audit(spark, use_case)
    return RebuildReport(use_case=use_case.name, table=arguments.table, rows=rows)


def empty_audit(spark: "SparkSession", use_case: "UseCase") -> None:
    """Empty clean and quarantine, with the present columns.

    Their partitions count as not audited until the raw rows have been audited again.
    """
    from updraft.core.schema import BRONZE, CLEAN, QUARANTINE
    from updraft.data.columns import typed, typing_of
    from updraft.data.tables import Table
    from updraft.quality.audit import structural_audit

    rows = Table(use_case, BRONZE).read(spark).limit(0)
    empty = structural_audit(typed(rows, typing_of(use_case)), use_case)
    for name, frame in ((QUARANTINE, empty.quarantine), (CLEAN, empty.clean)):
        with Table(use_case, name).hold(spark) as held:
            held.rewrite(frame)


if __name__ == "__main__":
    run_job(RebuildArguments, job, __doc__)
