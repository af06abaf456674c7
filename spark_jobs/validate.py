"""Split bronze into clean and quarantine, by the use case's rules and Great Expectations suites."""

import logging
from typing import TYPE_CHECKING

from updraft.core.arguments import PartitionArguments
from updraft.core.job import run_job
from updraft.core.report_files import is_of_dag_run
from updraft.core.reports import IngestReport, ValidateReport

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from updraft.data.lineage import Input
    from updraft.quality.audit import Audit

logger = logging.getLogger(__name__)


def job(arguments: PartitionArguments) -> ValidateReport:
    """Audit first, then publish: no row reaches a table before every check has been made.

    Data Docs are written next to the report, also when they explain why nothing is published. If
    another run changes the raw rows in the meantime, they are audited again.
    """
    from updraft.core.schema import BRONZE
    from updraft.data.session import session
    from updraft.data.tables import Table

    if is_of_dag_run(arguments.report):
        # The raw rows have to be those of this run: a task can be marked as success by hand.
        IngestReport.read_sibling(arguments.report, "ingest")
    spark = session(arguments.use_case)
    bronze = Table(arguments.use_case, BRONZE)
    while True:
        report = audit_and_publish(spark, arguments, bronze.as_input())
        if report is not None:
            return report
        logger.info("raw rows have changed in the meantime: they are audited again")


def audit_and_publish(
    spark: "SparkSession", arguments: PartitionArguments, source: "Input"
) -> ValidateReport | None:
    """Audit a version of bronze; None if it is no longer the present one of these partitions."""
    from updraft.core.report_files import page_path
    from updraft.core.schema import BRONZE, EVENT_DATE
    from updraft.data.audited import is_unfinished
    from updraft.data.columns import typed, typing_of
    from updraft.data.tables import Table
    from updraft.quality.audit import apply_suites, check_share, structural_audit
    from updraft.quality.docs import write_docs
    from updraft.quality.suites import read_suites, run_suites

    use_case = arguments.use_case
    interval = arguments.interval
    bronze = Table(use_case, BRONZE).read(spark, interval.predicate(), version=source.version)
    is_empty = bronze.select(EVENT_DATE).isEmpty()
    if is_empty and not is_unfinished(use_case, interval):
        return ValidateReport(use_case=use_case.name, outcome="no data")
    structural = structural_audit(typed(bronze, typing_of(use_case)), use_case)
    # Every expectation holds for no rows; that must not pass as a check. But where ingestion has
    # removed raw rows, their clean rows go, too.
    suites = read_suites(use_case.name)
    checked = []
    if not is_empty:
        checked = run_suites(suites, structural.clean, use_case.unit)
        title = f"{use_case.title}: the rows of {interval}"
        write_docs(title, checked, page_path(arguments.report))
    audit = apply_suites(structural, checked)
    try:
        partitions = audit.by_partition(use_case)
        check_share(audit, partitions, use_case)
        if not publish(spark, arguments, audit, source, suites.sha256):
            return None
        clean = sum(counts.clean for counts in partitions)
        quarantined = sum(counts.failed for counts in partitions)
        superseded = sum(counts.superseded for counts in partitions)
        return ValidateReport(
            use_case=use_case.name,
            rows=clean + quarantined + superseded,
            clean=clean,
            quarantined=quarantined,
            superseded=superseded,
            reasons=audit.by_reason(),
            expectations=[suite.outcome for suite in checked],
        )
    finally:
        audit.release()
        structural.release()


def publish(
    spark: "SparkSession",
    arguments: PartitionArguments,
    audit: "Audit",
    source: "Input",
    suites: str,
) -> bool:
    """Write both tables, unless the raw rows have changed since they were read.

    Clean is written last: its commit says which version of bronze has been audited, so an audit
    that is killed between the two is known as unfinished. ``suites``: the hash of the audit's.
    """
    from updraft.core.schema import BRONZE, CLEAN, QUARANTINE
    from updraft.data.lineage import Note, changed_since
    from updraft.data.tables import Table

    use_case = arguments.use_case
    interval = arguments.interval
    note = Note(
        spans=interval.partitions,
        inputs=[source],
        run=arguments.report,
        suites=suites,
    )
    with Table(use_case, CLEAN).hold(spark) as clean:
        commits = Table(use_case, BRONZE).commits()
        if changed_since(commits, source, interval.partitions):
            return False
        with Table(use_case, QUARANTINE).hold(spark) as quarantine:
            quarantine.replace(audit.quarantine, interval.predicate(), note)
        clean.replace(audit.clean, interval.predicate(), note)
    return True


if __name__ == "__main__":
    run_job(PartitionArguments, job, __doc__)
