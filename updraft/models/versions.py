"""Registered versions of a use case's model: their tags, their evidence, and which is champion."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.evidence import sha256
from updraft.core.interval import Interval
from updraft.core.registry import CHAMPION, EVIDENCE, VERDICT_HEADING
from updraft.core.use_case import UseCase
from updraft.models.tracking import load_json

ALGORITHM = "updraft.algorithm"
THRESHOLD = "updraft.threshold"
RELEVANCE = "updraft.relevance"
FEATURES_VERSION = "updraft.features_version"
TRAINED_FROM = "updraft.trained_from"
TRAINED_UNTIL = "updraft.trained_until"
SEARCH_PROGRESS = "updraft.search_cut"  # Only where the time limit ended the search.
DAG_RUN = "updraft.dag_"  # The prefix of the tags that name the DAG run.


@dataclass(frozen=True)
class VersionTags:
    """What training notes about a version as tags. Nothing else writes or reads these tags.

    ``threshold``: binary models only. ``relevance``: recommenders only, the lowest label of a
    relevant item. ``trained_from`` and ``trained_until``: the first and last day of the training
    rows. ``dag_run``: the tags that name the DAG run, empty for a job that was run by hand.
    ``search_progress``: how far the search got, if its time limit ended it.
    """

    algorithm: str
    threshold: float | None
    relevance: float | None
    features_version: int
    trained_from: date
    trained_until: date
    dag_run: dict[str, str]
    search_progress: str | None

    def as_tags(self) -> dict[str, str]:
        tags = {
            ALGORITHM: self.algorithm,
            FEATURES_VERSION: str(self.features_version),
            TRAINED_FROM: str(self.trained_from),
            TRAINED_UNTIL: str(self.trained_until),
            **self.dag_run,
        }
        # repr keeps every digit, so that the number read is the number written.
        if self.threshold is not None:
            tags[THRESHOLD] = repr(float(self.threshold))
        if self.relevance is not None:
            tags[RELEVANCE] = repr(float(self.relevance))
        if self.search_progress is not None:
            tags[SEARCH_PROGRESS] = self.search_progress
        return tags

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Self:
        """Read the tags of a version that the training DAG has registered.

        Raises:
            KeyError: a tag that every such version has is missing.
        """
        return cls(
            algorithm=tags[ALGORITHM],
            threshold=_optional_number(tags, THRESHOLD),
            relevance=_optional_number(tags, RELEVANCE),
            features_version=int(tags[FEATURES_VERSION]),
            trained_from=date.fromisoformat(tags[TRAINED_FROM]),
            trained_until=date.fromisoformat(tags[TRAINED_UNTIL]),
            dag_run={name: value for name, value in tags.items() if name.startswith(DAG_RUN)},
            search_progress=tags.get(SEARCH_PROGRESS),
        )

    @staticmethod
    def read_algorithm(tags: Mapping[str, str]) -> str | None:
        """Read the algorithm alone; None for a version that training has not registered."""
        return tags.get(ALGORITHM)


def _optional_number(tags: Mapping[str, str], name: str) -> float | None:
    return float(tags[name]) if name in tags else None


@dataclass(frozen=True)
class RegisteredVersion:
    """A registered version with what training has noted about it.

    ``card``: the description without the verdict that the gate adds.
    """

    version: int
    run_id: str
    tags: VersionTags
    card: str

    @property
    def description(self) -> str:
        """The card's first paragraph."""
        return self.card.partition("\n\n")[0]

    @property
    def days(self) -> Interval:
        """The days of the training rows; for a snapshot, its only day."""
        return Interval(self.tags.trained_from, self.tags.trained_until)

    @classmethod
    def of(cls, entity: ModelVersion) -> Self:
        """Read MLflow's entity.

        Raises:
            UpdraftError: the training DAG has not registered it.
        """
        try:
            tags = VersionTags.read(entity.tags)
        except KeyError as missing:
            raise UpdraftError(
                f"model {entity.name} version {entity.version}: tag {missing} not found. "
                "It was not registered by the training DAG, so it is not known what it was "
                "trained on. Register models through that DAG."
            ) from None
        return cls(
            version=int(entity.version),
            run_id=str(entity.run_id),
            tags=tags,
            card=(entity.description or "").partition(VERDICT_HEADING)[0].rstrip(),
        )


def registered(client: MlflowClient, use_case: UseCase, version: int) -> RegisteredVersion:
    """Return a version by its number.

    Raises:
        MlflowException: MLflow does not have it.
        UpdraftError: the training DAG has not registered it.
    """
    return RegisteredVersion.of(client.get_model_version(use_case.name, str(version)))


def champion(client: MlflowClient, use_case: UseCase) -> RegisteredVersion | None:
    """Return the version that has the alias ``champion``, or None."""
    try:
        entity = client.get_model_version_by_alias(use_case.name, CHAMPION)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    return RegisteredVersion.of(entity)


def model_uri(use_case: UseCase, version: int) -> str:
    """Return MLflow's URI of a registered version."""
    return f"models:/{use_case.name}/{version}"


def evidence(client: MlflowClient, use_case: UseCase, version: int) -> dict[str, Any] | None:
    """Load the evidence on a version; None if it has not been recorded."""
    entity = client.get_model_version(use_case.name, str(version))
    digest = entity.tags.get(EVIDENCE)
    return load_json(str(entity.run_id), evidence_file(digest)) if digest else None


def evidence_digest(client: MlflowClient, use_case: UseCase, version: int) -> str | None:
    """Return the hash of the evidence on a version; None if it has not been recorded."""
    return client.get_model_version(use_case.name, str(version)).tags.get(EVIDENCE)


def record_evidence(
    client: MlflowClient, use_case: UseCase, version: int, run_id: str, document: dict[str, Any]
) -> None:
    """Keep the evidence on a version among the artifacts of its run, and its hash as a tag.

    The tag is written last: where it is found, everything else is complete.
    """
    digest = sha256(document)
    client.log_dict(run_id, document, evidence_file(digest))
    client.set_model_version_tag(use_case.name, str(version), EVIDENCE, digest)


def evidence_file(digest: str) -> str:
    """Return where the evidence with this hash is stored among a run's artifacts."""
    return f"evidence/{digest}.json"
