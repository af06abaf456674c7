"""What a column costs: ingesting and checking files of a thousand columns and more.

The jobs are those of a data DAG, submitted as its tasks are, on 5,000 rows of doubles. Target:
60 s for a file of 1,000 columns, and no faster growth than that of the cells up to 3,000.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

import harness
import numpy as np
import yaml
from harness import Cost, Measurement

from updraft.core.settings import REPO
from updraft.core.spark_conf import spark_conf

ROWS = 5_000
NUMBERS = tuple(int(word) for word in sys.argv[1:]) or (1_000, 3_000)
SECONDS = 60
JOBS = ("ingest", "validate")


def write_use_case(root: Path, columns: int) -> None:
    """A use case with that many columns, its suite, and its only raw file."""
    names = [f"c{number}" for number in range(columns)]
    content = {
        "title": "Wide",
        "description": "Many columns",
        "owner": "bench",
        "kind": "clustering",
        "schedule": {"start": "2024-01-01"},
        "spark": {"app_name": "wide"},
        "data": {
            "input": "landing/wide",
            "files": "{day}.csv",
            "columns": {"when": "timestamp", **dict.fromkeys(names, "double")},
            "event_time": "when",
            "key": ["c0"],
        },
        "model": {"window": 3, "holdout": 1, "algorithms": {"k_means": {}}},
        "gate": {"floors": {"silhouette": 0.1}, "min_gain": 0, "unit": "row"},
    }
    folder = root / "use_cases" / "wide"
    folder.mkdir(parents=True)
    text = yaml.safe_dump(content, sort_keys=False).replace("'2024-01-01'", "2024-01-01")
    (folder / "use_case.yaml").write_text(text)
    (folder / "features.sql").write_text("SELECT row_id, event_time, c0, c1 FROM clean")
    suites = root / "expectations" / "wide"
    suites.mkdir(parents=True)
    expectation = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "c1", "min_value": -100, "max_value": 100},
    }
    (suites / "wide.json").write_text(json.dumps({"name": "wide", "expectations": [expectation]}))
    landing = root / "landing" / "wide"
    landing.mkdir(parents=True)
    values = np.random.default_rng(25).normal(size=(ROWS, columns))
    with (landing / "2024-01-01.csv").open("w") as file:
        file.write(",".join(["when", *names]) + "\n")
        for row in values:
            file.write("2024-01-01," + ",".join(map(repr, row.tolist())) + "\n")


def run_job(root: Path, job: str) -> Cost:
    """The cost of one job, submitted as a task submits it."""
    command = [str(REPO / "spark_jobs" / "spark-submit"), "--master", f"local[{os.cpu_count()}]"]
    for name, value in spark_conf(wide_rows=True).items():
        command += ["--conf", f"{name}={value}"]
    command += [str(REPO / "spark_jobs" / f"{job}.py"), "--use-case", "wide"]
    command += ["--start", "2024-01-01", "--report", f"by hand/{job}.json"]
    variables = {
        "UPDRAFT_ROOT": str(root),
        "UPDRAFT_USE_CASES": str(root / "use_cases"),
        "UPDRAFT_EXPECTATIONS": str(root / "expectations"),
    }
    return harness.cost_of(command, variables)


def main() -> None:
    """Measure each number of columns once: the jobs take tens of seconds."""
    measurements = {}
    totals = {}
    for columns in NUMBERS:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write_use_case(root, columns)
            costs = {job: run_job(root, job) for job in JOBS}
        totals[columns] = sum(cost.wall for cost in costs.values())
        for job, cost in costs.items():
            title = f"{job} of {ROWS:,} rows x {columns:,} columns"
            measurements[title] = Measurement(cost.wall, "s")
        target = SECONDS if columns == NUMBERS[0] else None
        title = f"both, {columns:,} columns"
        measurements[title] = Measurement(totals[columns], "s", target)
    first, last = NUMBERS[0], NUMBERS[-1]
    if last > first:
        growth = totals[last] / totals[first]
        title = f"growth of the time, {first:,} to {last:,} columns"
        measurements[title] = Measurement(growth, "x", last / first)
    harness.report("columns", measurements)


if __name__ == "__main__":
    main()
