"""Compare the newest partitions with the rows that the champion was trained on."""

from updraft.core.arguments import MonitoringArguments
from updraft.core.interval import Interval
from updraft.core.job import run_job
from updraft.core.reports import DriftReport

SCORED_ROWS = 200_000  # Training rows that the champion scores, to know its usual outputs.


def job(arguments: MonitoringArguments) -> DriftReport:
    """Report the drift of each column, and write a page that shows it."""
    from updraft.core.report_files import page_path, page_uri
    from updraft.core.schema import FEATURES, TRAIN_ROWS
    from updraft.data.labels import with_complete_labels
    from updraft.data.ledger import DeltaLedger
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.decisions.champions import Champions
    from updraft.models.provenance import origin
    from updraft.models.scoring import answers
    from updraft.models.tracking import connect
    from updraft.models.versions import registered
    from updraft.monitoring.counting import some_rows
    from updraft.monitoring.drift import (
        DRIFT_REFERENCE,
        compare,
        has_drifted,
        output_reference,
        with_outputs,
        with_window,
    )
    from updraft.monitoring.page import sample, write_page

    use_case = arguments.use_case
    task = use_case.task
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
    if use_case.unit:
        trained_on = features.where(champion.days.predicate())
    else:  # The newest snapshot does not say which rows an earlier one had.
        tags = champion.tags
        trained_on = table.read(
            spark, TRAIN_ROWS, version=tags.features_version, table_id=tags.features_table
        )
    newest_rows = with_complete_labels(features.where(days.predicate()), use_case)
    current = with_outputs(newest_rows, answers(newest_rows, champion.folder, task), task).cache()
    scored = some_rows(trained_on, trained_on.count(), SCORED_ROWS)
    scored = with_outputs(scored, answers(scored, champion.folder, task), task).cache()
    window = use_case.drift.window if use_case.unit else None
    stored = with_window(champion.document(DRIFT_REFERENCE), trained_on, window)
    reference = {**stored, **output_reference(scored, use_case)}
    columns = compare(current, reference, use_case.drift, trained_on)
    detected = has_drifted(columns, use_case.drift)
    write_page(
        sample(scored, reference),
        sample(current, reference),
        columns,
        use_case.drift,
        page_path(arguments.report),
    )
    return DriftReport(
        use_case=use_case.name,
        outcome="no verdict" if detected is None else "done",
        champion=champion.version,
        first=days.first,
        last=days.last,
        detected=bool(detected),
        rows=current.count(),
        judged=sum(column.p_value is not None for column in columns),
        columns=columns,
        page=page_uri(arguments.report),
    )


if __name__ == "__main__":
    run_job(MonitoringArguments, job, __doc__)
