"""Split bronze into clean and quarantine, by the use case's rules and Great Expectations suites."""

from updraft.core.arguments import PartitionArguments
from updraft.core.job import run_job
from updraft.core.reports import ValidateReport


def job(arguments: PartitionArguments) -> ValidateReport:
    """Audit first, then publish: no row reaches a table before every check has been made.

    Data Docs are written next to the report, also when they explain why nothing is published.
    """
    from updraft.core.report_files import page_path
    from updraft.core.schema import BRONZE, CLEAN, QUARANTINE
    from updraft.data.columns import typed
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.quality.audit import apply_suites, check_share, structural_audit
    from updraft.quality.docs import write_docs
    from updraft.quality.suites import run_suites

    use_case = arguments.use_case
    interval = arguments.interval
    spark = session(use_case)
    bronze = Table(use_case, BRONZE).read(spark, interval.predicate())
    if bronze.isEmpty():  # Every expectation holds for no rows; that must not pass as a check.
        return ValidateReport(use_case=use_case.name, outcome="no data")
    structural = structural_audit(typed(bronze, use_case), use_case)
    checked = run_suites(use_case.name, structural.clean)
    write_docs(f"{use_case.title}: the rows of {interval}", checked, page_path(arguments.report))
    audit = apply_suites(structural, checked)
    try:
        check_share(audit, use_case)
        for name, rows in ((QUARANTINE, audit.quarantine), (CLEAN, audit.clean)):
            with Table(use_case, name).hold(spark) as held_table:
                held_table.replace(rows, interval.predicate())
        clean = audit.clean.count()
        quarantined = audit.quarantine.count()
        return ValidateReport(
            use_case=use_case.name,
            rows=clean + quarantined,
            clean=clean,
            quarantined=quarantined,
            reasons=audit.counts(),
            expectations=[suite.outcome for suite in checked],
        )
    finally:
        audit.release()
        structural.release()


if __name__ == "__main__":
    run_job(PartitionArguments, job, __doc__)
