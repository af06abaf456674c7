"""Files with rows of any time, in three formats, with what is wrong in real ones; hours, months, snapshots, history."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from tests.conftest import load_job
from updraft.core.errors import UpdraftError
from updraft.core.interval import SNAPSHOT, Interval, parse_interval
from updraft.core.settings import settings
from updraft.core.use_case import UseCase, load_use_case
from updraft.data import tables
from updraft.data.features import build_features
from updraft.data.ingestion import bronze, ingest, source_days
from updraft.data.sources import raw_files, read_raw

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
        "columns": {"when": "string", "who": "string", "amount (EUR)": "double", "no. of items": "int", "größe": "string"},
        "optional": ["größe"],
        "event_time": "try_to_timestamp(when)",
        "key": ["who"],
        "known_after": ["amount (EUR)"],
        "max_quarantine": 1.0,
        "target": {"name": "amount", "sql": "`amount (EUR)`", "description": "the amount"},
    },
    "model": {"window": 3, "holdout": 1, "algorithms": {"linear_regression": {}}},
    "gate": {"floors": {"rmse": 10}, "min_gain": 0},
}
HEADER = "when,who,amount (EUR),no. of items,größe\n"
Make = Callable[..., UseCase]


@pytest.fixture
def make(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Makes the use case, with other keys of data or of the whole."""
    monkeypatch.setenv("UPDRAFT_USE_CASES", str(tmp_path / "use_cases"))
    monkeypatch.setenv("UPDRAFT_EXPECTATIONS", str(tmp_path / "expectations"))
    settings.cache_clear()

    def write(data: dict[str, Any] | None = None, **other: Any) -> UseCase:
        folder = tmp_path / "use_cases" / "sales"
        folder.mkdir(parents=True, exist_ok=True)
        content = {**BASE, **other, "data": {**BASE["data"], **(data or {})}}
        kept = {key: value for key, value in content.items() if value is not None}
        kept["data"] = {key: value for key, value in content["data"].items() if value is not None}
        (folder / "use_case.yaml").write_text(yaml.safe_dump(kept, sort_keys=False, allow_unicode=True))
        (folder / "features.sql").write_text("SELECT row_id, event_time, who, `no. of items` FROM clean")
        suite = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount (EUR)", "min_value": 0}}
        (tmp_path / "expectations" / "sales").mkdir(parents=True, exist_ok=True)
        (tmp_path / "expectations" / "sales" / "sales.json").write_text(json.dumps({"name": "sales", "expectations": [suite]}))
        (root / "landing" / "sales").mkdir(parents=True, exist_ok=True)
        return load_use_case("sales")

    yield write
    settings.cache_clear()


def run(spark: SparkSession, use_case: UseCase, interval: Interval = JANUARY) -> Any:
    report = ingest(spark, use_case, interval, raw_files(use_case, interval))
    if report.outcome == "done":
        load_job("validate").validate(spark, use_case, interval, "reports/tests/validate.json")
        build_features(spark, use_case, interval)
    return report


def whos(spark: SparkSession, table: str) -> list[str]:
    return sorted(row["who"] or "-" for row in tables.read(spark, "sales", table).collect())


def test_rows_of_three_formats_find_their_partition_by_their_time(spark: SparkSession, make: Make, root: Path) -> None:
    use_case = make()
    landing = root / "landing" / "sales"
    (landing / "a.csv").write_text(HEADER + "2024-01-01 10:00:00,ann,1.5,1,S\n2024-02-01 10:00:00,bob,2,2,M\n")
    (landing / "b.csv").write_text("when,who,amount (EUR),no. of items\n2024-01-02 10:00:00,cid,3,3\n")
    line = {"when": "2024-01-03T10:00:00.123456789", "who": "dan", "amount (EUR)": 4.5, "no. of items": 4}
    (landing / "c.jsonl").write_text(json.dumps(line) + "\n" + json.dumps({**line, "who": "eve", "größe": None}) + "\n")
    other = "TIMESTAMP'2024-01-04 10:00:00' AS when, 'fay' AS who, 5.5D AS `amount (EUR)`, 5 AS `no. of items`"
    spark.sql(f"SELECT {other}").coalesce(1).write.parquet(str(landing / "parts"))
    next((landing / "parts").glob("*.parquet")).rename(landing / "d.parquet")
    report = run(spark, use_case)
    assert (report.rows, report.files) == (5, 4)
    assert whos(spark, "clean") == whos(spark, "features") == ["ann", "cid", "dan", "eve", "fay"]
    assert tables.partitions(tables.read(spark, "sales", "features")) == [date(2024, 1, day) for day in (1, 2, 3, 4)]
    found = source_days(spark, use_case)
    assert (found and found.first, found and found.last) == (date(2024, 1, 1), date(2024, 2, 1))


