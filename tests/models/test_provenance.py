"""The code, the locks and the DAG run that a model comes from."""

from pathlib import Path

import pytest

from tests.conftest import run
from updraft.core.ledger import Origin
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
    root: Path, monkeypatch: pytest.MonkeyPatch, commit: str, dirty: str, code: str
) -> None:
    tags = {
        "mlflow.source.git.commit": commit,
        "updraft.dirty": dirty,
        "updraft.code_sha256": "sum of the code",
    }
    monkeypatch.setattr(provenance, "code_tags", lambda: tags)
    assert provenance.origin("reports/a/b/c.json") == Origin("a b", code)
    assert provenance.origin("somewhere.json") == Origin("somewhere.json", code)
