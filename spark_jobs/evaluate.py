"""Scores challenger and champion on one frozen holdout and writes down the evidence for the gate."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from updraft.core.interval import Interval
from updraft.core.job import Arguments, run_job
from updraft.core.reports import EvaluateReport, SearchAndFitReport
from updraft.core.use_case import UseCase

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient
    from pyspark.sql import DataFrame, SparkSession

    from updraft.evaluation.comparison import Comparison
    from updraft.models.records import Registered


def job(arguments: Arguments) -> EvaluateReport:
    use_case = arguments.use_case
    trained = SearchAndFitReport.read_sibling(arguments.report, "search_and_fit")
    from updraft.core.evidence import sha256
    from updraft.core.registry import EVIDENCE
    from updraft.data.ledger import Ledger
    from updraft.data.session import session
    from updraft.decisions.champions import Origin, settle
    from updraft.models import records
    from updraft.models.provenance import origin

    client, run_id = records.connect(use_case), trained.run_id
    document = records.evidence(client, use_case, trained.version)
    if document is None:
        spark, by = session(use_case), Origin(*origin(arguments.report))
        now = settle(client, Ledger(use_case), use_case, by)
        versions = [trained.version, *([now.to_version] if now and now.to_version else [])]
        models = [records.registered(client, use_case, version) for version in versions]
        document = evidence(client, spark, use_case, trained, models, by.code)
        digest = sha256(document)
        client.log_dict(run_id, document, records.evidence_file(digest))
        client.set_model_version_tag(use_case.name, str(trained.version), EVIDENCE, digest)
    return EvaluateReport(use_case=use_case.name, run_id=run_id, experiment_id=trained.experiment_id, evidence=document)


def evidence(
    client: "MlflowClient",
    spark: "SparkSession",
    use_case: UseCase,
    trained: SearchAndFitReport,
    models: list["Registered"],
    code: str,
) -> dict[str, Any]:
    """The evidence on the first of ``models``, against the second if there is one; with the run, what people look at."""
    from pyspark.sql import functions as F

    from updraft.core.evidence import Evidence
    from updraft.core.schema import EVENT_DATE, HOLDOUT
    from updraft.data import tables
    from updraft.data.audited import audit_counts
    from updraft.evaluation.comparison import compare
    from updraft.models import records
    from updraft.models.provenance import Used, log_rows
    from updraft.training.windows import HOLDOUT_SPLIT, TRAIN_SPLIT, usable

    name, version, snapshot = use_case.name, trained.features_version, use_case.unit is None
    days, used_days = (Interval(first, trained.holdout_last) for first in (trained.holdout_first, trained.train_first))
    features = usable(tables.read(spark, name, "features", version=version), use_case.task)
    holdout = features.where(HOLDOUT_SPLIT if snapshot else days.predicate()).cache()
    before = features.where(TRAIN_SPLIT if snapshot else F.col(EVENT_DATE) < days.first)
    found = compare(use_case, holdout, before, models)
    candidates = [found.candidate(n, learnt_rows(spark, use_case, model)) for n, model in enumerate(models)]
    made = Evidence.model_validate(
        {
            "use_case": name,
            "owner": use_case.owner,
            "made": datetime.now(UTC).replace(microsecond=0),
            "code": code,
            "holdout": {
                "table": "features",
                "version": version,
                "split": HOLDOUT if snapshot else None,
                "first": None if snapshot else days.first,
                "last": None if snapshot else days.last,
                **found.rows(),
            },
            "audit": audit_counts(use_case, features.where(used_days.predicate()), holdout),
            "challenger": candidates[0],
            "champion": candidates[1] if len(models) > 1 else None,
            "gain": found.gain() if len(models) > 1 else None,
            "slices": found.slices() if len(models) > 1 else [],
        }
    )
    used = Used.of(holdout, use_case.task, version, days, HOLDOUT)
    log_rows(client, trained.run_id, "holdout", use_case, used, holdout)
    for metric, value in made.challenger.metrics.items():
        client.log_metric(trained.run_id, f"holdout_{records.key(metric)}", value)
    draw(client, trained.run_id, str(used), found)
    return made.model_dump(mode="json")


def learnt_rows(spark: "SparkSession", use_case: UseCase, model: "Registered") -> "DataFrame | None":
    """The keys that a model has learnt from, in the version of the features that it was trained on, if that is still there."""
    from pyspark.errors import PySparkException

    from updraft.core.schema import ROW_ID
    from updraft.data import tables
    from updraft.training.windows import TRAIN_SPLIT, usable

    try:
        then = usable(tables.read(spark, use_case.name, "features", version=model.features_version), use_case.task)
        learnt = then.where(TRAIN_SPLIT if use_case.unit is None else model.days.predicate()).select(ROW_ID).cache()
        learnt.count()
        return learnt
    except PySparkException as error:  # The gate says no to what is not shown.
        print(f"features v{model.features_version}: cannot be read any more: {str(error).splitlines()[0]}")
        return None


def draw(client: "MlflowClient", run_id: str, used: str, found: "Comparison") -> None:
    """What people look at: pictures of the models on the holdout, the figures behind them, and how they do on slices of it."""
    from updraft.evaluation.plots import holdout_document, holdout_figures
    from updraft.evaluation.plots.slices import slices_figure
    from updraft.evaluation.slices import by_slice, slices

    use_case, models, judged, measured = found.use_case, found.models, found.judged, found.measured
    task, metric = use_case.task, use_case.gate.metric
    names = [f"{role} v{m.version} ({m.algorithm})" for role, m in zip(("challenger", "champion"), models, strict=False)]
    drawn = {name: holdout_document(task, answers, judged.columns) for name, answers in zip(names, judged.answers, strict=True)}
    client.log_dict(run_id, drawn, "plots/holdout.json")
    target = use_case.data.target
    meaning = f"\npositive means: {target.description}" if target and task.kind == "binary" else ""
    pictures = holdout_figures(task, drawn, used + meaning)
    by_name = dict(zip(names, measured, strict=True))
    overall = {name: {metric: statistic.value for metric, statistic in one.items()} for name, one in by_name.items()}
    cut = by_slice(slices(judged.rows, judged.sliced), by_name)
    client.log_dict(run_id, {"metric": metric, "overall": overall, "slices": cut}, "plots/slices.json")
    if cut and metric in cut[0]["models"][names[0]]:  # Rankings are of users, not of rows.
        pictures["slices.png"] = slices_figure(cut, metric, {name: one[metric] for name, one in overall.items()}, used)
    for name, figure in pictures.items():
        client.log_figure(run_id, figure, f"plots/{name}")


if __name__ == "__main__":
    run_job(__doc__, job)
