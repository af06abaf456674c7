"""Suites mean what they say: the rows that fail are Great Expectations' own unexpected rows."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from tests.conftest import environment
from updraft.core.errors import UpdraftError
from updraft.quality.audit import Audit, apply_suites
from updraft.quality.suites import run_suites

COUNTRIES = ["US", "DE", "it's (x)", 'say "hi"', None]
TEXTS = ["abc", "NY", '{"a": 1}', "2024-01-31", "it's (x)", "a%b_c", "", "b)", "1", None]
CONDITIONS = [
    None,
    {"row_condition": "country = 'US'", "condition_parser": "spark"},
    {"row_condition": 'country = "it\'s (x)" OR number > 2', "condition_parser": "spark"},
    {"row_condition": 'col("number") > 1', "condition_parser": "great_expectations"},
]
# For each type, arguments that some rows meet and others do not.
COLUMN: dict[str, dict[str, Any]] = {
    "to_not_be_null": {"column": "text"},
    "to_be_null": {"column": "text"},
    "to_be_between": {"column": "number", "min_value": 1, "strict_max": True, "max_value": 3},
    "to_be_in_set": {"column": "text", "value_set": ["it's (x)", "NY", "abc"]},
    "to_not_be_in_set": {"column": "text", "value_set": ["b)", "a%b_c"]},
    "to_match_regex": {"column": "text", "regex": "^[a-z(']+"},
    "to_not_match_regex": {"column": "text", "regex": r"\)$"},
    "to_match_regex_list": {"column": "text", "regex_list": ["^a", "c$"], "match_on": "all"},
    "to_not_match_regex_list": {"column": "text", "regex_list": ["^a", r"\)$"]},
    "to_be_unique": {"column": "number"},
    "to_be_json_parseable": {"column": "text"},
    "to_match_strftime_format": {"column": "text", "strftime_format": "%Y-%m-%d"},
}
OTHERS: dict[str, dict[str, Any]] = {
    "expect_column_value_lengths_to_be_between": {"column": "text", "min_value": 2, "max_value": 3},
    "expect_column_value_lengths_to_equal": {"column": "text", "value": 2},
    "expect_column_pair_values_a_to_be_greater_than_b": {"column_A": "number", "column_B": "other"},
    "expect_column_pair_values_to_be_equal": {"column_A": "number", "column_B": "other"},
    "expect_compound_columns_to_be_unique": {"column_list": ["number", "country"]},
    "expect_select_column_values_to_be_unique_within_record": {"column_list": ["number", "other"]},
    "expect_multicolumn_sum_to_equal": {"column_list": ["number", "other"], "sum_total": 3},
}
TYPES = {**{f"expect_column_values_{name}": kwargs for name, kwargs in COLUMN.items()}, **OTHERS}
IGNORING = {
    "expect_column_pair_values_to_be_equal": ["neither", "either_value_is_missing"],
    "expect_column_pair_values_a_to_be_greater_than_b": ["both_values_are_missing"],
    "expect_compound_columns_to_be_unique": ["never", "any_value_is_missing"],
    "expect_multicolumn_sum_to_equal": ["any_value_is_missing", "all_values_are_missing"],
}


@pytest.fixture
def expectations(tmp_path: Path) -> Iterator[Path]:
    with environment({"UPDRAFT_EXPECTATIONS": str(tmp_path)}):
        (tmp_path / "t").mkdir()
        yield tmp_path / "t" / "s.json"


@pytest.fixture(scope="module")
def frame(spark: SparkSession) -> DataFrame:
    """Every combination that matters: texts, quotes, parentheses, nulls, repeated values."""
    random = np.random.default_rng(20)
    rows = []
    for number in range(120):
        values = [None if random.random() < 0.2 else int(random.integers(0, 5)) for _ in "ab"]
        country = COUNTRIES[random.integers(len(COUNTRIES))]
        text = TEXTS[random.integers(len(TEXTS))]
        rows.append((f"r{number}", country, text, *values))
    frame = spark.createDataFrame(
        rows, "row_id string, country string, text string, number int, other int"
    )
    return frame.withColumn("reasons", F.expr("array()").cast("array<string>")).cache()


def unexpected_ids(frame: DataFrame, kind: str, kwargs: dict[str, Any]) -> tuple[bool, set[str]]:
    """Great Expectations' own verdict, and the rows that it names."""
    import great_expectations as gx
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_spark("s").add_dataframe_asset("a")
    definition = asset.add_batch_definition_whole_dataframe("b")
    expectation = ExpectationConfiguration(type=kind, kwargs=kwargs).to_domain_obj()
    suite = gx.ExpectationSuite(name="s", expectations=[expectation])
    batch: Any = definition.get_batch({"dataframe": frame})
    result_format = {"result_format": "COMPLETE", "unexpected_index_column_names": ["row_id"]}
    (result,) = batch.validate(suite, result_format=result_format).results
    assert not result.exception_info.get("raised_exception"), result.exception_info
    rows = result.result.get("unexpected_index_list") or []
    return bool(result.success), {row["row_id"] for row in rows}


