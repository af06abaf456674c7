"""Scores challenger and champion on one frozen holdout and writes down the evidence for the gate."""

from updraft.core.interval import Interval
from updraft.core.job import Arguments, run_job
from updraft.core.reports import EvaluateReport, SearchAndFitReport


def job(arguments: Arguments) -> EvaluateReport:
    use_case = arguments.use_case
    trained = SearchAndFitReport.read_sibling(arguments.report, "search_and_fit")
    from updraft.data import tables
    from updraft.data.session import session
    from updraft.decisions.evidence import Candidate, Evidence, Gain, Holdout
    from updraft.training import records
    from updraft.training.metrics import binary_metrics, paired_bootstrap
    from updraft.training.plots import curves, holdout_figures
    from updraft.training.provenance import Used, log_rows
    from updraft.training.scoring import holdout_scores, model_uri

    client = records.connect(use_case)
    challenger = records.registered(client, use_case, trained.version)
    champion = records.compared_champion(client, use_case, trained.run_id)
    models = [challenger, *([champion] if champion else [])]
    days = Interval(trained.holdout_first, trained.holdout_last)
    holdout = tables.read(session(use_case), use_case.name, "features", days, version=trained.features_version)
    labels, scores = holdout_scores(holdout, [model_uri(use_case, model.version) for model in models])
    candidates = [
        Candidate(
            version=model.version,
            algorithm=model.algorithm,
            trained_until=model.trained_until,
            description=model.description,
            metrics=binary_metrics(labels, probabilities, model.threshold),
        )
        for model, probabilities in zip(models, scores, strict=True)
    ]
    gain = None
    if champion:
        policy = use_case.gate
        value, lower, upper = paired_bootstrap(
            labels, scores[0], scores[1], confidence=policy.confidence, seed=use_case.model.search.seed
        )
        gain = Gain(metric=policy.metric, value=value, lower=lower, upper=upper, confidence=policy.confidence)
    evidence = Evidence(
        use_case=use_case.name,
        holdout=Holdout(
            table="features",
            version=trained.features_version,
            first=days.first,
            last=days.last,
            rows=len(labels),
            positives=int(labels.sum()),
        ),
        challenger=candidates[0],
        champion=candidates[1] if champion else None,
        gain=gain,
    )
    used = Used(trained.features_version, days, len(labels), int(labels.sum()))
    log_rows(client, trained.run_id, "holdout", use_case, used, holdout)
    drawn = {
        f"{role} v{model.version} ({model.algorithm})": curves(labels, probabilities, model.threshold)
        for role, model, probabilities in zip(("challenger", "champion"), models, scores, strict=False)
    }
    client.log_dict(trained.run_id, drawn, "plots/holdout.json")
    for name, figure in holdout_figures(drawn, f"{used}\npositive means: {use_case.data.target.description}").items():
        client.log_figure(trained.run_id, figure, f"plots/{name}")
    document = evidence.model_dump(mode="json")
    client.log_dict(trained.run_id, document, "evidence.json")
    for name, metric in candidates[0].metrics.items():
        client.log_metric(trained.run_id, f"holdout_{name}", metric)
    return EvaluateReport(use_case=use_case.name, run_id=trained.run_id, experiment_id=trained.experiment_id, evidence=document)


if __name__ == "__main__":
    run_job(__doc__, job)
