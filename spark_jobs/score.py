"""Scores the newest partitions by the champion into the predictions table."""

from updraft.core.interval import on_days
from updraft.core.job import Arguments, run_job
from updraft.core.reports import ScoreReport


def job(arguments: Arguments) -> ScoreReport:
    use_case = arguments.use_case
    from pyspark.sql import functions as F

    from updraft.core.schema import IDENTITY
    from updraft.data import tables
    from updraft.data.session import session
    from updraft.training import records
    from updraft.training.scoring import model_uri, probability

    champion = records.champion(records.connect(use_case), use_case)
    if champion is None:
        return ScoreReport(use_case=use_case.name, outcome="no champion")
    features = tables.read(session(use_case), use_case.name, "features")
    days = tables.partitions(features)[-use_case.model.holdout :]
    if not days:
        return ScoreReport(use_case=use_case.name, outcome="no data", champion=champion.version)
    features = features.where(on_days(days))
    scored = features.select(
        *IDENTITY,
        probability(features, model_uri(use_case, champion.version)).alias("probability"),
        F.lit(champion.version).alias("model_version"),
    ).withColumn("prediction", F.col("probability") >= champion.threshold)
    rows = scored.cache().count()
    tables.replace(scored, use_case, "predictions", on_days(days))
    return ScoreReport(use_case=use_case.name, champion=champion.version, first=days[0], last=days[-1], rows=rows)


if __name__ == "__main__":
    run_job(__doc__, job)
