"""Scores challenger and champion on one frozen holdout and writes down the evidence for the gate."""

from typing import TYPE_CHECKING

from updraft.core.errors import UpdraftError
from updraft.core.interval import Interval
from updraft.core.job import Arguments, run_job
from updraft.core.reports import EvaluateReport, SearchAndFitReport
from updraft.core.use_case import UseCase

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from pyspark.sql import DataFrame

    from updraft.training.evaluation import Judged
    from updraft.training.metrics import Statistic
    from updraft.training.records import Registered


def job(arguments: Arguments) -> EvaluateReport:
    use_case = arguments.use_case
    trained = SearchAndFitReport.read_sibling(arguments.report, "search_and_fit")
    from pyspark.sql import functions as F

    from updraft.core.kinds import more_is_better
    from updraft.core.schema import EVENT_DATE, HOLDOUT, LABEL, ROW_ID
    from updraft.data import tables
    from updraft.data.session import session
    from updraft.decisions.evidence import Candidate, Evidence, Gain, Holdout
    from updraft.training import records
    from updraft.training.bootstrap import paired_bootstrap
    from updraft.training.evaluation import judge
    from updraft.training.metrics import statistics
    from updraft.training.provenance import Used, log_rows
    from updraft.training.windows import HOLDOUT_SPLIT, TRAIN_SPLIT, usable

    client, task, policy = records.connect(use_case), use_case.task, use_case.gate
    challenger = records.registered(client, use_case, trained.version)
    champion = records.compared_champion(client, use_case, trained.run_id)
    models = [challenger, *([champion] if champion else [])]
    snapshot, days = use_case.unit is None, Interval(trained.holdout_first, trained.holdout_last)
    features = tables.read(session(use_case), use_case.name, "features", version=trained.features_version)
    features = usable(features, task)
    holdout = features.where(HOLDOUT_SPLIT if snapshot else days.predicate()).cache()
    before = features.where(TRAIN_SPLIT if snapshot else F.col(EVENT_DATE) < days.first)
    judged = judge(use_case, holdout, before, models)
    measured = [statistics(task, answers) for answers in judged.answers]
    if absent := sorted({policy.metric, *policy.floors} - set(measured[0])):
        raise UpdraftError(
            f"evaluation: found no {', '.join(absent)} on the holdout, which gate asks for. value needs model.costs; "
            "rankings need users who like an item that is known and new to them. Widen model.holdout, or change gate."
        )
    candidates = [
        Candidate(
            version=model.version,
            algorithm=model.algorithm,
            trained_until=None if snapshot else model.trained_until,
            overlap=overlap(use_case, holdout, model.features_version) if snapshot else None,
            description=model.description,
            metrics={name: one.value for name, one in found.items()},
        )
        for model, found in zip(models, measured, strict=True)
    ]
    gain = None
    if champion:
        one, other = (found[policy.metric] for found in measured)
        found = paired_bootstrap(
            one,
            other,
            more_is_better=more_is_better(policy.metric),
            confidence=policy.confidence,
            seed=use_case.model.search.seed,
        )
        gain = Gain(metric=policy.metric, **found._asdict(), confidence=policy.confidence)
    labels = judged.rows[LABEL]
    evidence = Evidence(
        use_case=use_case.name,
        holdout=Holdout(
            table="features",
            version=trained.features_version,
            split=HOLDOUT if snapshot else None,
            first=None if snapshot else days.first,
            last=None if snapshot else days.last,
            rows=len(judged.rows),
            keys=judged.rows[ROW_ID].nunique(),
            labels=None if task.kind == "clustering" else labels.nunique(),
            positives=int(labels.sum()) if task.kind == "binary" else None,
            units={name: measured[0][name].units for name in {policy.metric, *policy.floors}},
        ),
        challenger=candidates[0],
        champion=candidates[1] if champion else None,
        gain=gain,
    )
    used = Used.of(holdout, task, trained.features_version, days, HOLDOUT)
    log_rows(client, trained.run_id, "holdout", use_case, used, holdout)
    draw(client, use_case, trained.run_id, str(used), models, judged, measured)
    document = evidence.model_dump(mode="json")
    client.log_dict(trained.run_id, document, "evidence.json")
    for name, metric in candidates[0].metrics.items():
        client.log_metric(trained.run_id, f"holdout_{records.key(name)}", metric)
    return EvaluateReport(use_case=use_case.name, run_id=trained.run_id, experiment_id=trained.experiment_id, evidence=document)


def draw(
    client: "MlflowClient",
    use_case: UseCase,
    run_id: str,
    used: str,
    models: list["Registered"],
    judged: "Judged",
    measured: list[dict[str, "Statistic"]],
) -> None:
    """What people look at: pictures of the models on the holdout, the figures behind them, and how they do on slices of it."""
    from updraft.training.plots import holdout_document, holdout_figures
    from updraft.training.plots.slices import slices_figure
    from updraft.training.slices import by_slice, slices

    task, metric = use_case.task, use_case.gate.metric
    names = [f"{role} v{m.version} ({m.algorithm})" for role, m in zip(("challenger", "champion"), models, strict=False)]
    drawn = {name: holdout_document(task, answers, judged.columns) for name, answers in zip(names, judged.answers, strict=True)}
    client.log_dict(run_id, drawn, "plots/holdout.json")
    target = use_case.data.target
    meaning = f"\npositive means: {target.description}" if target and task.kind == "binary" else ""
    pictures = holdout_figures(task, drawn, used + meaning)
    by_name = dict(zip(names, measured, strict=True))
    overall = {name: {metric: one.value for metric, one in found.items()} for name, found in by_name.items()}
    found = by_slice(slices(judged.rows, judged.sliced), by_name)
    client.log_dict(run_id, {"metric": metric, "overall": overall, "slices": found}, "plots/slices.json")
    if found and metric in found[0]["models"][names[0]]:  # Rankings are of users, not of rows.
        pictures["slices.png"] = slices_figure(found, metric, {name: one[metric] for name, one in overall.items()}, used)
    for name, figure in pictures.items():
        client.log_figure(run_id, figure, f"plots/{name}")


def overlap(use_case: UseCase, holdout: "DataFrame", version: int) -> int | None:
    """How many of the holdout's keys were among the training rows, in a version of the features; none if it is not there."""
    from pyspark.errors import PySparkException

    from updraft.core.schema import ROW_ID
    from updraft.data import tables
    from updraft.training.windows import TRAIN_SPLIT

    try:
        learnt = tables.read(holdout.sparkSession, use_case.name, "features", version=version).where(TRAIN_SPLIT)
        return holdout.join(learnt, ROW_ID, "left_semi").count()
    except PySparkException as error:  # The gate says no to what is not shown.
        print(f"features v{version}: cannot be read any more: {str(error).splitlines()[0]}")
        return None


if __name__ == "__main__":
    run_job(__doc__, job)
