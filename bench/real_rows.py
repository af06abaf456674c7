"""The features of a use case, made of its sample by its own jobs: real rows for benchmarks."""

import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

import harness
import pandas as pd

from updraft.core.arguments import ARGUMENTS
from updraft.core.settings import settings
from updraft.core.use_case import load_use_case


def features(name: str, first: str, last: str, **options: Any) -> pd.DataFrame:
    """The features of all days from ``first`` to ``last``; made once, then kept.

    ``options``: of the sample maker, see `updraft sample`.
    """
    file = Path(str(settings().path("bench", "rows", f"{name}_{first}_{last}.parquet")))
    if not file.exists():
        with harness.console.status(f"making the features of {name}, {first} to {last}"):
            command = [sys.executable, __file__, name, first, last, str(file), json.dumps(options)]
            harness.cost_of(command, {"UPDRAFT_ROOT": str(file.with_suffix(""))})
    return pd.read_parquet(file)


def main() -> None:
    """Write the raw files, run the data jobs on them, and keep the features as Parquet."""
    from spark_jobs import features as features_job
    from spark_jobs import ingest, validate
    from updraft.cli.sample import write_sample
    from updraft.core.schema import FEATURES
    from updraft.data.session import session
    from updraft.data.tables import Table

    name, first, last, file, options = sys.argv[1:]
    days = {"first": date.fromisoformat(first), "last": date.fromisoformat(last)}
    write_sample(name, None, **days, **json.loads(options))
    use_case = load_use_case(name)
    for job in (ingest, validate, features_job):
        task = job.__name__.rpartition(".")[2]
        report = f"by hand/{task}.json"
        job.job(ARGUMENTS[task](use_case=use_case, start=first, end=last, report=report))
    Table(use_case, FEATURES).read(session(use_case)).toPandas().to_parquet(file)


if __name__ == "__main__":
    main()