def test_the_event_time_is_worked_out_once_a_row(spark: SparkSession, make: Make, root: Path) -> None:
    """Whatever asks for it: it may try several formats, and is then most of what ingestion costs."""
    use_case = make({"event_time": "try_to_timestamp(when, 'yyyy-MM-dd HH:mm:ss')"})
    (root / "landing" / "sales" / "a.csv").write_text(HEADER + "2024-01-01 10:00:00,ann,1.5,1,S\nsoon,bob,1.5,1,S\n")
    rows = bronze(read_raw(spark, use_case, raw_files(use_case)), use_case).where(JANUARY.predicate())
    assert rows._jdf.queryExecution().optimizedPlan().toString().count("gettimestamp(") == 1
    assert [str(row["event_time"]) for row in rows.orderBy("who").collect()] == ["2024-01-01 10:00:00", "2024-01-01 00:00:00"]


def test_a_parquet_folder_is_a_raw_file(spark: SparkSession, make: Make, root: Path) -> None:
    """As Spark writes it, of rows of any time and of one day; of another kind it is refused by name."""
    landing, row = root / "landing" / "sales", "5.5D AS `amount (EUR)`, 5 AS `no. of items`"
    use_case = make()
    spark.sql(
        f"SELECT CAST('2024-01-04' AS TIMESTAMP) AS when, 'fay' AS who, {row} "
        f"UNION ALL SELECT CAST('2024-01-05' AS TIMESTAMP), 'gus', {row}"
    ).repartition(2).write.parquet(str(landing / "d.parquet"))
    assert (run(spark, use_case).files, whos(spark, "clean")) == (1, ["fay", "gus"])
    assert {row["source_file"] for row in tables.read(spark, "sales", "bronze").collect()} == {"d.parquet"}
    (landing / "empty.parquet").mkdir()
    with pytest.raises(UpdraftError, match=r"empty\.parquet: found a folder without Parquet files"):
        run(spark, use_case)
    (landing / "empty.parquet").rename(landing / "e.csv")
    with pytest.raises(UpdraftError, match=r"e\.csv: found a folder, expected a file"):
        run(spark, use_case)
    (landing / "e.csv").rmdir()
    (landing / "d.parquet").rename(landing / "sales 2024-01-05.parquet")
    dated = make({"files": "sales {day}.parquet"})
    assert list(run(spark, dated, parse_interval("2024-01-04", "2024-01-05")).missing_days) == []  # Bronze keeps the fourth.
    assert whos(spark, "clean") == ["fay", "gus"]
    assert whos(spark, "quarantine") == ["fay"]  # That of the fourth, in the file of the fifth.


def test_times_in_nanoseconds_are_times(spark: SparkSession, make: Make, root: Path) -> None:
    """As pandas writes them; whole numbers beside them stay numbers."""
    use_case = make()
    times = pd.Series(["2024-01-04T10:00:00.123456789", None, "2024-01-05T11:00:00"]).astype("datetime64[ns]")
    rows = pd.DataFrame({"when": times, "who": [11, 12, 13], "amount (EUR)": [1.0, 2.0, 3.0], "no. of items": [1, 2, 3]})
    rows.to_parquet(root / "landing" / "sales" / "a.parquet", version="2.6")
    run(spark, use_case)
    found = {row["who"]: row["when"] for row in tables.read(spark, "sales", "clean").collect()}
    assert found == {"11": "2024-01-04 10:00:00.123456", "13": "2024-01-05 11:00:00"}
    assert whos(spark, "quarantine") == ["12"]


