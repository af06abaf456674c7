"""Makes a former champion champion again: the version that is given, or the one before."""

from updraft.core.errors import UpdraftError
from updraft.core.interval import on_days
from updraft.core.job import Arguments, run_job
from updraft.core.reports import RollbackReport


def job(arguments: Arguments) -> RollbackReport:
    use_case = arguments.use_case
    from mlflow.exceptions import MlflowException

    from updraft.data import tables
    from updraft.data.ledger import Ledger
    from updraft.data.session import session
    from updraft.decisions.champions import Origin
    from updraft.decisions.rollback import roll_back
    from updraft.models import records
    from updraft.models.provenance import origin
    from updraft.models.scoring import check_scores

    client = records.connect(use_case)

    def check(version: int) -> None:
        features = tables.read(session(use_case), use_case.name, "features")
        newest = tables.all_partitions(use_case.name, "features")[-1:]
        try:
            model = records.registered(client, use_case, version)
        except MlflowException as error:
            raise UpdraftError(
                f"rollback to version {version}: MLflow does not have it: {error}. Nothing was changed."
            ) from None
        check_scores(features.where(on_days(newest)) if newest else features, use_case, model)

    by, code = origin(arguments.report)
    by = f"{arguments.by}, {by}" if arguments.by else by
    return roll_back(
        client, Ledger(use_case), use_case, arguments.to, arguments.reason or "no reason given", Origin(by, code), check
    )


if __name__ == "__main__":
    run_job(__doc__, job)
