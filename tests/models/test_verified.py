"""A model is what training has registered: whoever may edit MLflow changes nothing that is used."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import mlflow
import onnx
import pandas as pd
import pytest
import yaml
from mlflow.models import infer_signature
from mlflow.tracking import MlflowClient

from tests.models.tiny_onnx import ROWS, SCORES, tiny_model
from updraft.core.errors import UpdraftError
from updraft.core.ledger import Entry
from updraft.core.manifest import MODEL, Manifest
from updraft.core.use_case import UseCase
from updraft.models import verified
from updraft.models.onnx_runtime import session
from updraft.models.tracking import connect
from updraft.models.versions import (
    RegisteredVersion,
    VersionTags,
    manifest,
    model_uri,
    registered,
)

TAGS = VersionTags(
    algorithm="lightgbm",
    threshold=0.3,
    relevance=None,
    features_version=7,
    features_table="b0a1",
    trained_from=date(2013, 1, 1),
    trained_until=date(2013, 2, 28),
    dag_run={},
    search_progress=None,
)
DOCUMENT = {"x": [0.1, 0.2]}


@dataclass
class Version:
    """A registered version, and what the ledger says of it."""

    client: MlflowClient
    use_case: UseCase
    number: int
    model_id: str
    entries: list[Entry]

    def upload(self, name: str, content: bytes, folder: Path) -> None:
        """What anybody can do who may edit the experiment."""
        file = folder / name
        file.write_bytes(content)
        self.client.log_model_artifact(self.model_id, str(file))

    def load(self) -> RegisteredVersion:
        verified._downloaded.cache_clear()
        return registered(self.client, self.use_case, self.number, self.entries)


def entry_of(number: int, approved: Manifest | None) -> Entry:
    return Entry(
        number=0,
        key="key",
        time=datetime.now(UTC),
        event="trained",
        version=number,
        from_version=None,
        to_version=None,
        by="test",
        reasons=[],
        evidence=None,
        run_id="run",
        features_version=7,
        code="code",
        model=approved.model_dump_json() if approved else None,
    )


@pytest.fixture
def version(training: Path, small: UseCase) -> Version:
    use_case = small.model_copy(update={"name": "tiny"})
    client = connect(use_case)
    with mlflow.start_run() as run:
        mlflow.log_dict(DOCUMENT, "reference.json")
        info = mlflow.onnx.log_model(
            tiny_model(),
            name="model",
            signature=infer_signature(ROWS, pd.DataFrame(SCORES, columns=["probability"])),
            pip_requirements=["onnx"],
            save_as_external_data=False,
        )
    if not client.search_registered_models("name = 'tiny'"):
        client.create_registered_model("tiny")
    entity = client.create_model_version(
        "tiny",
        source=info.model_uri,
        model_id=info.model_id,
        run_id=run.info.run_id,
        tags=TAGS.as_tags(),
    )
    number = int(entity.version)
    verified._downloaded.cache_clear()
    model = tiny_model().SerializeToString()
    approved = manifest(use_case, number, model, TAGS, {"reference.json": DOCUMENT})
    return Version(client, use_case, number, str(info.model_id), [entry_of(number, approved)])


def mlmodel(version: Version, change: Callable[[dict[str, dict[str, object]]], None]) -> bytes:
    """The version's MLmodel file, with its flavors changed."""
    folder = mlflow.artifacts.download_artifacts(model_uri(version.use_case, version.number))
    document = yaml.safe_load((Path(folder) / "MLmodel").read_text())
    change(document["flavors"])
    return yaml.safe_dump(document).encode()


def test_what_training_has_registered_is_used(version: Version) -> None:
    """(08.21) From the local copy, which has no file of MLflow's beside those of training."""
    folder = version.load().folder
    assert {path.name for path in folder.iterdir()} <= verified.FILES
    score = session((folder / MODEL).read_bytes())
    assert score(ROWS).tolist() == SCORES.tolist()


