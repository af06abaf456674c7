"""Registered versions of a use case's model: their tags, their evidence, and which is champion."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Self

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from updraft.core.errors import UpdraftError
from updraft.core.evidence import sha256
from updraft.core.interval import Interval
from updraft.core.kinds import Task
from updraft.core.ledger import Entry, manifest_of_version
from updraft.core.manifest import MODEL, Manifest
from updraft.core.registry import EVIDENCE, VERDICT_HEADING
from updraft.core.use_case import UseCase
from updraft.models.tracking import load_json
from updraft.models.verified import file_hashes, verified_folder

ALGORITHM = "updraft.algorithm"
THRESHOLD = "updraft.threshold"
RELEVANCE = "updraft.relevance"
FEATURES_VERSION = "updraft.features_version"
FEATURES_TABLE = "updraft.features_table"
CLASSES = "classes"
TRAINED_FROM = "updraft.trained_from"
TRAINED_UNTIL = "updraft.trained_until"
SEARCH_PROGRESS = "updraft.search_cut"  # Only where the time limit ended the search.
DAG_RUN = "updraft.dag_"  # The prefix of the tags that name the DAG run.


@dataclass(frozen=True)
class VersionTags:
    """What training notes about a version as tags. Nothing else writes or reads these tags.

    ``threshold``: binary models only. ``relevance``: recommenders only, the lowest label of a
    relevant item. ``trained_from`` and ``trained_until``: the first and last day of the training
    rows. ``features_table``: Delta's id of the table whose version ``features_version`` is.
    ``dag_run``: the tags that name the DAG run, empty for a job that was run by hand.
    ``search_progress``: how far the search got, if its time limit ended it.
    """

    algorithm: str
    threshold: float | None
    relevance: float | None
    features_version: int
    features_table: str
    trained_from: date
    trained_until: date
    dag_run: dict[str, str]
    search_progress: str | None

    def as_tags(self) -> dict[str, str]:
        tags = {
            ALGORITHM: self.algorithm,
            FEATURES_VERSION: str(self.features_version),
            FEATURES_TABLE: self.features_table,
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

    def facts(self, task: Task) -> dict[str, str]:
        """What of the tags decides how answers are used, with the classes, for a manifest."""
        tags = self.as_tags()
        names = (ALGORITHM, THRESHOLD, RELEVANCE, FEATURES_VERSION, FEATURES_TABLE)
        facts = {name: tags[name] for name in (*names, TRAINED_FROM, TRAINED_UNTIL) if name in tags}
        return {**facts, CLASSES: json.dumps(task.classes)}

    @classmethod
    def read(cls, tags: Mapping[str, str]) -> Self:
        """Read the tags of a version that the training DAG has registered.

        Raises:
            KeyError: a tag that every such version has is missing.
            ValueError: a tag is no number or no date.
        """
        return cls(
            algorithm=tags[ALGORITHM],
            threshold=_optional_number(tags, THRESHOLD),
            relevance=_optional_number(tags, RELEVANCE),
            features_version=int(tags[FEATURES_VERSION]),
            features_table=tags[FEATURES_TABLE],
            trained_from=date.fromisoformat(tags[TRAINED_FROM]),
            trained_until=date.fromisoformat(tags[TRAINED_UNTIL]),
            dag_run={name: value for name, value in tags.items() if name.startswith(DAG_RUN)},
            search_progress=tags.get(SEARCH_PROGRESS),
        )

    @classmethod
    def of(cls, entity: ModelVersion) -> Self:
        """Read the tags of MLflow's entity.

        Raises:
            UpdraftError: the training DAG has not registered it, or a tag was changed.
        """
        try:
            return cls.read(entity.tags)
        except ValueError as error:
            raise UpdraftError(
                f"model {entity.name} version {entity.version}: a tag cannot be read: {error}. "
                "Training has not written it so, and nothing of the version was used. Find out "
                "who has changed it in MLflow, and train again."
            ) from None
        except KeyError as missing:
            raise UpdraftError(
                f"model {entity.name} version {entity.version}: tag {missing} not found. "
                "It was not registered by the training DAG, so it is not known what it was "
                "trained on. Register models through that DAG."
            ) from None

    @staticmethod
    def read_algorithm(tags: Mapping[str, str]) -> str | None:
        """Read the algorithm alone; None for a version that training has not registered."""
        return tags.get(ALGORITHM)


def _optional_number(tags: Mapping[str, str], name: str) -> float | None:
    return float(tags[name]) if name in tags else None


@dataclass(frozen=True)
class RegisteredVersion:
    """A registered version with what training has noted about it.

    ``card``: the description without the verdict that the gate adds. ``folder``: a verified local
    copy of its files. ``approved``: what the ledger says that it is.
    """

    version: int
    run_id: str
    tags: VersionTags
    card: str
    folder: Path
    approved: Manifest

    @property
    def description(self) -> str:
        """The card's first paragraph."""
        return self.card.partition("\n\n")[0]

    @property
    def days(self) -> Interval:
        """The days of the training rows; for a snapshot, its only day."""
        return Interval(self.tags.trained_from, self.tags.trained_until)

    def document(self, name: str) -> dict[str, Any]:
        """Load a JSON document of its training.

        Raises:
            UpdraftError: it is not the document that the training has made.
        """
        document: dict[str, Any] | None = None
        with suppress(MlflowException, OSError, ValueError):
            document = load_json(self.run_id, name)
        if document is None or self.approved.documents.get(name) != sha256(document):
            raise UpdraftError(
                f"{name} of version {self.version}: MLflow does not have the document that the "
                "ledger knows by its hash. Nothing of it was used. Find out who has changed it in "
                "MLflow, and train again."
            )
        return document

    @classmethod
    def of(cls, entity: ModelVersion, folder: Path, approved: Manifest) -> Self:
        """Read MLflow's entity. ``folder``: a verified local copy of its files."""
        return cls(
            version=int(entity.version),
            run_id=str(entity.run_id),
            tags=VersionTags.of(entity),
            card=(entity.description or "").partition(VERDICT_HEADING)[0].rstrip(),
            folder=folder,
            approved=approved,
        )


