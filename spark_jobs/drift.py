"""Compare the newest partitions with the rows that the champion was trained on."""

from updraft.core.arguments import DriftArguments
from updraft.core.interval import Interval
from updraft.core.job import run_job
from updraft.core.reports import DriftReport


def job(arguments: DriftArguments) -> DriftReport:
    """Report the drift of each column, and write a page that shows it."""
    from updraft.core.report_files import page_path, page_uri
    from updraft.core.schema import FEATURES, TRAIN_ROWS
    from updraft.data.ledger import DeltaLedger
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.decisions.champions import Champions
    from updraft.models.provenance import origin
    from updraft.models.tracking import connect
    from updraft.models.versions import registered
    from updraft.monitoring.drift import DRIFT_REFERENCE, compare, has_drifted
    from updraft.monitoring.page import sample, write_page

    use_case = arguments.use_case
    client = connect(use_case)
    champions = Champions(
        client, DeltaLedger(use_case), use_case, origin(arguments.report, use_case)
    )
    entry = champions.current()
    if entry is None or entry.to_version is None:
        return DriftReport(use_case=use_case.name, outcome="no champion")
    champion = registered(client, use_case, entry.to_version, champions.ledger.entries())
    spark = session(use_case)
    table = Table(use_case, FEATURES)
    features = table.read(spark)
    newest = table.partitions()[-use_case.drift.window :]
    if not newest:
        return DriftReport(use_case=use_case.name, outcome="no data", champion=champion.version)
    days = Interval(newest[0], newest[-1])
    current = features.where(days.predicate()).cache()
    if use_case.unit:
        trained_on = features.where(champion.days.predicate())
    else:  # The newest snapshot does not say which rows an earlier one had.
        tags = champion.tags
        trained_on = table.read(
            spark, TRAIN_ROWS, version=tags.features_version, table_id=tags.features_table
        )
    reference = champion.document(DRIFT_REFERENCE)
    columns = compare(current, reference, use_case.drift, trained_on)
    reference_rows = sample(trained_on, reference)
    current_rows = sample(current, reference)
    write_page(reference_rows, current_rows, use_case.drift, page_path(arguments.report))
    return DriftReport(
        use_case=use_case.name,
        champion=champion.version,
        first=days.first,
        last=days.last,
        detected=has_drifted(columns, use_case.drift),
        rows=current.count(),
        columns=columns,
        page=page_uri(arguments.report),
    )


if __name__ == "__main__":
    run_job(DriftArguments, job, __doc__)
