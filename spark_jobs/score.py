"""Scores partitions by the champion into predictions: those that are given, or the newest. A recommender also recommends."""

from typing import TYPE_CHECKING

from updraft.core.interval import on_days
from updraft.core.job import Arguments, run_job
from updraft.core.reports import ScoreReport

if TYPE_CHECKING:
    from datetime import date


def job(arguments: Arguments) -> ScoreReport:
    use_case = arguments.use_case
    from updraft.core.schema import EVENT_DATE
    from updraft.data import tables
    from updraft.data.ledger import Ledger
    from updraft.data.session import session
    from updraft.decisions.champions import Origin, settle
    from updraft.models import records
    from updraft.models.provenance import origin
    from updraft.models.recommendations import recommendations
    from updraft.models.scoring import predictions

    client = records.connect(use_case)
    entry = settle(client, Ledger(use_case), use_case, Origin(*origin(arguments.report)))
    if entry is None or entry.to_version is None:
        return ScoreReport(use_case=use_case.name, outcome="no champion")
    champion, spark = records.registered(client, use_case, entry.to_version), session(use_case)
    features = tables.read(spark, use_case.name, "features")
    days = days_to_score(arguments)
    if not days:
        return ScoreReport(use_case=use_case.name, outcome="no data", champion=champion.version)
    scored = predictions(features.where(on_days(days)), use_case, champion, entry.key)
    rows = scored.cache().count()
    tables.replace(scored, use_case, "predictions", on_days(days))
    if use_case.kind == "recommendation":
        known = features.where(features[EVENT_DATE] <= days[-1])
        tables.replace(recommendations(known, use_case, champion, entry.key), use_case, "recommendations", on_days(days[-1:]))
    return ScoreReport(
        use_case=use_case.name, champion=champion.version, entry=entry.key, first=days[0], last=days[-1], rows=rows
    )


def days_to_score(arguments: Arguments) -> "list[date]":
    """The partitions that have rows, of those that are given, or of all the newest."""
    from updraft.data import tables

    use_case = arguments.use_case
    days = tables.all_partitions(use_case.name, "features")
    if not arguments.newest:
        return sorted({*arguments.interval.days} & {*days})
    if arguments.until:
        days = [day for day in days if str(day) <= arguments.until]
    # A snapshot has a single partition, which is scored whole.
    number = use_case.serving.partitions or (int(use_case.model.holdout) if use_case.unit else 1)
    return days[-number:]


if __name__ == "__main__":
    run_job(__doc__, job)
