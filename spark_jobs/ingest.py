"""Ingest the raw files of the landing folder into bronze, partition by partition."""

from updraft.core.arguments import PartitionArguments
from updraft.core.job import run_job
from updraft.core.reports import IngestReport


def job(arguments: PartitionArguments) -> IngestReport:
    """Write the raw rows of the interval; without files and without bronze there is no data."""
    from updraft.core.schema import BRONZE
    from updraft.data.ingestion import ingest
    from updraft.data.session import session
    from updraft.data.sources import raw_files, unread_files
    from updraft.data.tables import Table

    use_case = arguments.use_case
    interval = arguments.interval
    files = raw_files(use_case, interval)
    if not files and not Table(use_case, BRONZE).exists:
        return IngestReport(
            use_case=use_case.name,
            first=interval.first,
            last=interval.last,
            unread_files=unread_files(use_case),
            outcome="no data",
        )
    return ingest(session(use_case), use_case, interval, files, arguments.report)


if __name__ == "__main__":
    run_job(PartitionArguments, job, __doc__)