def cases() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for kind, kwargs in TYPES.items():
        for number, condition in enumerate(CONDITIONS):
            # All conditions on the two types of the issue, and one of them on each other type.
            if number and kind not in list(TYPES)[:2] and number != 1 + len(found) % 3:
                continue
            found.append((kind, {**kwargs, **(condition or {})}))
        found += [
            (kind, {**kwargs, "ignore_row_if": directive}) for directive in IGNORING.get(kind, [])
        ]
    return found


@pytest.mark.parametrize(("kind", "kwargs"), cases())
def test_the_rows_in_quarantine_are_the_unexpected_rows(
    expectations: Path, frame: DataFrame, kind: str, kwargs: dict[str, Any]
) -> None:
    """(08.20) For every type, with and without row_condition and ignored rows."""
    suite = {"name": "s", "expectations": [{"type": kind, "kwargs": kwargs}]}
    expectations.write_text(json.dumps(suite))
    succeeds, expected = unexpected_ids(frame, kind, kwargs)
    assert expected, "the case shows nothing if no row fails"
    assert len(expected) < frame.count()

    checked = run_suites("t", frame, None)
    rows = apply_suites(Audit(frame), checked).rows.where("size(reasons) > 0").collect()

    assert [result.outcome.success for result in checked] == [succeeds]
    assert {row["row_id"] for row in rows} == expected
    assert checked[0].outcome.failing == len(expected)


@pytest.mark.parametrize(
    "kind", ["expect_column_values_to_be_between", "expect_column_values_to_not_be_null"]
)
@pytest.mark.parametrize("mostly", [0.1, 0.5, 0.9, 1.0])
def test_a_warning_succeeds_as_it_does_in_great_expectations(
    expectations: Path, frame: DataFrame, kind: str, mostly: float
) -> None:
    """(08.20) ``mostly`` is a share of the rows with a value, or of all where nulls are counted."""
    kwargs = {**TYPES[kind], "mostly": mostly}
    expectation = {"type": kind, "kwargs": kwargs, "severity": "warning"}
    expectations.write_text(json.dumps({"name": "s", "expectations": [expectation]}))
    succeeds, _ = unexpected_ids(frame, kind, kwargs)
    (checked,) = run_suites("t", frame, None)
    assert checked.outcome.success == succeeds


def test_more_failing_expectations_start_no_more_jobs(
    spark: SparkSession, expectations: Path, frame: DataFrame
) -> None:
    """(08.20) All rows are counted together, and the examples of all checks are taken together."""
    frame.count()

    def jobs(smallest: list[int]) -> int:
        expected = [
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {"column": "number", "min_value": value},
            }
            for value in smallest
        ]
        expectations.write_text(json.dumps({"name": "s", "expectations": expected}))
        group = f"{len(smallest)} expectations"
        spark.sparkContext.setJobGroup(group, "counted")
        try:
            checked = run_suites("t", frame, None)
        finally:
            spark.sparkContext.setLocalProperty("spark.jobGroup.id", None)  # type: ignore[arg-type]
        assert not any(expectation.outcome.success for expectation in checked)
        return len(spark.sparkContext.statusTracker().getJobIdsForGroup(group))

    assert jobs([1, 2, 3]) <= jobs([1]) <= 6


def test_a_range_is_judged_as_its_partitions_are(spark: SparkSession, expectations: Path) -> None:
    """(08.4) An hour that fails alone also fails in its day; one that is unique alone stays so."""
    rows = [("a", "2024-01-01 00:10:00", 1), ("b", "2024-01-01 01:10:00", 1)]
    frame = spark.createDataFrame(rows, "row_id string, time string, number int").selectExpr(
        "row_id", "timestamp(time) AS event_time", "number", "array() AS reasons"
    )

    def outcomes(unit: Any, kind: str, **kwargs: Any) -> list[bool]:
        suite = {"name": "s", "expectations": [{"type": kind, "kwargs": kwargs}]}
        expectations.write_text(json.dumps(suite))
        return [result.outcome.success for result in run_suites("t", frame, unit)]

    count = "expect_table_row_count_to_be_between"
    assert outcomes("hour", count, min_value=2) == [False]
    assert outcomes("day", count, min_value=2) == [True]
    unique = "expect_column_values_to_be_unique"
    assert outcomes("hour", unique, column="number") == [True]
    assert outcomes("day", unique, column="number") == [False]


def test_an_expectation_that_cannot_be_evaluated_is_refused_by_name(
    expectations: Path, frame: DataFrame
) -> None:
    """(08.20) Before a row is judged; none is left out in silence."""
    for kind, kwargs in {
        "expect_column_values_to_be_between": {"column": "missing", "min_value": 1},
        "expect_column_values_to_be_in_type_list": {"column": "missing", "type_list": ["INT"]},
        "expect_column_kl_divergence_to_be_less_than": {"column": "text", "threshold": 1},
    }.items():
        suite = {"name": "s", "expectations": [{"type": kind, "kwargs": kwargs}]}
        expectations.write_text(json.dumps(suite))
        with pytest.raises(UpdraftError, match=rf"s\.json: .*{kind}|{kind}"):
            run_suites("t", frame, None)
