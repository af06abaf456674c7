"""Old event logs, reports and logs are removed; tables, the ledger and the newest runs stay."""

import os
import time
from pathlib import Path

from updraft.cli.retention import SECONDS_A_DAY, remove_old


def write(path: Path, days: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("content")
    moment = time.time() - days * SECONDS_A_DAY
    os.utime(path, (moment, moment))
    os.utime(path.parent, (moment, moment))
    return path


def test_what_is_older_than_the_limit_is_removed(tmp_path: Path) -> None:
    """(08.24) By the newest file of a run; a DAG without newer runs keeps its newest reports."""
    kept = [
        write(tmp_path / "spark-events" / "app-new", 10),
        write(tmp_path / "reports" / "a_data" / "new" / "ingest.json", 10),
        write(tmp_path / "reports" / "b_data" / "old" / "ingest.json", 100),
        write(tmp_path / "servers" / "airflow" / "logs" / "dag_id=a" / "run_id=new" / "1.log", 10),
        write(tmp_path / "tables" / "a" / "ledger" / "part.parquet", 500),
        write(tmp_path / "landing" / "a" / "day.csv", 500),
    ]
    removed = [
        write(tmp_path / "spark-events" / "app-old", 100),
        write(tmp_path / "reports" / "a_data" / "old" / "ingest.json", 100),
        write(tmp_path / "reports" / "b_data" / "older" / "ingest.json", 200),
        write(tmp_path / "servers" / "airflow" / "logs" / "dag_id=a" / "run_id=old" / "1.log", 100),
    ]
    removed += [
        write(
            tmp_path / "servers" / "airflow" / "logs" / "dag_id=gone" / "run_id=x" / "1.log", 100
        ),
        write(tmp_path / "servers" / "logs" / "mlflow.log", 100),
        write(tmp_path / "scratch" / "0123" / "part.parquet", 100),
    ]
    assert remove_old(tmp_path, 90) == len(removed)
    assert [path.exists() for path in kept] == [True] * len(kept)
    assert [path.exists() for path in removed] == [False] * len(removed)
    assert remove_old(tmp_path, 90) == 0


def test_an_empty_root_has_nothing_to_remove(tmp_path: Path) -> None:
    assert remove_old(tmp_path, 90) == 0
