"""Files with rows of any time, in three formats, with the errors of real ones.

Also partitions of hours and months, snapshots, and features that look back.
"""

import json
import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession
from upath import UPath

from spark_jobs import features, ingest, validate
from tests.conftest import environment
from updraft.core.arguments import PartitionArguments
from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Interval, parse_interval
from updraft.core.reports import IngestReport
from updraft.core.schema import BRONZE, CLEAN, FEATURES, QUARANTINE, UNPLACED
from updraft.core.use_case import UseCase, load_use_case
from updraft.data.features import build_features
from updraft.data.ingestion import bronze, source_days
from updraft.data.sources import raw_files, read_raw, unread_files
from updraft.data.tables import Table, partitions_of

JANUARY = parse_interval("2024-01-01", "2024-01-31")
BASE: dict[str, Any] = {
    "title": "Sales",
    "description": "Sales of a shop",
    "owner": "shop",
    "kind": "regression",
    "schedule": {"start": date(2024, 1, 1)},
    "spark": {"app_name": "sales"},
    "data": {
        "input": "landing/sales",
        "files": ["*.csv", "*.jsonl", "*.parquet"],
        "columns": {
            "when": "string",
            "who": "string",
            "amount (EUR)": "double",
            "no. of items": "int",
            "größe": "string",
        },
        "optional": ["größe"],
        "event_time": "try_to_timestamp(when)",
        "key": ["who"],
        "known_after": ["amount (EUR)"],
        "max_quarantine": 1.0,
        "target": {"name": "amount", "sql": "`amount (EUR)`", "description": "the amount"},
    },
    "model": {"window": 3, "holdout": 1, "algorithms": {"linear_regression": {}}},
    "gate": {"floors": {"rmse": 10}, "min_gain": 0, "unit": "row"},
}
FEATURES_SQL = "SELECT row_id, event_time, who, `no. of items` FROM clean"
SUITE = {
    "name": "sales",
    "expectations": [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "amount (EUR)", "min_value": 0},
        }
    ],
}
HEADER = "when,who,amount (EUR),no. of items,größe\n"
Make = Callable[..., UseCase]


@pytest.fixture
def make(root: Path, tmp_path: Path) -> Iterator[Make]:
    """A function that makes the use case, with other keys of data or of the complete file."""
    use_cases = tmp_path / "use_cases"
    expectations = tmp_path / "expectations"

    def write(data: dict[str, Any] | None = None, **other: Any) -> UseCase:
        folder = use_cases / "sales"
        folder.mkdir(parents=True, exist_ok=True)
        content = without_none({**BASE, **other})
        content["data"] = without_none({**BASE["data"], **(data or {})})
        text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True)
        (folder / "use_case.yaml").write_text(text)
        (folder / "features.sql").write_text(FEATURES_SQL)
        (expectations / "sales").mkdir(parents=True, exist_ok=True)
        (expectations / "sales" / "sales.json").write_text(json.dumps(SUITE))
        (root / "landing" / "sales").mkdir(parents=True, exist_ok=True)
        return load_use_case("sales")

    with environment(
        {"UPDRAFT_USE_CASES": str(use_cases), "UPDRAFT_EXPECTATIONS": str(expectations)}
    ):
        yield write


@pytest.fixture
def landing(root: Path) -> Path:
    return root / "landing" / "sales"


def without_none(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if value is not None}


def run(use_case: UseCase, *days: str) -> IngestReport:
    """Run the three data jobs on one day, or from the first to the last of two; else on January.

    Returns the report of the first job; without data the other jobs do not run.
    """
    start = days[0] if days else str(JANUARY.first)
    end = days[-1] if days else str(JANUARY.last)
    report = "reports/tests/validate.json"
    arguments = PartitionArguments(use_case=use_case, start=start, end=end, report=report)
    ingested = ingest.job(arguments)
    if ingested.outcome == "done":
        validate.job(arguments)
        features.job(arguments)
    return ingested


def whos(spark: SparkSession, use_case: UseCase, table_name: str) -> list[str]:
    """The column ``who`` of a table, sorted."""
    return sorted(row["who"] or "-" for row in Table(use_case, table_name).read(spark).collect())


def write_parquet(spark: SparkSession, row: str, file: Path) -> None:
    """Write one row, as Spark SQL, as a single Parquet file."""
    parts = file.parent / "parts" / file.stem
    spark.sql(f"SELECT {row}").coalesce(1).write.parquet(str(parts))
    next(parts.glob("*.parquet")).rename(file)


