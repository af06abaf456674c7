"""Every raw row is accounted for: placed, placed elsewhere, or set aside with its reason."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import SparkSession

from spark_jobs import features, ingest, validate
from tests.data.test_sources import HEADER, landing, make, run, whos
from updraft.cli.status import status_of
from updraft.core.arguments import PartitionArguments
from updraft.core.errors import UpdraftError
from updraft.core.interval import latest_day
from updraft.core.report_files import report_path
from updraft.core.reports import IngestReport, ValidateReport
from updraft.core.schema import BRONZE, CLEAN, FEATURES, QUARANTINE, UNPLACED
from updraft.core.settings import settings
from updraft.core.use_case import UseCase
from updraft.data.audited import outdated_features, unaudited_partitions
from updraft.data.tables import Table
from updraft.quality import docs
from updraft.quality.suites import read_suites

__all__ = ["landing", "make"]
Make = Callable[..., UseCase]
OTHER_FORMAT = "31.01.2024 10:00"


def arguments(use_case: UseCase, *days: str, report: str = "by hand/x.json") -> PartitionArguments:
    return PartitionArguments(use_case=use_case, start=days[0], end=days[-1], report=report)


def lines(*rows: str) -> str:
    return HEADER + "".join(f"{row}\n" for row in rows)


def count(spark: SparkSession, use_case: UseCase, name: str) -> int:
    table = Table(use_case, name)
    return table.read(spark).count() if table.exists else 0


def test_rows_of_another_date_format_count_against_the_limit(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.1) In whichever run, not only in that of the first partition; nothing is written."""
    use_case = make({"max_quarantine": 0.1})
    good = [f"2024-01-02 10:00:00,g{n},1,1," for n in range(40)]
    other = [f"{OTHER_FORMAT},o{n},1,1," for n in range(40)]
    (landing / "a.csv").write_text(lines(*good, *other))
    message = r"40 of 80 rows belong to no partition; expected at most 10%.*cannot be read: 40"
    for day in ("2024-01-01", "2024-01-02", "2024-01-03"):
        with pytest.raises(UpdraftError, match=message):
            ingest.job(arguments(use_case, day))
    assert not Table(use_case, BRONZE).exists
    assert not Table(use_case, UNPLACED).exists


