"""Compare the newest partitions with the rows that the champion was trained on."""

from updraft.core.arguments import MonitoringArguments
from updraft.core.interval import Interval
from updraft.core.job import run_job
from updraft.core.reports import DriftReport

SCORED_ROWS = 200_000  # Training rows that the champion scores, to know its usual outputs.


def job(arguments: MonitoringArguments) -> DriftReport:
    """Report the drift by each day that is looked at, and write a page that shows the last."""
    from updraft.core.report_files import page_path, page_uri
    from updraft.core.schema import FEATURES
    from updraft.data.labels import Maturity, with_complete_labels
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.evaluation.champion import current_champion, learnt_rows
    from updraft.models.scoring import answers
    from updraft.monitoring.counting import some_rows
    from updraft.monitoring.days import days_to_look_at, window_until
    from updraft.monitoring.drift import (
        DRIFT_REFERENCE,
        count_by_day,
        judge,
        output_reference,
        verdict,
        with_outputs,
        with_window,
    )
    from updraft.monitoring.page import sample, write_page

    use_case = arguments.use_case
    task = use_case.task
    policy = use_case.drift
    current = current_champion(use_case, arguments.report)
    if current is None:
        return DriftReport(use_case=use_case.name, outcome="no champion")
    champion = current.version
    spark = session(use_case)
    table = Table(use_case, FEATURES)
    features = table.read(spark)
    has_time = use_case.unit is not None
    learnt_until = champion.days.last if has_time else None
    looks = use_case.retraining.looks
    partitions = table.partitions()
    days = days_to_look_at(partitions, learnt_until, looks, arguments.replayed)
    if not days:
        return DriftReport(use_case=use_case.name, outcome="no data", champion=champion.version)
    windows = [window_until(day, partitions, policy.window) for day in days]
    trained_on = learnt_rows(spark, use_case, champion)
    looked_at = Interval(windows[0][0], days[-1])
    newest_rows = with_complete_labels(features.where(looked_at.predicate()), use_case)
    scored_newest = with_outputs(
        newest_rows, answers(newest_rows, champion.folder, task), task
    ).cache()
    scored = some_rows(trained_on, trained_on.count(), SCORED_ROWS)
    scored = with_outputs(scored, answers(scored, champion.folder, task), task).cache()
    length = policy.window if has_time else None
    stored = with_window(champion.document(DRIFT_REFERENCE), trained_on, length)
    reference = {**stored, **output_reference(scored, use_case)}
    counts = count_by_day(scored_newest, reference, trained_on)
    maturity = Maturity.of(use_case) if has_time else None
    verdicts = []
    for day, window in zip(days, windows, strict=True):
        labelled_until = maturity.known(day) if maturity else None
        columns = judge(reference, counts.window(window, labelled_until), policy)
        verdicts.append(verdict(day, columns, policy))
    newest = Interval(windows[-1][0], days[-1])
    newest_window = scored_newest.where(newest.predicate())
    write_page(
        sample(scored, reference),
        sample(newest_window, reference),
        columns,
        policy,
        page_path(arguments.report),
    )
    last = verdicts[-1]
    return DriftReport(
        use_case=use_case.name,
        outcome="no verdict" if last.detected is None else "done",
        champion=champion.version,
        first=newest.first,
        last=newest.last,
        detected=bool(last.detected),
        rows=newest_window.count(),
        judged=last.judged,
        columns=columns,
        windows=verdicts,
        page=page_uri(arguments.report),
    )


if __name__ == "__main__":
    run_job(MonitoringArguments, job, __doc__)