def test_one_file_may_stand_in_the_place_of_the_folder(
    spark: SparkSession, make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all of it.csv"
    file.write_text(HEADER + "2024-01-01 10:00:00,ann,1.5,1,S\n2024-01-05 10:00:00,bob,2,2,M\n")
    monkeypatch.setenv("UPDRAFT_SOURCES__SALES", str(file))
    use_case = make({"files": "{day}.csv"})  # Its own files are dated; a file with everything is not.
    assert run(spark, use_case, parse_interval("2024-01-05", None)).rows == 1
    assert whos(spark, "features") == ["bob"]


def test_bad_rows_are_quarantined_with_their_reasons(spark: SparkSession, make: Make, root: Path) -> None:
    """B1, B9, B10, B24: and what is right beside them goes on."""
    use_case = make()
    lines = {
        "2024-01-01 10:00:00,good,1.5,1,S": None,
        '2024-01-01 11:00:00,quoted,1.5,1,"S, ""slim"""': None,
        "2024-01-01 10:00:00,short": "line: expected 5 fields",
        "0001-01-01 00:00:00,ancient,1,1,": "event_time: not in the partition (found 0001-01-01",
        "9999-12-31 00:00:00,far,1,1,": "event_time: not in the partition (found 9999-12-31",
        "yesterday,vague,1,1,": "event_time: not in the partition (found nothing)",
        "2024-01-02 10:00:00,nan,NaN,1,": "amount (EUR): not finite (found NaN)",
        "2024-01-02 10:00:00,endless,1e999,1,": "amount (EUR): not finite (found 1e999)",
        "2024-01-02 10:00:00,debt,-1,1,": "amount (EUR): expect_column_values_to_be_between",
        '2024-01-02 10:00:00,thousands,"1,500.00",1,': "amount (EUR): not readable as double (found 1,500.00)",
        "2024-01-02 10:00:00,half,1,1.5,": "no. of items: not readable as int (found 1.5)",
    }
    content = (HEADER + "\n".join(lines) + "\n").encode()
    (root / "landing" / "sales" / "a.csv").write_bytes(content + "2024-01-02 10:00:00,latin,1,1,größe\n".encode("latin-1"))
    assert run(spark, use_case).rows == len(lines) + 1
    found = {row["who"]: row["reasons"] for row in tables.read(spark, "sales", "quarantine").collect()}
    expected = {line.split(",")[1]: says for line, says in lines.items() if says}
    expected["latin"] = "größe: not readable as UTF-8"
    assert set(found) == set(expected)
    for who, says in expected.items():
        assert any(reason.startswith(says) for reason in found[who]), (who, found[who])
    assert whos(spark, "clean") == ["good", "quoted"]


def test_another_encoding_is_read_by_the_rule_of_the_use_case(spark: SparkSession, make: Make, root: Path) -> None:
    landing, header = root / "landing" / "sales", HEADER.replace(",größe", "")
    line = {"when": "2024-01-02 10:00:00", "who": "bjørn", "amount (EUR)": 1, "no. of items": 1}
    use_case = make({"encoding": "cp1252"})
    (landing / "a.csv").write_bytes((header + "2024-01-02 10:00:00,jörg €,1,1\n").encode("cp1252"))
    (landing / "b.jsonl").write_bytes((json.dumps(line, ensure_ascii=False) + "\r\n").encode("cp1252"))
    run(spark, use_case)
    assert whos(spark, "clean") == ["bjørn", "jörg €"]


def test_the_wrong_encoding_is_told(spark: SparkSession, make: Make, root: Path) -> None:
    use_case, landing, header = make(), root / "landing" / "sales", HEADER.replace(",größe", "")
    (landing / "a.csv").write_bytes((header + "2024-01-02 10:00:00,jörg,1,1\n").encode("latin-1"))
    (landing / "b.jsonl").write_bytes('{"who": "jörg", "when": "", "amount (EUR)": 1, "no. of items": 1}\n'.encode("latin-1"))
    run(spark, use_case)
    found = {reason.split(" (")[0] for row in tables.read(spark, "sales", "quarantine").collect() for reason in row["reasons"]}
    assert found == {f"{what}: not readable as UTF-8; is data.encoding right?" for what in ("line", "who")}
    (landing / "a.csv").write_bytes(HEADER.encode("latin-1"))
    with pytest.raises(UpdraftError, match=r"names that are not UTF-8, so data\.encoding may be wrong"):
        run(spark, use_case)


def test_lines_that_are_no_json_are_quarantined(spark: SparkSession, make: Make, root: Path) -> None:
    good = {"when": "2024-01-01 10:00:00", "who": "ann", "amount (EUR)": 1, "no. of items": 1}
    use_case = make()
    (root / "landing" / "sales" / "a.jsonl").write_text(json.dumps(good) + '\n{"when": "2024-01-01 10:0\n')
    run(spark, use_case)
    (bad,) = tables.read(spark, "sales", "quarantine").collect()
    assert (bad["corrupt_record"], bad["source_file"]) == ('{"when": "2024-01-01 10:0', "a.jsonl")
    assert whos(spark, "clean") == ["ann"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.csv", "when,who,amount (EUR),no. of items,größe,extra\n", "not declared extra"),  # B3
        ("a.csv", "when,who,no. of items\n", r"missing amount \(EUR\)"),  # B4
        ("a.csv", "when,who,amount EUR,no. of items\n", r"not declared amount EUR. Did you mean 'amount \(EUR\)'"),
        ("a.csv", "who,when,amount (EUR),no. of items\n", "another order"),
        ("a.jsonl", '{"when": "", "who": "", "amount (EUR)": 1, "no. of items": 1, "extra": 1}\n', "not declared extra"),
        ("a.jsonl", '{"when": "", "who": ""}\n', r"missing amount \(EUR\), no. of items"),
        ("a.csv", ",".join(f"c{n}" for n in range(12_000)) + "\n", "and 11990 more"),  # B15
        ("a.parquet", "PAR1 and so on", "do not end as Parquet does"),  # B14
    ],
)
def test_other_columns_refuse_the_file(spark: SparkSession, make: Make, root: Path, name: str, content: str, says: str) -> None:
    (root / "landing" / "sales" / name).parent.mkdir(parents=True, exist_ok=True)
    use_case = make()
    (root / "landing" / "sales" / name).write_text(content)
    with pytest.raises(UpdraftError, match=f"{name}: .*{says}"):
        run(spark, use_case)
    assert not tables.exists("sales", "bronze")