def registered(
    client: MlflowClient, use_case: UseCase, version: int, entries: Sequence[Entry]
) -> RegisteredVersion:
    """Return a version by its number, verified. ``entries``: those of the ledger.

    Raises:
        MlflowException: MLflow does not have it.
        UpdraftError: the training DAG has not registered it, or it has been changed since.
    """
    entity = client.get_model_version(use_case.name, str(version))
    tags = VersionTags.of(entity)
    approved = manifest_of_version(entries, version)
    if approved is None:
        raise UpdraftError(
            f"model {use_case.name} version {version}: the ledger does not say what its files were "
            "when it was registered, so they cannot be verified. Nothing of it was used. If it is "
            f"the champion, retire it by `updraft rollback {use_case.name} --to 0`; "
            "then train again."
        )
    uri = model_uri(use_case, version)
    folder = verified_folder(uri, tags.facts(use_case.task), approved)
    return RegisteredVersion.of(entity, folder, approved)


def manifest(
    use_case: UseCase, version: int, model: bytes, tags: VersionTags, documents: dict[str, Any]
) -> Manifest:
    """What a version is that has just been registered, for the ledger.

    ``model``: the exported model. ``documents``: others of its training that decide anything
    later, by name. Both and ``tags`` are what training has made, not what MLflow now has.

    Raises:
        UpdraftError: MLflow has another model, or more than training writes.
    """
    uri = model_uri(use_case, version)
    files = file_hashes(uri)
    if files.get(MODEL) != hashlib.sha256(model).hexdigest():
        raise UpdraftError(
            f"{uri}: its {MODEL} is not the model that this training has just made. It was not "
            "entered in the ledger, so it cannot be used. Find out who has changed it in MLflow, "
            "then clear this task."
        )
    return Manifest(
        files=files,
        facts=tags.facts(use_case.task),
        documents={name: sha256(document) for name, document in documents.items()},
    )


def model_uri(use_case: UseCase, version: int) -> str:
    """Return MLflow's URI of a registered version."""
    return f"models:/{use_case.name}/{version}"


def decided_evidence(
    client: MlflowClient, use_case: UseCase, version: int, entries: Sequence[Entry]
) -> dict[str, Any] | None:
    """Load the evidence by which the ledger last decided on a version.

    None if there is none, or if what MLflow has under that hash has another one.
    """
    decisions = [entry for entry in entries if entry.version == version and entry.evidence]
    if not decisions:
        return None
    digest = str(decisions[-1].evidence)
    entity = client.get_model_version(use_case.name, str(version))
    try:
        document: dict[str, Any] = load_json(str(entity.run_id), evidence_file(digest))
    except (MlflowException, OSError):
        return None
    return document if sha256(document) == digest else None


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
