"""What is removed after a time: event logs, reports and logs. Tables and the ledger stay."""

import shutil
import time
from pathlib import Path

SECONDS_A_DAY = 86_400


def remove_old(root: Path, days: int) -> int:
    """Remove what is older than ``days`` below the root; returns the number of files and folders.

    The newest run of each DAG keeps its reports: later jobs and pages read them.
    """
    limit = time.time() - days * SECONDS_A_DAY
    old = [path for path in (root / "spark-events").glob("*") if _is_older(path, limit)]
    for folder in ("reports", "servers/airflow/logs", "servers/run/logs"):
        for dag in (root / folder).glob("*"):
            runs = sorted(dag.iterdir(), key=_changed) if dag.is_dir() else []
            old += [run for run in runs[:-1] if _is_older(run, limit)]
    for path in old:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return len(old)


def _changed(path: Path) -> float:
    """When anything in it was last changed."""
    return max((each.stat().st_mtime for each in [path, *path.rglob("*")]), default=0)


def _is_older(path: Path, limit: float) -> bool:
    return _changed(path) < limit
