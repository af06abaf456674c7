"""Raw files of the landing folder, day by day, into bronze."""

from updraft.core.job import Arguments, run_job
from updraft.core.reports import IngestReport


def job(arguments: Arguments) -> IngestReport:
    interval = arguments.interval  # Refused, if it is wrong, before Spark starts.
    from updraft.data import tables
    from updraft.data.ingestion import ingest
    from updraft.data.session import session
    from updraft.data.sources import raw_files

    files = raw_files(arguments.use_case, interval)
    if not files and not tables.exists(arguments.use_case.name, "bronze"):
        return IngestReport(use_case=arguments.use_case.name, first=interval.first, last=interval.last, outcome="no data")
    return ingest(session(arguments.use_case), arguments.use_case, interval, files)


if __name__ == "__main__":
    run_job(__doc__, job)
