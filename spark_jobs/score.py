"""Scores the newest partitions by the champion into the predictions table; a recommender also into recommendations."""

from updraft.core.interval import on_days
from updraft.core.job import Arguments, run_job
from updraft.core.reports import ScoreReport


def job(arguments: Arguments) -> ScoreReport:
    use_case = arguments.use_case
    from updraft.core.schema import EVENT_DATE
    from updraft.data import tables
    from updraft.data.session import session
    from updraft.training import records
    from updraft.training.recommendations import recommendations
    from updraft.training.scoring import predictions

    champion = records.champion(records.connect(use_case), use_case)
    if champion is None:
        return ScoreReport(use_case=use_case.name, outcome="no champion")
    features = tables.read(session(use_case), use_case.name, "features")
    # A snapshot has a single partition, which is scored whole.
    newest = use_case.serving.partitions or (int(use_case.model.holdout) if use_case.unit else 1)
    days = tables.partitions(features)[-newest:]
    if not days:
        return ScoreReport(use_case=use_case.name, outcome="no data", champion=champion.version)
    scored = predictions(features.where(on_days(days)), use_case, champion)
    rows = scored.cache().count()
    tables.replace(scored, use_case, "predictions", on_days(days))
    if use_case.kind == "recommendation":
        known = features.where(features[EVENT_DATE] <= days[-1])
        tables.replace(recommendations(known, use_case, champion), use_case, "recommendations", on_days(days[-1:]))
    return ScoreReport(use_case=use_case.name, champion=champion.version, first=days[0], last=days[-1], rows=rows)


if __name__ == "__main__":
    run_job(__doc__, job)