def test_rows_of_three_formats_find_their_partition_by_their_time(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    use_case = make()
    (landing / "a.csv").write_text(
        HEADER + "2024-01-01 10:00:00,ann,1.5,1,S\n2024-02-01 10:00:00,bob,2,2,M\n"
    )
    (landing / "b.csv").write_text(
        "when,who,amount (EUR),no. of items\n2024-01-02 10:00:00,cid,3,3\n"
    )
    line = {
        "when": "2024-01-03T10:00:00.123456789",
        "who": "dan",
        "amount (EUR)": 4.5,
        "no. of items": 4,
    }
    lines = [line, {**line, "who": "eve", "größe": None}]
    (landing / "c.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    row = (
        "TIMESTAMP'2024-01-04 10:00:00' AS when, 'fay' AS who, "
        "5.5D AS `amount (EUR)`, 5 AS `no. of items`"
    )
    write_parquet(spark, row, landing / "d.parquet")
    report = run(use_case)
    assert (report.rows, report.files) == (5, 4)
    clean = whos(spark, use_case, CLEAN)
    assert clean == whos(spark, use_case, FEATURES) == ["ann", "cid", "dan", "eve", "fay"]
    days = partitions_of(Table(use_case, FEATURES).read(spark))
    assert days == [date(2024, 1, day) for day in (1, 2, 3, 4)]
    interval = source_days(spark, use_case)
    assert interval is not None
    assert (interval.first, interval.last) == (date(2024, 1, 1), date(2024, 2, 1))


def test_the_event_time_is_computed_once_a_row(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """Whatever uses it: it may try several formats, and is then most of what ingestion costs."""
    use_case = make({"event_time": "try_to_timestamp(when, 'yyyy-MM-dd HH:mm:ss')"})
    (landing / "a.csv").write_text(HEADER + "2024-01-01 10:00:00,ann,1.5,1,S\nsoon,bob,1.5,1,S\n")
    raw = read_raw(spark, use_case, raw_files(use_case))
    rows = bronze(raw, use_case).where(JANUARY.predicate())
    plan = rows._jdf.queryExecution().optimizedPlan().toString()
    assert plan.count("gettimestamp(") == 1
    times = [str(row["event_time"]) for row in rows.orderBy("who").collect()]
    assert times == ["2024-01-01 10:00:00", "2024-01-01 00:00:00"]


def test_a_parquet_folder_is_a_raw_file(spark: SparkSession, make: Make, landing: Path) -> None:
    """As Spark writes it, of rows of any time and of one day; a folder of another kind is not."""
    row = "5.5D AS `amount (EUR)`, 5 AS `no. of items`"
    use_case = make()
    spark.sql(
        f"SELECT CAST('2024-01-04' AS TIMESTAMP) AS when, 'fay' AS who, {row} "
        f"UNION ALL SELECT CAST('2024-01-05' AS TIMESTAMP), 'gus', {row}"
    ).repartition(2).write.parquet(str(landing / "d.parquet"))
    assert (run(use_case).files, whos(spark, use_case, CLEAN)) == (1, ["fay", "gus"])
    rows = Table(use_case, BRONZE).read(spark).collect()
    assert {row["source_file"] for row in rows} == {"d.parquet"}
    (landing / "empty.parquet").mkdir()
    message = r"empty\.parquet: found a folder without Parquet files"
    with pytest.raises(UpdraftError, match=message):
        run(use_case)
    (landing / "empty.parquet").rename(landing / "e.csv")
    with pytest.raises(UpdraftError, match=r"e\.csv: found a folder, expected a file"):
        run(use_case)
    (landing / "e.csv").rmdir()
    (landing / "d.parquet").rename(landing / "sales 2024-01-05.parquet")
    dated = make({"files": "sales {day}.parquet"})
    # Bronze keeps the fourth.
    assert list(run(dated, "2024-01-04", "2024-01-05").missing_days) == []
    assert whos(spark, use_case, CLEAN) == ["fay", "gus"]
    # The row of the fourth, in the file of the fifth.
    assert whos(spark, use_case, QUARANTINE) == ["fay"]


def test_a_partitioned_table_is_one_raw_file_or_refused(
    spark: SparkSession, make: Make, landing: Path, tmp_path: Path
) -> None:
    """(08.16) Its rows are never left out in silence."""
    use_case = make()
    part = landing / "größe=XL" / "year=2024" / "part.parquet"
    row = "TIMESTAMP'2024-01-04 10:00:00' AS when, 'fay' AS who, 1D AS `amount (EUR)`"
    write_parquet(spark, f"{row}, 5 AS `no. of items`", tmp_path / "part.parquet")
    part.parent.mkdir(parents=True)
    (tmp_path / "part.parquet").rename(part)
    with pytest.raises(UpdraftError, match=r"folders of a partitioned table: größe=XL/;"):
        raw_files(use_case)
    part.rename(landing / "größe=XL" / "part.parquet")
    part.parent.rmdir()
    whole = tmp_path / "trips.parquet"
    landing.rename(whole)
    with environment({"UPDRAFT_SOURCES__SALES": str(whole)}):
        assert raw_files(use_case) == [UPath(whole)]
        assert unread_files(use_case) == []
        assert (
            ingest.job(PartitionArguments(use_case=use_case, start="2024-01-04", report="x")).rows
            == 1
        )
    (row,) = Table(use_case, BRONZE).read(spark).collect()
    assert (row["größe"], row["source_file"]) == ("XL", "trips.parquet")


@pytest.mark.parametrize("pattern", ["sales[2024].csv", "**.csv", "*[[]2024].csv", "*.csv"])
def test_patterns_are_those_of_names(make: Make, landing: Path, pattern: str) -> None:
    """(08.19) A name with brackets also means itself."""
    use_case = make({"files": [pattern]})
    (landing / "sales[2024].csv").write_text(HEADER)
    (landing / ".sales.csv").write_text(HEADER)
    (landing / "old" / "2023").mkdir(parents=True)
    (landing / "old" / "2023" / "sales.csv").write_text(HEADER)
    (landing / "empty").mkdir()
    assert [file.name for file in raw_files(use_case)] == ["sales[2024].csv"]
    assert unread_files(use_case) == ["old/"]
    (landing / os.fsdecode(b"x\xff[2024].csv")).write_text(HEADER)
    if pattern == "sales[2024].csv":
        assert unread_files(use_case) == ["old/", "x\ufffd[2024].csv"]
        return
    with pytest.raises(UpdraftError, match="names that are not UTF-8: x\ufffd"):
        raw_files(use_case)


def test_times_in_nanoseconds_are_times(spark: SparkSession, make: Make, landing: Path) -> None:
    """As pandas writes them; whole numbers in other columns stay numbers."""
    use_case = make()
    times = pd.Series(["2024-01-04T10:00:00.123456789", None, "2024-01-05T11:00:00"])
    raw = pd.DataFrame(
        {
            "when": times.astype("datetime64[ns]"),
            "who": [11, 12, 13],
            "amount (EUR)": [1.0, 2.0, 3.0],
            "no. of items": [1, 2, 3],
        }
    )
    raw.to_parquet(landing / "a.parquet", version="2.6")
    run(use_case)
    rows = Table(use_case, CLEAN).read(spark).collect()
    assert {row["who"]: row["when"] for row in rows} == {
        "11": "2024-01-04 10:00:00.123456789",
        "13": "2024-01-05 11:00:00",
    }
    assert whos(spark, use_case, UNPLACED) == ["12"]


def test_one_file_may_stand_in_the_place_of_the_folder(
    spark: SparkSession, make: Make, tmp_path: Path
) -> None:
    file = tmp_path / "all of it.csv"
    file.write_text(HEADER + "2024-01-01 10:00:00,ann,1.5,1,S\n2024-01-05 10:00:00,bob,2,2,M\n")
    with environment({"UPDRAFT_SOURCES__SALES": str(file)}):
        # The use case's own files are dated; a file with all rows is not.
        use_case = make({"files": "{day}.csv"})
        assert run(use_case, "2024-01-05").rows == 1
        assert whos(spark, use_case, FEATURES) == ["bob"]


@pytest.mark.bad_input("B1", "B9", "B10", "B24")
def test_bad_rows_are_quarantined_with_their_reasons(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """Good rows of the same file are not affected."""
    use_case = make()
    reasons = {
        "2024-01-01 10:00:00,good,1.5,1,S": None,
        '2024-01-01 11:00:00,quoted,1.5,1,"S, ""slim"""': None,
        "2024-01-02 10:00:00,whole,1,1.0,": None,
        "2024-01-02 10:00:00,nan,NaN,1,": "amount (EUR): not finite (found NaN)",
        "2024-01-02 10:00:00,endless,1e999,1,": "amount (EUR): not finite (found 1e999)",
        "2024-01-02 10:00:00,debt,-1,1,": "amount (EUR): expect_column_values_to_be_between",
        '2024-01-02 10:00:00,thousands,"1,500.00",1,': (
            "amount (EUR): not readable as double (found 1,500.00)"
        ),
        "2024-01-02 10:00:00,java,1d,1,": "amount (EUR): not readable as double (found 1d)",
        "2024-01-02 10:00:00,half,1,1.5,": "no. of items: not readable as int (found 1.5)",
    }
    unplaced = {
        "2024-01-01 10:00:00,short": "line: cannot be split into the columns",
        "0001-01-01 00:00:00,ancient,1,1,": "event_time: before schedule.start",
        "9999-12-31 00:00:00,far,1,1,": "event_time: in the future",
        "yesterday,vague,1,1,": "event_time: cannot be read",
    }
    content = (HEADER + "\n".join([*reasons, *unplaced]) + "\n").encode()
    latin = "2024-01-02 10:00:00,latin,1,1,größe\n".encode("latin-1")
    (landing / "a.csv").write_bytes(content + latin)
    report = run(use_case)
    assert report.rows == len(reasons) + 1
    assert report.unplaced == dict.fromkeys(unplaced.values(), 1)
    assert report.rows_read == report.rows + len(unplaced)
    rows = Table(use_case, QUARANTINE).read(spark).collect()
    quarantined = {row["who"]: row["reasons"] for row in rows}
    expected = {line.split(",")[1]: reason for line, reason in reasons.items() if reason}
    expected["latin"] = "größe: not readable as UTF-8"
    assert set(quarantined) == set(expected)
    for who, start in expected.items():
        assert any(reason.startswith(start) for reason in quarantined[who]), (
            who,
            quarantined[who],
        )
    assert whos(spark, use_case, CLEAN) == ["good", "quoted", "whole"]
    lines = {
        row["corrupt_record"] or ",".join([row["when"], row["who"], "1,1,"]): row["reasons"]
        for row in Table(use_case, UNPLACED).read(spark).collect()
    }
    assert lines == {line: [reason] for line, reason in unplaced.items()}


def test_another_encoding_is_read_by_the_rule_of_the_use_case(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    header = HEADER.replace(",größe", "")
    line = {"when": "2024-01-02 10:00:00", "who": "bjørn", "amount (EUR)": 1, "no. of items": 1}
    use_case = make({"format": {"encoding": "cp1252"}})
    (landing / "a.csv").write_bytes((header + "2024-01-02 10:00:00,jörg €,1,1\n").encode("cp1252"))
    text = json.dumps(line, ensure_ascii=False) + "\r\n"
    (landing / "b.jsonl").write_bytes(text.encode("cp1252"))
    run(use_case)
    assert whos(spark, use_case, CLEAN) == ["bjørn", "jörg €"]


def test_the_wrong_encoding_is_reported(spark: SparkSession, make: Make, landing: Path) -> None:
    use_case = make()
    header = HEADER.replace(",größe", "")
    (landing / "a.csv").write_bytes((header + "2024-01-02 10:00:00,jörg,1,1\n").encode("latin-1"))
    line = '{"who": "jörg", "when": "2024-01-03", "amount (EUR)": 1, "no. of items": 1}\n'
    (landing / "b.jsonl").write_bytes(line.encode("latin-1"))
    run(use_case)
    rows = Table(use_case, QUARANTINE).read(spark).collect()
    reasons = [[reason.split(" (")[0] for reason in row["reasons"]] for row in rows]
    assert reasons == [["who: not readable as UTF-8; is format.encoding right?"]] * 2
    (landing / "a.csv").write_bytes(HEADER.encode("latin-1"))
    message = r"names that are not UTF-8, so data\.format\.encoding may be wrong"
    with pytest.raises(UpdraftError, match=message):
        run(use_case)


def test_lines_that_are_no_json_are_quarantined(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    good = {"when": "2024-01-01 10:00:00", "who": "ann", "amount (EUR)": 1, "no. of items": 1}
    use_case = make()
    (landing / "a.jsonl").write_text(json.dumps(good) + '\n{"when": "2024-01-01 10:0\n')
    run(use_case)
    (bad,) = Table(use_case, UNPLACED).read(spark).collect()
    assert (bad["corrupt_record"], bad["source_file"]) == ('{"when": "2024-01-01 10:0', "a.jsonl")
    assert whos(spark, use_case, CLEAN) == ["ann"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param(
            "a.csv",
            "when,who,amount (EUR),no. of items,größe,extra\n",
            "not declared extra",
            marks=pytest.mark.bad_input("B3"),
        ),
        pytest.param(
            "a.csv",
            "when,who,no. of items\n",
            r"missing amount \(EUR\)",
            marks=pytest.mark.bad_input("B4"),
        ),
        (
            "a.csv",
            "when,who,amount EUR,no. of items\n",
            r"not declared amount EUR. Did you mean 'amount \(EUR\)'",
        ),
        (
            "a.jsonl",
            '{"when": "", "who": "", "amount (EUR)": 1, "no. of items": 1, "extra": 1}\n',
            "not declared extra",
        ),
        ("a.jsonl", '{"when": "", "who": ""}\n', r"missing amount \(EUR\), no. of items"),
        pytest.param(
            "a.csv",
            ",".join(f"c{n}" for n in range(12_000)) + "\n",
            "and 11990 more",
            marks=pytest.mark.bad_input("B15"),
        ),
        pytest.param(
            "a.parquet",
            "PAR1 and so on",
            "do not end as Parquet does",
            marks=pytest.mark.bad_input("B14"),
        ),
    ],
)
def test_other_columns_refuse_the_file(
    spark: SparkSession, make: Make, landing: Path, name: str, content: str, message: str
) -> None:
    use_case = make()
    (landing / name).write_text(content)
    with pytest.raises(UpdraftError, match=f"{name}: .*{message}"):
        run(use_case)
    assert not Table(use_case, BRONZE).exists


@pytest.mark.bad_input("B5")
def test_a_type_that_changes_between_files_never_becomes_null(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    """A column is a number in one file and text in another: unreadable text is quarantined."""
    use_case = make()
    for name, amount in {"a": "5.5D", "b": "'6.5'", "c": "'many'"}.items():
        row = (
            f"TIMESTAMP'2024-01-04 10:00:00' AS when, '{name}' AS who, "
            f"{amount} AS `amount (EUR)`, 5 AS `no. of items`"
        )
        write_parquet(spark, row, landing / f"{name}.parquet")
    run(use_case)
    assert whos(spark, use_case, CLEAN) == ["a", "b"]
    (bad,) = Table(use_case, QUARANTINE).read(spark).collect()
    assert bad["reasons"] == ["amount (EUR): not readable as double (found many)"]


def test_hours_are_replaced_one_by_one(spark: SparkSession, make: Make, landing: Path) -> None:
    use_case = make(schedule={"start": date(2024, 1, 1), "partition": "hour"})
    file = landing / "a.csv"
    lines = [f"2024-01-01 {hour:02d}:30:00,h{hour:02d},1,1,\n" for hour in (0, 1, 3)]
    file.write_text(HEADER + "".join(lines))
    run(use_case, "2024-01-01")
    assert whos(spark, use_case, FEATURES) == ["h00", "h01", "h03"]
    file.write_text(HEADER + "2024-01-01 01:30:00,new,1,1,\n2024-01-01 03:30:00,other,1,1,\n")
    run(use_case, "2024-01-01T01:00:00+00:00")
    assert whos(spark, use_case, FEATURES) == ["h00", "h03", "new"]
    assert run(use_case, "2024-01-01T02").outcome == "no data"


@pytest.mark.bad_input("B16")
def test_names_that_mean_something_else_to_spark_work(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    use_case = make()
    (landing / "a[1].csv").write_text(HEADER + "2024-01-01 10:00:00,ann,1,1,\n")
    run(use_case)
    assert whos(spark, use_case, CLEAN) == ["ann"]
    names = ["_b.csv", "c+d %2B.csv", "größe #1?.csv"]
    for number, name in enumerate(names):
        (landing / name).write_text(HEADER + f"2024-01-02 10:00:00,{number},1,1,\n")
    run(use_case)
    rows = Table(use_case, BRONZE).read(spark).collect()
    assert {row["source_file"] for row in rows} == {"a[1].csv", *names}


def test_months_are_partitions(spark: SparkSession, make: Make, landing: Path) -> None:
    use_case = make(schedule={"start": date(2024, 1, 1), "partition": "month"})
    lines = [f"2024-{month:02d}-15 10:00:00,m{month},1,1,\n" for month in (1, 2, 3)]
    (landing / "a.csv").write_text(HEADER + "".join(lines))
    run(use_case, "2024-01-15", "2024-02-01")
    months = partitions_of(Table(use_case, FEATURES).read(spark))
    assert months == [date(2024, 1, 1), date(2024, 2, 1)]


def test_a_snapshot_keeps_its_split(
    spark: SparkSession, make: Make, root: Path, landing: Path
) -> None:
    data = {
        "event_time": None,
        "target": {"name": "big", "sql": "`amount (EUR)` > 1", "description": "big"},
        "catalog": {"table": "big_sales", "properties": {"layer": "silver"}},
        "output": "exports/sales",
    }
    use_case = make(
        data,
        kind="binary",
        schedule=None,
        model={"holdout": 0.25, "algorithms": {"logistic_regression": {}}},
        gate={"floors": {"auc": 0.5}, "min_gain": 0, "unit": "row"},
    )
    file = landing / "a.csv"
    first_snapshot = HEADER + "".join(f"x,{n},{1 + n % 2},1,\n" for n in range(80))
    second_snapshot = HEADER + "".join(f"x,{n},{1 + n % 3 // 2},1,\n" for n in range(20, 120))

    def splits_and_labels() -> dict[str, tuple[str, float]]:
        run(use_case)
        rows = Table(use_case, FEATURES).read(spark).collect()
        return {row["who"]: (row["split"], row["label"]) for row in rows}

    def splits(rows: dict[str, tuple[str, float]]) -> dict[str, str]:
        return {who: split for who, (split, _) in rows.items()}

    file.write_text(first_snapshot)
    first = splits_and_labels()
    holdout_rows = [
        sum(row == ("holdout", label) for row in first.values()) for label in (0.0, 1.0)
    ]
    assert holdout_rows == [10, 10]
    file.write_text(second_snapshot)
    second = splits_and_labels()
    in_both = first.keys() & second.keys()
    assert {who: first[who][0] for who in in_both} == {who: second[who][0] for who in in_both}
    new_splits = [split for who, split in splits(second).items() if who not in first]
    assert 5 <= new_splits.count("holdout") <= 16
    assert splits_and_labels() == second
    file.write_text(first_snapshot)  # Its rows are back.
    assert splits(splits_and_labels()) == splits(first)
    assert spark.table("big_sales").groupBy("split").count().count() == 2
    properties = spark.sql("SHOW TBLPROPERTIES big_sales").collect()
    assert {row["key"]: row["value"] for row in properties}["layer"] == "silver"
    assert spark.read.parquet(str(root / "exports" / "sales")).count() == 80
    (use_case.folder / "features.sql").write_text(
        "SELECT c.row_id, c.event_time, b.label AS leak FROM clean c, big_sales b"
    )
    with pytest.raises(UpdraftError, match=r"features\.sql: .*big_sales"):
        build_features(spark, use_case, Interval(SNAPSHOT, SNAPSHOT), "by hand")


def test_features_that_look_back_do_not_depend_on_the_order_of_partitions(
    spark: SparkSession, make: Make, landing: Path
) -> None:
    # Its rows are no clean rows, so they can have no label.
    use_case = make(
        {"history": 4, "target": None},
        kind="clustering",
        model={"window": 3, "holdout": 1, "algorithms": {"k_means": {}}},
        gate={"floors": {"silhouette": 0.1}, "min_gain": 0, "unit": "row"},
    )
    (use_case.folder / "features.sql").write_text(
        "SELECT concat_ws('|', n.who, d.event_date) AS row_id, "
        "timestamp(d.event_date) AS event_time, count(*) AS sales "
        "FROM days d JOIN clean n ON to_date(n.event_time) "
        "BETWEEN d.event_date - INTERVAL 4 DAY AND d.event_date "
        "GROUP BY n.who, d.event_date"
    )
    lines = [f"2024-01-{day:02d} 10:00:00,ann,1,1,\n" for day in (1, 3, 9)]
    (landing / "a.csv").write_text(HEADER + "".join(lines))

    def sales_after(*days: int) -> list[tuple[str, float]]:
        for day in days:
            run(use_case, f"2024-01-{day:02d}")
        rows = Table(use_case, FEATURES).read(spark).collect()
        return sorted((row["row_id"], row["sales"]) for row in rows)

    backwards = sales_after(9, 3, 1)
    assert backwards == [("ann|2024-01-01", 1), ("ann|2024-01-03", 2), ("ann|2024-01-09", 1)]
    run(use_case, "2024-01-01", "2024-01-09")
    days_with_rows = {f"ann|2024-01-{day:02d}" for day in (1, 3, 9)}
    assert [row for row in sales_after() if row[0] in days_with_rows] == backwards