def test_code_in_a_models_folder_does_not_run(version: Version, tmp_path: Path) -> None:
    """(08.21) A loader and its code are uploaded; MLflow alone would run them."""
    proof = tmp_path / "ran"
    code = f"open({str(proof)!r}, 'w')\ndef _load_pyfunc(path): raise RuntimeError('evil')\n"
    version.upload("evil_loader.py", code.encode(), tmp_path)

    def with_loader(flavors: dict[str, dict[str, object]]) -> None:
        flavors["python_function"] |= {"loader_module": "evil_loader", "code": "."}

    version.upload("MLmodel", mlmodel(version, with_loader), tmp_path)
    with pytest.raises(UpdraftError, match=r"found evil_loader\.py; found loader evil_loader"):
        version.load()
    assert not proof.exists()
    with pytest.raises(Exception, match="evil"):
        mlflow.pyfunc.load_model(model_uri(version.use_case, version.number))
    assert proof.exists(), "the attack works where nothing is verified"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"loader_module": "mlflow.sklearn"}, "found loader mlflow.sklearn"),
        ({"code": "code"}, "found code in flavor python_function"),
        ({"env": {"conda": "other.yaml"}}, "file MLmodel was changed"),
    ],
)
def test_another_mlmodel_is_refused(
    version: Version, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    """(08.21)"""
    content = mlmodel(version, lambda flavors: flavors["python_function"].update(change))
    version.upload("MLmodel", content, tmp_path)
    with pytest.raises(UpdraftError, match=message):
        version.load()


def test_another_flavor_is_refused(version: Version, tmp_path: Path) -> None:
    def with_pickle(flavors: dict[str, dict[str, object]]) -> None:
        flavors["sklearn"] = {"pickled_model": "model.pkl"}

    version.upload("MLmodel", mlmodel(version, with_pickle), tmp_path)
    with pytest.raises(UpdraftError, match="found flavor sklearn"):
        version.load()


def test_another_model_file_is_refused(version: Version, tmp_path: Path) -> None:
    """(08.21) Also a correct one: it is not the one that was judged."""
    model = tiny_model()
    model.graph.initializer[0].double_data[0] = 0.5
    version.upload("model.onnx", model.SerializeToString(), tmp_path)
    assert onnx.load(str(tmp_path / "model.onnx"))
    with pytest.raises(UpdraftError, match=r"file model\.onnx was changed.*Nothing of it was used"):
        version.load()


def test_an_additional_file_is_refused(version: Version, tmp_path: Path) -> None:
    version.upload("model.pkl", b"", tmp_path)
    with pytest.raises(UpdraftError, match=r"found model\.pkl"):
        version.load()


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("updraft.threshold", "0.9"),
        ("updraft.features_version", "3"),
        ("updraft.features_table", "other"),
        ("updraft.trained_until", "2012-01-01"),
        ("updraft.algorithm", "als"),
        ("updraft.relevance", "1.0"),
    ],
)
def test_another_tag_is_refused(version: Version, tag: str, value: str) -> None:
    """(08.21, 08.9) Each fact by which answers are used or judged."""
    version.client.set_model_version_tag("tiny", str(version.number), tag, value)
    with pytest.raises(UpdraftError, match=f"tag {tag}"):
        version.load()


def test_other_classes_are_refused(version: Version) -> None:
    """(08.21) They are the use case's, and answers are positions among them."""
    (entry,) = version.entries
    approved = Manifest.model_validate_json(entry.model or "")
    facts = {**approved.facts, "classes": json.dumps(["a", "b"])}
    changed = approved.model_copy(update={"facts": facts})
    version.entries = [entry_of(version.number, changed)]
    with pytest.raises(UpdraftError, match="tag classes"):
        version.load()


def test_a_version_that_the_ledger_does_not_know_is_refused_with_the_next_step(
    version: Version,
) -> None:
    """(08.21) As those that were registered before the ledger kept models."""
    for entries in ([], [entry_of(version.number, None)], [entry_of(version.number + 1, None)]):
        with pytest.raises(UpdraftError, match="updraft rollback tiny --to 0"):
            replace(version, entries=entries).load()


def test_a_document_of_a_training_is_that_of_the_ledger_or_refused(
    version: Version, tmp_path: Path
) -> None:
    """(08.21) Such as the reference that drift is measured against."""
    loaded = version.load()
    assert loaded.document("reference.json") == DOCUMENT
    with pytest.raises(UpdraftError, match="does not have the document that the ledger knows"):
        loaded.document("other.json")
    file = tmp_path / "reference.json"
    for content in (b'{"x": [0.1, 0.3]}', b"[]", b"not JSON", b"\xff\xfe"):
        file.write_bytes(content)
        version.client.log_artifact(loaded.run_id, str(file))
        with pytest.raises(UpdraftError, match="does not have the document that the ledger knows"):
            loaded.document("reference.json")


def test_a_model_that_changes_while_it_is_registered_is_not_entered(version: Version) -> None:
    """(08.21) The ledger vouches for the bytes that training has made, not for those of MLflow."""
    with pytest.raises(UpdraftError, match="is not the model that this training has just made"):
        manifest(version.use_case, version.number, b"another model", TAGS, {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"text",
        b"flavors:\n",
        b"flavors: []\n",
        b"flavors: {onnx: }\n",
        b"flavors: {python_function: text}\n",
        b"\xff\xfe\x00",
        b"a: [",
        b"a: !!python/name:os\n",
    ],
)
def test_a_broken_mlmodel_is_refused_by_name(
    version: Version, content: bytes, tmp_path: Path
) -> None:
    """(08.21) Whatever it was made of."""
    version.upload("MLmodel", content, tmp_path)
    with pytest.raises(UpdraftError, match=r"MLmodel|loader None"):
        version.load()


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    """(08.21) It is never followed."""
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.onnx").symlink_to(tmp_path / "secret")
    with pytest.raises(UpdraftError, match=r"found model\.onnx"):
        verified._hashes(folder, "models:/tiny/1")