def test_a_file_of_which_nothing_can_be_placed_fails_by_name(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.1) Whatever the limit is, and whatever other files there are."""
    use_case = make({"max_quarantine": 1.0})
    (landing / "a.csv").write_text(lines("2024-01-02 10:00:00,ann,1,1,"))
    (landing / "b.csv").write_text(lines(f"{OTHER_FORMAT},bob,1,1,"))
    with pytest.raises(UpdraftError, match=r"b\.csv: found rows, but none that belongs"):
        ingest.job(arguments(use_case, "2024-01-02"))
    (landing / "b.csv").write_text(HEADER)  # A header alone is no rows, which is no failure.
    assert ingest.job(arguments(use_case, "2024-01-02")).rows == 1


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.faults)])
def test_raw_rows_are_those_of_all_partitions_and_the_unplaced(
    spark: SparkSession, make: Make, landing: Path, seed: int
) -> None:
    """(08.1) For files with every kind of row, whichever runs there are, in whichever order."""
    use_case = make({"max_quarantine": 1.0, "key": ["who"]})
    random = np.random.default_rng(seed)
    future = (datetime.now(UTC) + timedelta(days=40)).strftime("%Y-%m-%d %H:%M:%S")
    kinds = [
        "2024-01-{day:02d} 10:00:00,r{n},1,1,",
        "2024-01-{day:02d} 10:00:00,r{n},bad,1,",
        f"{OTHER_FORMAT},r{{n}},1,1,",
        "2023-12-31 23:59:59,r{n},1,1,",
        future + ",r{n},1,1,",
        "2024-01-{day:02d} 10:00:00,r{n}",
        '2024-01-{day:02d} 10:00:00,r{n},1,1,"never closed',
    ]
    written = 0
    for name in ("a.csv", "b.csv", "c.csv"):
        rows = [
            kinds[random.integers(len(kinds))].format(day=random.integers(1, 5), n=written + n)
            for n in range(20)
        ]
        rows.append(f"2024-01-02 10:00:00,last{written},1,1,")
        written += len(rows)
        (landing / name).write_text(lines(*rows))
    days = [f"2024-01-{day:02d}" for day in (3, 1, 4, 2)]
    for day in days:
        report = ingest.job(arguments(use_case, day))
        unplaced = sum(report.unplaced.values())
        assert report.rows_read == written == report.rows + report.elsewhere + unplaced
    assert count(spark, use_case, BRONZE) + count(spark, use_case, UNPLACED) == written
    assert count(spark, use_case, UNPLACED) == unplaced > 0
    reasons = {row["reasons"][0] for row in Table(use_case, UNPLACED).read(spark).collect()}
    assert reasons == set(report.unplaced)
    for day in days:
        audit = validate.job(arguments(use_case, day))
        assert audit.rows == audit.clean + audit.quarantined + audit.superseded
    clean = count(spark, use_case, CLEAN)
    assert clean + count(spark, use_case, QUARANTINE) == count(spark, use_case, BRONZE)


@pytest.mark.parametrize("unit", ["day", "hour"])
def test_a_row_that_a_correction_moves_leaves_its_old_partition(
    spark: SparkSession, make: Make, landing: Path, unit: str
) -> None:
    """(08.1) In all tables, in a range and alone; rows of files that are gone stay."""
    use_case = make(schedule={"start": date(2024, 1, 1), "partition": unit})
    file = landing / "a.csv"
    file.write_text(lines("2024-01-02 10:00:00,ann,1,1,", "2024-01-03 10:00:00,bob,1,1,"))
    (landing / "gone.csv").write_text(lines("2024-01-04 10:00:00,old,1,1,"))
    run(use_case, "2024-01-01", "2024-01-04")
    (landing / "gone.csv").unlink()

    def correct_to(*days: str) -> None:
        file.write_text(
            lines(
                *[f"{day}:00:00,{who},1,1," for day, who in zip(days, ("ann", "bob"), strict=True)]
            )
        )

    correct_to("2024-01-03 11", "2024-01-03 10")
    report = run(use_case, "2024-01-01", "2024-01-04")
    second, fourth = date(2024, 1, 2), date(2024, 1, 4)
    assert (report.emptied_days, report.kept_days) == ([second], [fourth])
    for name in (BRONZE, CLEAN, FEATURES):
        assert whos(spark, use_case, name) == ["ann", "bob", "old"]
    # Now to the fourth and the second, one by one; the third has no row any more.
    correct_to("2024-01-04 10", "2024-01-02 10")
    for day in ("2024-01-02", "2024-01-03", "2024-01-04"):
        report = run(use_case, day)
        assert report.emptied_days == ([date(2024, 1, 3)] if day == "2024-01-03" else [])
    for name in (BRONZE, CLEAN, FEATURES):
        assert whos(spark, use_case, name) == ["ann", "bob"], "the fourth is replaced"
    assert unaudited_partitions(use_case, arguments(use_case, "2024-01-03").interval) == []
    assert run(use_case, "2024-01-03").outcome == "no data"


def test_a_run_of_an_emptied_partition_is_made_up_for(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.1, 08.28) It was cut off after each of its stages; the day has no raw rows any more."""
    use_case = make()
    file = landing / "a.csv"
    file.write_text(lines("2024-01-02 10:00:00,ann,1,1,", "2024-01-03 10:00:00,bob,1,1,"))
    run(use_case, "2024-01-02", "2024-01-03")
    file.write_text(lines("2024-01-02 10:00:00,ann,1,1,", "2024-01-02 10:00:00,bob,1,1,"))
    third = arguments(use_case, "2024-01-03")
    ingest.job(third)
    assert status_of(use_case).unfinished == [date(2024, 1, 3)]
    assert ingest.job(third).outcome == "done"
    validate.job(third)
    assert status_of(use_case).unfinished == [date(2024, 1, 3)]
    assert [job.job(third).outcome for job in (ingest, validate)] == ["done", "done"]
    features.job(third)
    assert (status_of(use_case).unfinished, whos(spark, use_case, FEATURES)) == ([], ["ann"])
    assert ingest.job(third).outcome == "no data"


