"""Where a model comes from: the code, the locks and the DAG run, as tags in MLflow."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import quote

from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT

from updraft.core.evidence import sha256 as document_sha256
from updraft.core.ledger import Origin
from updraft.core.report_files import OF_DAG_RUN
from updraft.core.settings import REPO, settings
from updraft.core.use_case import UseCase

UNKNOWN = "unknown"
CODE = (".py", ".html")  # What a job runs, and the templates of its pages.


def code_tags() -> dict[str, str]:
    """Return the commit, whether the tree differs from it, and SHA-256 sums of code and locks.

    Outside a git checkout, as in a container, the first two are ``unknown``; there, the sum of the
    code tells versions apart.
    """
    commit = _git("rev-parse", "HEAD")
    changes = _git("status", "--porcelain", "--", ".")
    folders = [REPO / "updraft", REPO / "spark_jobs"]
    code = [path for folder in folders for path in folder.rglob("*") if path.suffix in CODE]
    return {
        MLFLOW_GIT_COMMIT: commit or UNKNOWN,
        "updraft.dirty": UNKNOWN if changes is None else str(bool(changes)).lower(),
        "updraft.code_sha256": _sha256(code),
        "updraft.requirements_sha256": _sha256([REPO / "requirements.txt"]),
        "updraft.jars_sha256": _sha256([REPO / "jars.lock"]),
    }


def origin(report: str, use_case: UseCase) -> Origin:
    """Return which DAG run and which code decide something, and by which rules.

    ``report``: the location of the job's report, which names the DAG run. The code is its commit,
    with a plus if the tree differs from it, or the sum of the code where there is no git. The
    rules are the policy that is in force, defaults included, and the files of the use case.
    """
    run = dag_run_tags(report)
    by = f"{run['updraft.dag_id']} {run['updraft.dag_run_id']}" if run else report
    code = code_tags()
    commit = code[MLFLOW_GIT_COMMIT]
    if commit == UNKNOWN:
        commit = code["updraft.code_sha256"]
    elif code["updraft.dirty"] == "true":
        commit += "+"
    return Origin(
        by,
        commit,
        policy=document_sha256(use_case.gate.model_dump(mode="json")),
        use_case=folder_sha256(use_case.folder, "*"),
        suites=folder_sha256(settings().expectations / use_case.name, "*.json"),
    )


def folder_sha256(folder: Path, pattern: str) -> str:
    """Return the sum of the names and contents of the files below a folder.

    ``pattern``: of the files' names. What Python compiles is left out.
    """
    digest = hashlib.sha256()
    for file in sorted(folder.rglob(pattern)):
        if not file.is_file() or "__pycache__" in file.parts:
            continue
        for part in (str(file.relative_to(folder)).encode(), file.read_bytes()):
            digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def dag_run_tags(report: str) -> dict[str, str]:
    """Return the DAG run that a report belongs to, and its page in Airflow's UI.

    Empty for a job that was run by hand.
    """
    match = OF_DAG_RUN.fullmatch(report)
    if not match:
        return {}
    dag_id = match["dag"]
    run_id = match["run"]
    tags = {"updraft.dag_id": dag_id, "updraft.dag_run_id": run_id}
    server = settings().airflow_ui
    if server:
        page = f"dags/{dag_id}/runs/{quote(run_id, safe=':+')}"
        tags["updraft.dag_run_url"] = f"{server.rstrip('/')}/{page}"
    return tags


def _git(*arguments: str) -> str | None:
    """Return the output of git on this checkout; None without git or outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(REPO), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() if result.returncode == 0 else None


def _sha256(files: Iterable[Path]) -> str:
    """Return the sum of the contents of files, in the order of their paths.

    For a single file it is the output of ``sha256sum``.
    """
    digest = hashlib.sha256()
    for file in sorted(files):
        if not file.exists():
            return UNKNOWN
        digest.update(file.read_bytes())
    return digest.hexdigest()
