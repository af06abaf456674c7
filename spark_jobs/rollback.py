"""Make a former champion champion again, or nobody; the version is always named."""

from updraft.core.arguments import RollbackArguments
from updraft.core.errors import UpdraftError
from updraft.core.interval import on_days
from updraft.core.job import run_job
from updraft.core.reports import RollbackReport


def job(arguments: RollbackArguments) -> RollbackReport:
    """Roll back to a version only if it can still score the newest features."""
    from mlflow.exceptions import MlflowException

    from updraft.core.schema import FEATURES
    from updraft.data.ledger import DeltaLedger
    from updraft.data.session import session
    from updraft.data.tables import Table
    from updraft.decisions.champions import Champions
    from updraft.decisions.rollback import roll_back
    from updraft.models.provenance import origin
    from updraft.models.scoring import check_scores
    from updraft.models.tracking import connect
    from updraft.models.versions import registered

    use_case = arguments.use_case
    client = connect(use_case)
    ledger = DeltaLedger(use_case)

    def check(version: int) -> None:
        table = Table(use_case, FEATURES)
        features = table.read(session(use_case))
        newest = table.partitions()[-1:]
        try:
            model = registered(client, use_case, version, ledger.entries())
        except MlflowException as error:
            raise UpdraftError(
                f"rollback to version {version}: MLflow does not have it: {error}. "
                "Nothing was changed."
            ) from None
        check_scores(features.where(on_days(newest)) if newest else features, use_case, model)

    source = origin(arguments.report, use_case)
    if arguments.by:
        source = source._replace(by=f"{arguments.by}, {source.by}")
    champions = Champions(client, ledger, use_case, source)
    return roll_back(champions, arguments.to, arguments.reason, check)


if __name__ == "__main__":
    run_job(RollbackArguments, job, __doc__)
