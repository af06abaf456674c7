"""Compares the newest partitions with what the champion has learnt from."""

from updraft.core.interval import Interval
from updraft.core.job import Arguments, run_job
from updraft.core.reports import DriftReport, report_path


def job(arguments: Arguments) -> DriftReport:
    use_case = arguments.use_case
    import pandas
    from pyspark.sql import DataFrame
    from pyspark.sql import functions as F
    from upath import UPath

    from updraft.core.schema import quote
    from updraft.data import tables
    from updraft.data.ledger import Ledger
    from updraft.data.session import session
    from updraft.decisions.champions import Origin, settle
    from updraft.models import records
    from updraft.models.provenance import origin
    from updraft.monitoring.drift import compare
    from updraft.monitoring.page import SAMPLE_ROWS, write_page
    from updraft.training.windows import TRAIN_SPLIT

    client = records.connect(use_case)
    entry = settle(client, Ledger(use_case), use_case, Origin(*origin(arguments.report)))
    if entry is None or entry.to_version is None:
        return DriftReport(use_case=use_case.name, outcome="no champion")
    champion, spark = records.registered(client, use_case, entry.to_version), session(use_case)
    then = records.load_json(champion.run_id, "drift_reference.json")
    features = tables.read(spark, use_case.name, "features")
    newest = tables.all_partitions(use_case.name, "features")[-use_case.drift.window :]
    if not newest:
        return DriftReport(use_case=use_case.name, outcome="no data", champion=champion.version)
    days = Interval(newest[0], newest[-1])
    now = features.where(days.predicate()).cache()
    if use_case.unit:
        learnt = features.where(champion.days.predicate())
    else:  # What a snapshot was, the newest one does not say.
        then_version = champion.features_version
        learnt = tables.read(now.sparkSession, use_case.name, "features", version=then_version).where(TRAIN_SPLIT)
    columns = compare(now, then, use_case.drift, learnt)

    shown = [name for name, how in then.items() if "names" not in how]  # A page on thousands of names tells nothing.

    def sample(rows: DataFrame) -> pandas.DataFrame:
        return rows.orderBy(F.xxhash64("row_id")).limit(SAMPLE_ROWS).select(*map(quote, shown)).toPandas()

    page = str(UPath(arguments.report).with_suffix(".html"))
    write_page(sample(learnt), sample(now), use_case.drift, report_path(page))
    return DriftReport(
        use_case=use_case.name,
        champion=champion.version,
        first=days.first,
        last=days.last,
        detected=sum(column.drifted for column in columns) >= use_case.drift.min_columns,
        rows=now.count(),
        columns=columns,
        page=page,
    )


if __name__ == "__main__":
    run_job(__doc__, job)
