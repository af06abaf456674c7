"""Bronze into clean and quarantine, by the rules of the use case and its Great Expectations suites."""

from typing import TYPE_CHECKING

from updraft.core.interval import Interval
from updraft.core.job import Arguments, run_job
from updraft.core.reports import ExpectationOutcome, ValidateReport, page_path
from updraft.core.use_case import UseCase

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from updraft.quality.audit import Audit


def job(arguments: Arguments) -> ValidateReport:
    interval = arguments.interval
    from updraft.data.session import session

    return validate(session(arguments.use_case), arguments.use_case, interval, arguments.report)


def validate(spark: "SparkSession", use_case: UseCase, interval: Interval, report: str) -> ValidateReport:
    """Audit, then publish: nothing reaches clean or quarantine before every check has been made.

    ``report``: its URI; Data Docs go beside it, also when they say why nothing is published.
    """
    from updraft.data import tables
    from updraft.data.columns import typed
    from updraft.quality.audit import apply_suites, structural_audit
    from updraft.quality.docs import write_docs
    from updraft.quality.suites import run_suites

    bronze = tables.read(spark, use_case.name, "bronze", interval)
    if bronze.isEmpty():  # Every expectation holds of no rows: that is not to pass for a check.
        return ValidateReport(use_case=use_case.name, outcome="no data")
    structural = structural_audit(typed(bronze, use_case), use_case)
    checked = run_suites(use_case.name, structural.clean)
    write_docs(f"{use_case.title}: the rows of {interval}", checked, page_path(report))
    audit = apply_suites(structural, checked)
    try:
        return publish(audit, use_case, interval, [one.outcome for one in checked])
    finally:
        audit.release()
        structural.release()


def publish(audit: "Audit", use_case: UseCase, interval: Interval, outcomes: list[ExpectationOutcome]) -> ValidateReport:
    """Write both tables, if the partitions can be trusted at all."""
    from updraft.data import tables
    from updraft.quality.audit import check_share

    check_share(audit, use_case)
    tables.replace(audit.quarantine, use_case, "quarantine", interval.predicate())
    tables.replace(audit.clean, use_case, "clean", interval.predicate())
    clean, quarantined = audit.clean.count(), audit.quarantine.count()
    return ValidateReport(
        use_case=use_case.name,
        rows=clean + quarantined,
        clean=clean,
        quarantined=quarantined,
        reasons=audit.counts(),
        expectations=outcomes,
    )


if __name__ == "__main__":
    run_job(__doc__, job)
