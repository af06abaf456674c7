"""What is removed after a time: event logs, reports, logs, and what killed jobs have left.

Tables, the ledger and raw files stay.
"""

import shutil
import time
from pathlib import Path

SECONDS_A_DAY = 86_400
PATTERNS = (
    "spark-events/*",
    "scratch/*",
    "servers/logs/*",
    "servers/airflow/logs/*/*",
    "servers/run/logs/*/*",
)


def remove_old(root: Path, days: int) -> int:
    """Remove what is older than ``days`` below the root; returns the number of files and folders.

    The newest run of each DAG keeps its reports: later jobs and pages read them.
    """
    limit = time.time() - days * SECONDS_A_DAY
    candidates = [path for pattern in PATTERNS for path in root.glob(pattern)]
    for dag in (root / "reports").glob("*/"):
        candidates += sorted(dag.iterdir(), key=_changed)[:-1]
    old = [path for path in candidates if _is_older(path, limit)]
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