def test_b5_a_type_that_changes_between_files_never_becomes_null(spark: SparkSession, make: Make, root: Path) -> None:
    """The same column once as a number and once as text: what is readable is read, the rest is quarantined."""
    landing = root / "landing" / "sales"
    use_case = make()
    for name, amount in {"a": "5.5D", "b": "'6.5'", "c": "'many'"}.items():
        row = f"TIMESTAMP'2024-01-04 10:00:00' AS when, '{name}' AS who, {amount} AS `amount (EUR)`, 5 AS `no. of items`"
        spark.sql(f"SELECT {row}").coalesce(1).write.parquet(str(landing / "parts" / name))
        next((landing / "parts" / name).glob("*.parquet")).rename(landing / f"{name}.parquet")
    run(spark, use_case)
    assert whos(spark, "clean") == ["a", "b"]
    (bad,) = tables.read(spark, "sales", "quarantine").collect()
    assert bad["reasons"] == ["amount (EUR): not readable as double (found many)"]


def test_hours_are_replaced_one_by_one(spark: SparkSession, make: Make, root: Path) -> None:
    use_case = make(schedule={"start": date(2024, 1, 1), "partition": "hour"})
    file = root / "landing" / "sales" / "a.csv"
    file.write_text(HEADER + "".join(f"2024-01-01 {hour:02d}:30:00,h{hour:02d},1,1,\n" for hour in (0, 1, 3)))
    run(spark, use_case, parse_interval("2024-01-01", None, "hour"))
    assert whos(spark, "features") == ["h00", "h01", "h03"]
    file.write_text(HEADER + "2024-01-01 01:30:00,new,1,1,\n2024-01-01 03:30:00,other,1,1,\n")
    run(spark, use_case, parse_interval("2024-01-01T01:00:00+00:00", None, "hour"))
    assert whos(spark, "features") == ["h00", "h03", "new"]
    assert run(spark, use_case, parse_interval("2024-01-01T02", None, "hour")).outcome == "no data"


def test_names_that_spark_would_take_for_something_else(spark: SparkSession, make: Make, root: Path) -> None:
    use_case = make()
    landing = root / "landing" / "sales"
    (landing / "a[1].csv").write_text(HEADER + "2024-01-01 10:00:00,ann,1,1,\n")
    run(spark, use_case)
    assert whos(spark, "clean") == ["ann"]
    (landing / "_b.csv").write_text(HEADER)
    with pytest.raises(UpdraftError, match=r"found _b\.csv, which Spark does not read"):
        run(spark, use_case)


