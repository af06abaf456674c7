"""Write the champion's predictions for partitions, and for a recommender the recommendations too.

By default the newest partitions are scored.
"""

from typing import TYPE_CHECKING

from updraft.core.arguments import ScoreArguments
from updraft.core.interval import on_days
from updraft.core.job import run_job
from updraft.core.reports import ScoreReport

if TYPE_CHECKING:
    from datetime import date


def job(arguments: ScoreArguments) -> ScoreReport:
    """Replace the predictions of the days to score by those of the current champion."""
    from updraft.core.schema import EVENT_DATE, FEATURES, PREDICTIONS, RECOMMENDATIONS
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.evaluation.champion import current_champion
    from updraft.evaluation.kinds import kind_of
    from updraft.models.recommendations import recommendations
    from updraft.models.scoring import predictions

    use_case = arguments.use_case
    current = current_champion(use_case, arguments.report)
    if current is None:
        return ScoreReport(use_case=use_case.name, outcome="no champion")
    champion = current.version
    spark = session(use_case)
    table = Table(use_case, FEATURES)
    features = table.read(spark)
    days = days_to_score(arguments, table.partitions())
    missing = [] if arguments.newest else sorted({*arguments.interval.days} - {*days})
    if not days:
        return ScoreReport(
            use_case=use_case.name,
            outcome="no data",
            champion=champion.version,
            missing_days=missing,
        )
    kind = kind_of(use_case.task)
    to_score = features.where(on_days(days))
    scored = predictions(to_score, use_case, champion, current.entry.key, kind.prediction_columns)
    rows = scored.cache().count()
    with Table(use_case, PREDICTIONS).hold(spark) as held_table:
        held_table.replace(scored, on_days(days))
    if kind.recommends:
        known = features.where(features[EVENT_DATE] <= days[-1])
        recommended = recommendations(known, champion, current.entry.key)
        with Table(use_case, RECOMMENDATIONS).hold(spark) as held_table:
            held_table.replace(recommended, on_days(days[-1:]))
    return ScoreReport(
        use_case=use_case.name,
        champion=champion.version,
        entry=current.entry.key,
        first=days[0],
        last=days[-1],
        rows=rows,
        missing_days=missing,
    )


def days_to_score(arguments: ScoreArguments, partitions: "list[date]") -> "list[date]":
    """Select the partitions to score: those of the requested interval, or the newest ones."""
    use_case = arguments.use_case
    if not arguments.newest:
        return sorted({*arguments.interval.days} & {*partitions})
    if arguments.until:
        partitions = [day for day in partitions if str(day) <= arguments.until]
    number = use_case.serving.partitions
    if not number:
        # A snapshot has a single partition, which is scored completely.
        number = int(use_case.model.holdout) if use_case.unit else 1
    return partitions[-number:]


if __name__ == "__main__":
    run_job(ScoreArguments, job, __doc__)