def test_hours_of_use_cases_with_a_column_hour(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.1) Names that a job gives to columns of its own are none of the declared ones."""
    columns = {"when": "string", "who": "string", "amount (EUR)": "double", "hour": "string"}
    use_case = make(
        {"columns": columns, "optional": ["hour"]},
        schedule={"start": date(2024, 1, 1), "partition": "hour"},
    )
    header = HEADER.replace("no. of items,größe", "hour")
    rows = ["2024-01-01 10:30:00,ann,1,x", "2024-01-01 11:30:00,bob,1,"]
    (landing / "a.csv").write_text(header + "\n".join(rows))
    for hours in (["2024-01-01T10"], ["2024-01-01T11"], ["2024-01-01T10", "2024-01-01T11"]):
        ingest.job(arguments(use_case, *hours))
    (landing / "a.csv").write_text(header + rows[1])
    (landing / "b.csv").write_text(header + rows[1])
    ingest.job(arguments(use_case, "2024-01-01"))
    found = Table(use_case, BRONZE).read(spark).collect()
    assert [(row["who"], row["hour"]) for row in found] == [("bob", "")] * 2


def test_today_is_the_newest_day_for_the_form_and_for_the_rows(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.2) Rows of the day that has begun in the earliest zone are placed, later ones are not."""
    use_case = make({"max_quarantine": 1.0})
    newest = latest_day()
    later = newest + timedelta(days=1)
    rows = [f"{newest} 23:59:59,ann,1,1,", f"{later} 00:00:00,bob,1,1,"]
    (landing / "a.csv").write_text(lines(*rows))
    report = ingest.job(arguments(use_case, str(newest)))
    assert (report.rows, report.unplaced) == (1, {"event_time: in the future": 1})
    with pytest.raises(UpdraftError, match="lies in the future"):
        arguments(use_case, str(later))


def deliver(landing: Path, name: str, second: int, *rows: str) -> None:
    """A file that was last changed at some second."""
    import os

    file = landing / name
    file.write_text(lines(*rows))
    moment = 1_700_000_000 + second
    os.utime(file, (moment, moment))


@pytest.mark.parametrize("names", [("a.csv", "b.csv"), ("z.csv", "b.csv")])
def test_the_newest_delivery_of_a_key_stays(
    spark: SparkSession, make: Make, landing: Path, names: tuple[str, str]
) -> None:
    """(08.3) A label that comes later stays, whatever the files' names and values sort like."""
    use_case = make({"max_quarantine": 0.0, "null_values": [""]})
    deliver(landing, names[0], 0, "2024-01-02 10:00:00,o1,,1,", "2024-01-02 10:00:00,o2,9,1,")
    deliver(landing, names[1], 60, "2024-01-02 10:00:00,o1,5,1,", "2024-01-02 10:00:00,o2,1,1,")
    ingest.job(arguments(use_case, "2024-01-02"))
    report = validate.job(arguments(use_case, "2024-01-02"))
    assert (report.clean, report.quarantined, report.superseded) == (2, 0, 2)
    amounts = {
        row["who"]: row["amount (EUR)"] for row in Table(use_case, CLEAN).read(spark).collect()
    }
    assert amounts == {"o1": 5.0, "o2": 1.0}


def test_a_declared_order_tells_the_newest_in_one_file(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.3) Without one, a key that is repeated in a file is a mistake of the file."""
    ordered = make({"order": "no. of items", "max_quarantine": 0.0})
    rows = ["2024-01-02 10:00:00,o1,5,2,", "2024-01-02 10:00:00,o1,7,1,"]
    (landing / "a.csv").write_text(lines(*rows))
    ingest.job(arguments(ordered, "2024-01-02"))
    report = validate.job(arguments(ordered, "2024-01-02"))
    assert (report.clean, report.superseded) == (1, 1)
    (row,) = Table(ordered, CLEAN).read(spark).collect()
    assert row["amount (EUR)"] == 5.0
    plain = make({"max_quarantine": 0.4})
    with pytest.raises(UpdraftError, match="key: repeated: 1"):
        validate.job(arguments(plain, "2024-01-02"))


def test_an_hour_is_refused_alone_and_in_its_day(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.4) The share of bad rows is that of the use case's own partition."""
    use_case = make(
        {"max_quarantine": 0.5}, schedule={"start": date(2024, 1, 1), "partition": "hour"}
    )
    good = [f"2024-01-01 {hour:02d}:30:00,h{hour},1,1," for hour in range(9)]
    (landing / "a.csv").write_text(lines(*good, "2024-01-01 09:30:00,bad,x,1,"))
    ingest.job(arguments(use_case, "2024-01-01"))
    for interval in (["2024-01-01T09"], ["2024-01-01"]):
        with pytest.raises(UpdraftError, match=r"too many rows fail in 2024-01-01T09 \(100%\)"):
            validate.job(arguments(use_case, *interval))


OWN_ROWS = """
    SELECT row_id, event_time, avg(`no. of items`) OVER (PARTITION BY left(who, 1)) AS mean
    FROM clean
"""
WITH_HISTORY = """
    SELECT row_id, event_time, mean
    FROM (SELECT *, avg(`no. of items`) OVER (PARTITION BY left(who, 1)) AS mean FROM clean)
    WHERE event_date IN (SELECT event_date FROM days)
"""


