"""The current champion as jobs use it: by the ledger, and verified."""

from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession

from updraft.core.ledger import Entry
from updraft.core.schema import FEATURES, TRAIN_ROWS
from updraft.core.use_case import UseCase
from updraft.data.ledger import DeltaLedger
from updraft.data.tables import Table
from updraft.decisions.champions import Champions
from updraft.models.provenance import origin
from updraft.models.tracking import connect
from updraft.models.versions import RegisteredVersion, registered


class CurrentChampion(NamedTuple):
    """The champion's ``version``, the ``entry`` that made it champion, and the whole ledger."""

    version: RegisteredVersion
    entry: Entry
    entries: list[Entry]


def current_champion(use_case: UseCase, report: str) -> CurrentChampion | None:
    """Reconcile MLflow with the ledger, and return the champion; None if there is none.

    ``report``: where the job's report goes, which says who asks.

    Raises:
        UpdraftError: MLflow does not have the ledger's champion, or it has been changed.
    """
    client = connect(use_case)
    champions = Champions(client, DeltaLedger(use_case), use_case, origin(report, use_case))
    entry = champions.current()
    if entry is None or entry.to_version is None:
        return None
    entries = champions.ledger.entries()
    return CurrentChampion(registered(client, use_case, entry.to_version, entries), entry, entries)


def learnt_rows(spark: SparkSession, use_case: UseCase, version: RegisteredVersion) -> DataFrame:
    """The features of the partitions that a version was trained on, with a label or without.

    With time, as they are now; a newer snapshot does not say which rows an earlier one had.
    """
    table = Table(use_case, FEATURES)
    if use_case.unit is not None:
        return table.read(spark, version.days.predicate())
    tags = version.tags
    return table.read(
        spark, TRAIN_ROWS, version=tags.features_version, table_id=tags.features_table
    )
