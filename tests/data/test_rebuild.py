"""`updraft rebuild` and `updraft status`: tables after a change, and what is missing."""

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_jobs import ingest, rebuild
from tests.cli.test_run import updraft
from tests.data.test_conservation import arguments, lines
from tests.data.test_sources import landing, make, run
from updraft.cli.status import status_of
from updraft.core.arguments import RebuildArguments
from updraft.core.errors import UpdraftError
from updraft.core.schema import CLEAN, FEATURES
from updraft.core.use_case import UseCase
from updraft.data.tables import Table

__all__ = ["landing", "make"]
Make = Callable[..., UseCase]


def test_features_are_rebuilt_in_one_commit_and_keep_their_history(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.9) The table keeps its id, so older versions are still those of the old table."""
    use_case = make()
    (landing / "a.csv").write_text(
        lines(*[f"2024-01-0{day} 10:00:00,r{day},1,{day}," for day in (1, 2, 3)])
    )
    run(use_case, "2024-01-01", "2024-01-03")
    table = Table(use_case, FEATURES)
    before = (table.id, table.version)
    (use_case.folder / "features.sql").write_text(
        "SELECT row_id, event_time, `no. of items` AS items FROM clean"
    )
    with pytest.raises(UpdraftError, match="run `updraft rebuild sales features`"):
        run(use_case, "2024-01-01")
    report = rebuild.job(
        RebuildArguments(use_case=use_case, table="features", report="by hand/rebuild.json")
    )
    assert report.rows == 3
    assert (table.id, table.version) == (before[0], before[1] + 1)
    assert set(table.read(spark).columns) >= {"items"}
    old = table.read(spark, version=before[1], table_id=before[0])
    assert {"who", "no. of items"} <= set(old.columns)
    run(use_case, "2024-01-01")
    assert status_of(use_case).is_complete
    with pytest.raises(UpdraftError, match="which has been deleted"):
        table.read(spark, version=0, table_id="another")


def test_a_refused_partition_does_not_keep_features_from_being_rebuilt(
    make: Make, landing: Path
) -> None:
    """(08.9) It keeps the rows of its last audit, and is still listed."""
    use_case = make({"max_quarantine": 0.4})
    arguments = RebuildArguments(use_case=use_case, table="features", report="by hand/rebuild.json")
    with pytest.raises(UpdraftError, match="found no rows to build features from"):
        rebuild.job(arguments)

    def deliver(items: str) -> None:
        rows = [f"2024-01-0{day} 10:00:00,r{day},1,{day}," for day in (1, 3)]
        (landing / "a.csv").write_text(lines(*rows, f"2024-01-02 10:00:00,r2,1,{items},"))

    deliver("2")
    run(use_case, "2024-01-01", "2024-01-03")
    deliver("many")
    with pytest.raises(UpdraftError, match="too many rows fail in 2024-01-02"):
        run(use_case, "2024-01-02")
    (use_case.folder / "features.sql").write_text(
        "SELECT row_id, event_time, `no. of items` AS items FROM clean"
    )
    assert rebuild.job(arguments).rows == 3
    assert status_of(use_case).to_run == [date(2024, 1, 2)]


def test_clean_is_rebuilt_after_a_type_has_changed(
    spark: SparkSession, make: Make, landing: Path, root: Path
) -> None:
    """(08.9) By the command that the message names, with the audit of all raw rows."""
    use_case = make()
    (landing / "a.csv").write_text(
        lines("2024-01-01 10:00:00,ann,1,1,", "2024-01-02 10:00:00,bob,1,2,")
    )
    run(use_case, "2024-01-01", "2024-01-02")
    columns = {**use_case.data.columns, "no. of items": "double"}
    changed = make({"columns": columns})
    with pytest.raises(UpdraftError, match="run `updraft rebuild sales clean`"):
        run(changed, "2024-01-01")
    completed = updraft("rebuild", "sales", "clean")
    assert completed.returncode == 0, completed.stdout + completed.stderr
    assert "features has 2 rows" in completed.stdout
    types = dict(Table(changed, CLEAN).read(spark).dtypes)
    assert types["no. of items"] == "double"
    assert status_of(changed).is_complete
    refused = updraft("rebuild", "sales", "bronze")
    assert (refused.returncode, "expected one of clean, features" in refused.stdout) == (1, True)


def test_what_is_missing_is_listed_with_the_way_to_make_up_for_it(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.28) Days that were missed, came too late, or are unfinished; and the exit code."""
    use_case = make({"files": "sales {day}.csv"})

    def deliver(*days: int) -> None:
        for day in days:
            file = landing / f"sales 2024-01-{day:02d}.csv"
            file.write_text(lines(f"2024-01-{day:02d} 10:00:00,r{day},1,1,"))

    deliver(1, 2, 5)
    (landing / "sales 2024-02-30.csv").write_text(lines("2024-02-01 10:00:00,x,1,1,"))
    run(use_case, "2024-01-01", "2024-01-02")
    run(use_case, "2024-01-05")
    report = ingest.job(arguments(use_case, "2024-01-05"))
    assert report.unread_files == ["sales 2024-02-30.csv"]
    run(use_case, "2024-01-05")
    complete = updraft("status", "sales")
    assert "data.files does not match: sales 2024-02-30.csv" in complete.stdout
    assert (complete.returncode, "Nothing is missing" in complete.stdout) == (0, True)
    deliver(3, 6)
    ingest.job(arguments(use_case, "2024-01-02"))
    completed = updraft("status", "sales")
    assert completed.returncode == 1
    assert "raw rows, but not ingested: 2024-01-03, 2024-01-06" in completed.stdout
    assert "not those of the present raw rows: 2024-01-02" in completed.stdout
    assert "no raw rows between others: 2024-01-04" in completed.stdout
    for day in ("2024-01-02", "2024-01-03", "2024-01-06"):
        conf = json.dumps({"start": day, "end": day})
        assert f"airflow dags trigger sales_data --conf '{conf}'" in completed.stdout
    refused = updraft("status", "sales", "--run")
    assert (refused.returncode, "Airflow is not running" in refused.stdout) == (1, True)
    for day in ("2024-01-02", "2024-01-03", "2024-01-06"):
        run(use_case, day)
    assert status_of(use_case).is_complete
    deliver(5)
    assert status_of(use_case).to_run == [date(2024, 1, 5)]
    completed = updraft("status")
    assert completed.returncode == 1
    assert "raw file has changed since it was ingested: 2024-01-05" in completed.stdout
    run(use_case, "2024-01-05")
    assert status_of(use_case).is_complete
    # A correction that was copied with the time of its original, as rsync does.
    correction = landing / "sales 2024-01-05.csv"
    correction.write_text(lines("2024-01-05 10:00:00,r5,2,2,", "2024-01-05 11:00:00,r6,2,2,"))
    os.utime(correction, (1_700_000_000, 1_700_000_000))
    broken = use_case.folder.parent / "broken"
    broken.mkdir()
    (broken / "use_case.yaml").write_text("title: broken\n")
    completed = updraft("status")
    assert completed.returncode == 1
    assert f"broken: {broken}/use_case.yaml" in completed.stdout
    assert "raw file has changed since it was ingested: 2024-01-05" in completed.stdout