@pytest.mark.parametrize(
    ("history", "query", "expected"),
    [
        (0, OWN_ROWS, {1.5, 3.0, 4.5}),
        (1, WITH_HISTORY, {1.5, 2.25, 3.75}),
    ],
)
def test_a_range_gives_the_features_of_its_days(
    spark: SparkSession,
    make: Make,
    landing: Path,
    root: Path,
    history: int,
    query: str,
    expected: set[float],
) -> None:
    """(08.5) An average over a customer's rows sees no later day, whatever the order of runs."""
    use_case = make({"history": history})
    (use_case.folder / "features.sql").write_text(query)
    rows = [f"2024-01-{day:02d} 10:00:00,a{n},1,{day * n}," for day in (1, 2, 3) for n in range(4)]
    (landing / "a.csv").write_text(lines(*rows))

    def means() -> dict[str, float]:
        return {
            row["row_id"]: row["mean"] for row in Table(use_case, FEATURES).read(spark).collect()
        }

    run(use_case, "2024-01-01", "2024-01-03")
    in_one_run = means()
    for day in ("2024-01-03", "2024-01-01", "2024-01-02"):
        run(use_case, day)
    assert means() == in_one_run
    assert set(in_one_run.values()) == expected
    assert not list((root / "scratch").iterdir())


@pytest.mark.parametrize("history", [0, 1])
def test_hours_see_no_later_hour(
    spark: SparkSession, make: Make, landing: Path, history: int
) -> None:
    """(08.5) Neither in a range nor alone; with a history, they see the hours before."""
    schedule = {"start": date(2024, 1, 1), "partition": "hour"}
    use_case = make({"history": history}, schedule=schedule)
    query = WITH_HISTORY if history else OWN_ROWS
    (use_case.folder / "features.sql").write_text(query)
    rows = [f"2024-01-01 {hour:02d}:30:00,a,1,{hour}," for hour in (3, 4, 5)]
    (landing / "a.csv").write_text(lines(*rows))
    run(use_case, "2024-01-01T03", "2024-01-01T05")
    for _ in range(2):
        means = {row["mean"] for row in Table(use_case, FEATURES).read(spark).collect()}
        assert means == ({3.0, 3.5, 4.0} if history else {3.0, 4.0, 5.0})
        features.job(arguments(use_case, "2024-01-01T04"))


def test_a_corrected_day_that_was_refused_is_unfinished(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.8) With as many rows as before, half of them bad; until an audit passes."""
    use_case = make({"max_quarantine": 0.1})
    file = landing / "a.csv"
    file.write_text(lines(*[f"2024-01-02 10:00:00,g{n},1,1," for n in range(10)]))
    run(use_case, "2024-01-02")
    day = arguments(use_case, "2024-01-02").interval
    assert unaudited_partitions(use_case, day) == []
    assert outdated_features(use_case, day, Table(use_case, FEATURES).version) == []

    file.write_text(lines(*[f"2024-01-02 10:00:00,g{n},{'x' * (n % 2)}1,1," for n in range(10)]))
    with pytest.raises(UpdraftError, match="too many rows fail"):
        run(use_case, "2024-01-02")
    assert count(spark, use_case, BRONZE) == count(spark, use_case, CLEAN) == 10
    assert unaudited_partitions(use_case, day) == day.partitions
    with pytest.raises(UpdraftError, match=r"rows of 2024-01-02 are not the audit of the present"):
        features.job(arguments(use_case, "2024-01-02"))

    file.write_text(lines(*[f"2024-01-02 10:00:00,g{n},2,1," for n in range(10)]))
    ingest.job(arguments(use_case, "2024-01-02"))
    validate.job(arguments(use_case, "2024-01-02"))
    assert unaudited_partitions(use_case, day) == []
    version = Table(use_case, FEATURES).version
    assert outdated_features(use_case, day, version) == day.partitions
    features.job(arguments(use_case, "2024-01-02"))
    assert outdated_features(use_case, day, version) == day.partitions, "that version is as it was"
    assert outdated_features(use_case, day, Table(use_case, FEATURES).version) == []


def test_a_commit_names_the_suites_that_were_read(
    make: Make, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """(08.8) Not as somebody has left them since, while the rows were audited."""
    use_case = make()
    (landing / "a.csv").write_text(lines("2024-01-02 10:00:00,ann,1,1,"))
    ingest.job(arguments(use_case, "2024-01-02"))
    (suite,) = (settings().expectations / use_case.name).glob("*.json")
    before = read_suites(use_case.name).sha256
    write_docs = docs.write_docs

    def edited_before(*audited: Any) -> None:
        suite.write_text(suite.read_text() + " ")
        write_docs(*audited)

    with monkeypatch.context() as patch:
        patch.setattr(docs, "write_docs", edited_before)
        validate.job(arguments(use_case, "2024-01-02"))
    notes = [commit.note for commit in Table(use_case, CLEAN).commits() if commit.note]
    assert {note.suites for note in notes} == {before}
    assert read_suites(use_case.name).sha256 != before


def test_a_stage_takes_only_what_its_run_has_published(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.27) A task that failed and was marked as success by hand has no report."""
    use_case = make()
    (landing / "a.csv").write_text(lines("2024-01-02 10:00:00,ann,1,1,"))
    run(use_case, "2024-01-02")

    def in_run(job: str) -> PartitionArguments:
        uri = f"reports/sales_data/manual__1/{job}.json"
        return arguments(use_case, "2024-01-02", report=uri)

    for module, missing in ((validate, "ingest"), (features, "validate")):
        with pytest.raises(UpdraftError, match=rf"{missing}\.json: not found"):
            module.job(in_run(missing.replace("ingest", "validate").replace("x", "features")))
    report: Any = ingest.job(in_run("ingest"))
    report.write(in_run("ingest").report)
    assert isinstance(report, IngestReport)
    report = validate.job(in_run("validate"))
    assert isinstance(report, ValidateReport)
    assert not report_path(in_run("validate").report).exists()