def test_months_are_partitions(spark: SparkSession, make: Make, root: Path) -> None:
    use_case = make(schedule={"start": date(2024, 1, 1), "partition": "month"})
    (root / "landing" / "sales" / "a.csv").write_text(
        HEADER + "".join(f"2024-{month:02d}-15 10:00:00,m{month},1,1,\n" for month in (1, 2, 3))
    )
    run(spark, use_case, parse_interval("2024-01-15", "2024-02-01", "month"))
    assert tables.partitions(tables.read(spark, "sales", "features")) == [date(2024, 1, 1), date(2024, 2, 1)]


def test_a_snapshot_keeps_its_split(spark: SparkSession, make: Make, root: Path) -> None:
    model = {"holdout": 0.25, "algorithms": {"logistic_regression": {}}}
    target = {"name": "big", "sql": "`amount (EUR)` > 1", "description": "big"}
    catalog = {"table": "big_sales", "properties": {"layer": "silver"}}
    data = {"event_time": None, "target": target, "catalog": catalog, "output": "exports/sales"}
    use_case = make(data, kind="binary", schedule=None, model=model, gate={"floors": {"auc": 0.5}, "min_gain": 0})
    file = root / "landing" / "sales" / "a.csv"
    file.write_text(HEADER + "".join(f"x,{n},{1 + n % 2},1,\n" for n in range(80)))
    everything = Interval(SNAPSHOT, SNAPSHOT)

    def splits() -> dict[str, tuple[str, float]]:
        run(spark, use_case, everything)
        rows = tables.read(spark, "sales", "features").collect()
        return {row["who"]: (row["split"], row["label"]) for row in rows}

    first = splits()
    assert [sum(one == ("holdout", label) for one in first.values()) for label in (0.0, 1.0)] == [10, 10]
    file.write_text(HEADER + "".join(f"x,{n},{1 + n % 3 // 2},1,\n" for n in range(20, 120)))
    second = splits()
    assert {who: first[who][0] for who in first if who in second} == {who: second[who][0] for who in first if who in second}
    assert 5 <= sum(split == "holdout" for who, (split, _) in second.items() if who not in first) <= 16
    assert splits() == second
    file.write_text(HEADER + "".join(f"x,{n},{1 + n % 2},1,\n" for n in range(80)))  # The first ones are back.
    assert {who: split for who, (split, _) in splits().items()} == {who: split for who, (split, _) in first.items()}
    assert spark.table("big_sales").groupBy("split").count().count() == 2
    assert {row["key"]: row["value"] for row in spark.sql("SHOW TBLPROPERTIES big_sales").collect()}["layer"] == "silver"
    assert spark.read.parquet(str(root / "exports" / "sales")).count() == 80
    (use_case.folder / "features.sql").write_text("SELECT c.row_id, c.event_time, b.label AS leak FROM clean c, big_sales b")
    with pytest.raises(AnalysisException, match="big_sales"):
        build_features(spark, use_case, everything)


def test_features_that_look_back_do_not_depend_on_the_order_of_partitions(spark: SparkSession, make: Make, root: Path) -> None:
    use_case = make({"history": 7})
    (use_case.folder / "features.sql").write_text(
        "SELECT concat_ws('|', n.who, d.event_date) AS row_id, timestamp(d.event_date) AS event_time, count(*) AS sales "
        "FROM days d JOIN clean n ON to_date(n.event_time) BETWEEN d.event_date - INTERVAL 7 DAY AND d.event_date "
        "GROUP BY n.who, d.event_date"
    )
    landing = root / "landing" / "sales"
    (landing / "a.csv").write_text(HEADER + "".join(f"2024-01-{n:02d} 10:00:00,ann,1,1,\n" for n in (1, 5, 20)))

    def features(*days: int) -> list[tuple[str, float]]:
        for day in days:
            run(spark, use_case, parse_interval(f"2024-01-{day:02d}", None))
        return sorted((row["row_id"], row["sales"]) for row in tables.read(spark, "sales", "features").collect())

    backwards = features(20, 5, 1)
    assert backwards == [("ann|2024-01-01", 1), ("ann|2024-01-05", 2), ("ann|2024-01-20", 1)]
    run(spark, use_case)
    days_with_rows = {f"ann|2024-01-{day:02d}" for day in (1, 5, 20)}
    assert [one for one in features() if one[0] in days_with_rows] == backwards
