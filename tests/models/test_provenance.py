"""The code, the locks and the DAG run that a model comes from."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import environment, run
from updraft.core.ledger import Origin
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.models import provenance


def test_a_checkout_is_clean_or_dirty_and_a_copy_of_it_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "REPO", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    code = tmp_path / "updraft" / "a.py"
    code.parent.mkdir()
    code.write_text("a = 1")
    outside = provenance.code_tags()
    assert (outside["mlflow.source.git.commit"], outside["updraft.dirty"]) == ("unknown", "unknown")
    assert outside["updraft.requirements_sha256"] == "unknown"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "a"]):
        result = run(*git, *command)
        assert result.returncode == 0, result.stderr
    clean = provenance.code_tags()
    commit = clean["mlflow.source.git.commit"]
    assert (len(commit), clean["updraft.dirty"]) == (40, "false")
    assert clean["updraft.code_sha256"] == outside["updraft.code_sha256"]
    code.write_text("a = 2")
    dirty = provenance.code_tags()
    assert (dirty["mlflow.source.git.commit"], dirty["updraft.dirty"]) == (commit, "true")
    assert dirty["updraft.code_sha256"] != clean["updraft.code_sha256"]
    monkeypatch.setenv("PATH", "")
    assert provenance.code_tags()["mlflow.source.git.commit"] == "unknown"


def test_a_job_run_by_hand_has_no_dag_run_and_without_airflow_there_is_no_link(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIRFLOW__API__BASE_URL", raising=False)
    assert provenance.dag_run_tags("somewhere.json") == {}
    assert provenance.dag_run_tags("reports/a/b/c.json") == {
        "updraft.dag_id": "a",
        "updraft.dag_run_id": "b",
    }


@pytest.mark.parametrize(
    ("commit", "dirty", "code"),
    [
        ("0123abc", "false", "0123abc"),
        ("0123abc", "true", "0123abc+"),
        ("unknown", "unknown", "sum of the code"),
    ],
)
def test_a_decision_names_its_dag_run_and_its_code(
    root: Path,
    flights: UseCase,
    monkeypatch: pytest.MonkeyPatch,
    commit: str,
    dirty: str,
    code: str,
) -> None:
    tags = {
        "mlflow.source.git.commit": commit,
        "updraft.dirty": dirty,
        "updraft.code_sha256": "sum of the code",
    }
    monkeypatch.setattr(provenance, "code_tags", lambda: tags)
    by_a_run = provenance.origin("reports/a/b/c.json", flights)
    assert by_a_run[:2] == Origin("a b", code)[:2]
    by_hand = provenance.origin("somewhere.json", flights)
    assert by_hand[:2] == Origin("somewhere.json", code)[:2]
    assert by_a_run[2:] == by_hand[2:]


def test_a_decision_names_the_policy_the_use_case_and_the_suites(
    tmp_path: Path, flights: UseCase
) -> None:
    """Each change of one of them, and of nothing else, is seen in its own hash."""
    folder = tmp_path / "use_cases" / "flights"
    suites = tmp_path / "expectations" / "flights"
    shutil.copytree(flights.folder, folder)
    shutil.copytree(settings().expectations / "flights", suites)
    copy = flights.model_copy(update={"folder": folder})
    stricter = flights.gate.model_copy(update={"confidence": 0.99})
    with environment({"UPDRAFT_EXPECTATIONS": str(suites.parent)}):
        before = provenance.origin("somewhere.json", copy)
        (suites / "README.md").write_text("not a suite")
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "sample.pyc").write_text("compiled")
        assert provenance.origin("somewhere.json", copy) == before
        changed = provenance.origin("x", copy.model_copy(update={"gate": stricter}))
        assert differing(before, changed) == ["by", "policy"]
        (folder / "features.sql").write_text("SELECT 1")
        changed = provenance.origin("somewhere.json", copy)
        assert differing(before, changed) == ["use_case"]
        (suites / "more.json").write_text("{}")
        assert differing(changed, provenance.origin("somewhere.json", copy)) == ["suites"]


def differing(one: Origin, other: Origin) -> list[str]:
    pairs = zip(one, other, strict=True)
    return [name for name, (a, b) in zip(Origin._fields, pairs, strict=True) if a != b]


def test_the_hash_of_a_folder_tells_names_from_contents(tmp_path: Path) -> None:
    hashes = set()
    for number, files in enumerate([{"a": "bc"}, {"ab": "c"}, {"a": "b", "c": ""}, {}]):
        folder = tmp_path / str(number)
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_text(content)
        hashes.add(provenance.folder_sha256(folder, "*"))
    assert len(hashes) == 4