def test_a_changed_file_that_says_no_day_is_listed(make: Make, landing: Path) -> None:
    """(08.28)"""
    use_case = make()
    (landing / "a.csv").write_text(lines("2024-01-01 10:00:00,ann,1,1,"))
    assert status_of(use_case).changed_files == ["a.csv"]
    run(use_case, "2024-01-01")
    assert status_of(use_case).is_complete
    (landing / "b.csv").write_text(lines("2024-01-01 11:00:00,bob,1,1,"))
    status = status_of(use_case)
    assert (status.changed_files, status.to_run) == (["b.csv"], [])


def test_late_rows_of_files_that_say_no_day_are_listed_with_their_days(
    make: Make, landing: Path
) -> None:
    """(08.28) The run of a later day has read them, so the files are no longer newer than it."""
    use_case = make()

    def deliver(name: str, *days: int) -> None:
        content = lines(*[f"2024-01-{day:02d} 10:00:00,{name}{day},1,1," for day in days])
        (landing / f"{name}.csv").write_text(content)

    deliver("a", 1, 2, 3)
    run(use_case, "2024-01-01", "2024-01-03")
    assert status_of(use_case).is_complete
    deliver("b", 1, 2, 5, 7)  # Two late rows, and two days whose runs were missed.
    deliver("c", 8)
    run(use_case, "2024-01-08")
    assert status_of(use_case).to_run == [date(2024, 1, day) for day in (1, 2, 5, 7)]
    run(use_case, "2024-01-01", "2024-01-02")
    assert status_of(use_case).to_run == [date(2024, 1, day) for day in (5, 7)]
    run(use_case, "2024-01-05", "2024-01-07")
    status = status_of(use_case)
    assert (status.is_complete, status.gaps) == (True, [date(2024, 1, 4), date(2024, 1, 6)])


@pytest.mark.parametrize("name", ["{day}.csv", "*.csv"])
def test_missed_hours_are_listed_once_their_day_is_over(
    make: Make, landing: Path, name: str
) -> None:
    """(08.28) By the day, whether or not the names of files say it."""
    hourly = {"start": date(2024, 1, 1), "partition": "hour"}
    use_case = make({"files": [name]}, schedule=hourly)
    for day in (1, 2):
        rows = [f"2024-01-{day:02d} {hour:02d}:30:00,h{hour},1,1," for hour in (4, 5, 6)]
        (landing / f"2024-01-{day:02d}.csv").write_text(lines(*rows))
    run(use_case, "2024-01-01T04")
    run(use_case, "2024-01-01T06")  # Hour 5 was missed.
    run(use_case, "2024-01-02", "2024-01-02")
    assert status_of(use_case).to_run == [date(2024, 1, 1)]
    run(use_case, "2024-01-01", "2024-01-01")
    assert status_of(use_case).is_complete
