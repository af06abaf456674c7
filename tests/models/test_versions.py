"""The tags of a registered version: what is written is read again, and what is missing is named."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from mlflow.entities.model_registry import ModelVersion, ModelVersionTag

from updraft.core.errors import UpdraftError
from updraft.core.manifest import Manifest
from updraft.models.versions import RegisteredVersion, VersionTags

TAGS = VersionTags(
    algorithm="lightgbm",
    threshold=0.1 + 0.2,
    relevance=3.5,
    features_version=7,
    features_table="b0a1",
    trained_from=date(2013, 1, 1),
    trained_until=date(2013, 2, 28),
    dag_run={
        "updraft.dag_id": "flights_training",
        "updraft.dag_run_id": "manual__1",
        "updraft.dag_run_url": "http://127.0.0.1/dags/flights_training/runs/manual__1",
    },
    search_progress="2 of 8 trials",
)
SPARSE = replace(TAGS, threshold=None, relevance=None, dag_run={}, search_progress=None)


def version_of(tags: dict[str, str], description: str) -> ModelVersion:
    return ModelVersion(
        name="flights",
        version="3",
        creation_timestamp=0,
        run_id="run",
        tags=[ModelVersionTag(name, value) for name, value in tags.items()],  # type: ignore[no-untyped-call]
        description=description,
    )


def test_the_tags_have_the_names_that_versions_have_always_had() -> None:
    assert TAGS.as_tags() == {
        "updraft.algorithm": "lightgbm",
        "updraft.threshold": "0.30000000000000004",
        "updraft.relevance": "3.5",
        "updraft.features_version": "7",
        "updraft.features_table": "b0a1",
        "updraft.trained_from": "2013-01-01",
        "updraft.trained_until": "2013-02-28",
        "updraft.search_cut": "2 of 8 trials",
        **TAGS.dag_run,
    }
    assert set(SPARSE.as_tags()) == {
        "updraft.algorithm",
        "updraft.features_version",
        "updraft.features_table",
        "updraft.trained_from",
        "updraft.trained_until",
    }


@pytest.mark.parametrize("tags", [TAGS, SPARSE])
def test_tags_are_read_as_they_were_written(tags: VersionTags) -> None:
    verdict = {"updraft.verdict": "promoted", "updraft.evidence": "0123"}
    assert VersionTags.read({**tags.as_tags(), **verdict}) == tags


def test_a_version_has_its_tags_and_its_description_without_the_verdict() -> None:
    card = "Probability of rain.\n\n- Trained on days"
    version = RegisteredVersion.of(
        version_of(TAGS.as_tags(), f"{card}\n\n## Verdict: refused"),
        Path(),
        Manifest(files={}, facts={}),
    )
    assert (version.version, version.run_id, version.tags.algorithm) == (3, "run", "lightgbm")
    assert (version.tags.threshold, version.tags.relevance) == (0.1 + 0.2, 3.5)
    assert (version.tags.features_version, str(version.days)) == (7, "2013-01-01..2013-02-28")
    assert (version.card, version.description) == (card, "Probability of rain.")


def test_a_version_that_training_has_not_registered_is_refused() -> None:
    tags = TAGS.as_tags()
    del tags["updraft.trained_from"]
    with pytest.raises(UpdraftError, match=r"flights version 3: tag 'updraft.trained_from' not"):
        VersionTags.of(version_of(tags, ""))
    assert VersionTags.read_algorithm(tags) == "lightgbm"
    for name, value in (("threshold", "abc"), ("threshold", ""), ("trained_until", "yesterday")):
        changed = {**TAGS.as_tags(), f"updraft.{name}": value}
        with pytest.raises(UpdraftError, match="flights version 3: a tag cannot be read"):
            VersionTags.of(version_of(changed, ""))
    assert VersionTags.read_algorithm({}) is None