# Another process that corrects the file and runs the day, as soon as this one has read the old one.
CORRECTION = """
    import sys
    from spark_jobs import ingest, validate, features
    from updraft.core.arguments import PartitionArguments
    from updraft.core.use_case import load_use_case
    for job in (ingest, validate, features):
        job.job(PartitionArguments(
            use_case=load_use_case("sales"), start="2024-01-02", end="2024-01-02",
            report="by hand/other.json"))
"""


def correct(landing: Path, *rows: str) -> None:
    (landing / "a.csv").write_text(lines(*rows))
    script = "\n".join(line.removeprefix("    ") for line in CORRECTION.splitlines())
    completed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert completed.returncode == 0, completed.stderr[-2000:]


@pytest.mark.parametrize(
    "stage",
    [
        "validate",
        pytest.param("ingest", marks=pytest.mark.faults),
        pytest.param("features", marks=pytest.mark.faults),
    ],
)
def test_a_day_that_is_corrected_while_a_range_runs_keeps_its_correction(
    spark: SparkSession,
    make: Make,
    landing: Path,
    stage: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """(08.7, 08.26) Two processes: one has read the old rows when the other publishes new ones."""
    use_case = make()
    old = [f"2024-01-0{day} 10:00:00,old{day},1,1," for day in (1, 2, 3)]
    (landing / "a.csv").write_text(lines(*old))
    new = [old[0], "2024-01-02 10:00:00,new,1,1,", "2024-01-02 11:00:00,more,1,1,", old[2]]
    hold = Table.hold
    held_table = {"ingest": BRONZE, "validate": CLEAN, "features": FEATURES}[stage]
    corrections: list[str] = []

    def corrected_before(table: Table, session: SparkSession) -> Any:
        if table.name == held_table and not corrections:
            corrections.append(stage)
            correct(landing, *new)
        return hold(table, session)

    interval = ("2024-01-01", "2024-01-03")
    for job in (ingest, validate, features):
        if job.__name__.endswith(stage):
            with monkeypatch.context() as patch:
                patch.setattr(Table, "hold", corrected_before)
                job.job(arguments(use_case, *interval))
        else:
            job.job(arguments(use_case, *interval))
    assert corrections == [stage]
    for name in (BRONZE, CLEAN, FEATURES):
        assert whos(spark, use_case, name) == ["more", "new", "old1", "old3"]


def test_a_column_that_is_declared_later_is_gained(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """(08.17) Older rows have no value in it; features are rebuilt instead."""
    columns = {"when": "string", "who": "string", "amount (EUR)": "double", "no. of items": "int"}
    before = make({"columns": columns, "optional": []})
    header = HEADER.replace(",größe", "")
    (landing / "a.csv").write_text(header + "2024-01-01 10:00:00,ann,1,1\n")
    run(before, "2024-01-01")
    after = make()
    (landing / "b.csv").write_text(lines("2024-01-02 10:00:00,bob,1,1,XL"))
    run(after, "2024-01-02")
    for name in (BRONZE, CLEAN):
        sizes = {row["who"]: row["größe"] for row in Table(after, name).read(spark).collect()}
        assert sizes == {"ann": None, "bob": "XL"}
