"""Suites mean what they say: the rows that fail are Great Expectations' own unexpected rows."""

import json
import re
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
from updraft.quality.suites import CheckedExpectation, read_suites, run_suites

COUNTRIES = ["US", "DE", "it's (x)", 'say "hi"', None]
DOCUMENTS = ['{"a": 1}', "[1, 2]", '"text"', None]
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
    "to_match_json_schema": {"column": "document", "json_schema": {"type": ["array", "string"]}},
    "to_not_be_outliers": {"column": "number", "method": "std", "multiplier": 1.2},
}
OTHERS: dict[str, dict[str, Any]] = {
    "expect_column_value_lengths_to_be_between": {"column": "text", "min_value": 2, "max_value": 3},
    "expect_column_value_lengths_to_equal": {"column": "text", "value": 2},
    "expect_column_value_z_scores_to_be_less_than": {
        "column": "number",
        "threshold": 1.2,
        "double_sided": True,
    },
    "expect_column_pair_values_a_to_be_greater_than_b": {"column_A": "number", "column_B": "other"},
    "expect_column_pair_values_to_be_equal": {"column_A": "number", "column_B": "other"},
    "expect_compound_columns_to_be_unique": {"column_list": ["number", "country"]},
    "expect_select_column_values_to_be_unique_within_record": {"column_list": ["number", "other"]},
    "expect_multicolumn_sum_to_equal": {"column_list": ["number", "other"], "sum_total": 3},
    "expect_multicolumn_values_to_be_equal": {"column_list": ["number", "other"]},
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
        document = DOCUMENTS[number % len(DOCUMENTS)]
        rows.append((f"r{number}", country, text, document, *values))
    frame = spark.createDataFrame(
        rows, "row_id string, country string, text string, document string, number int, other int"
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
    # A row_condition keeps a text from a function that could not read it, or from a cast.
    numbers = {"row_condition": "text = '1'", "condition_parser": "spark"}
    is_array = {"column": "text", "json_schema": {"type": "array"}}
    documents = {"row_condition": "text LIKE '{%'", "condition_parser": "spark"}
    sum_is_one = {"column_list": ["number", "text"], "sum_total": 1}
    return [
        *found,
        ("expect_column_values_to_match_json_schema", {**is_array, **documents}),
        ("expect_multicolumn_sum_to_equal", {**sum_is_one, **numbers}),
    ]


def write(file: Path, *expectations: tuple[str, dict[str, Any]]) -> None:
    found = [{"type": kind, "kwargs": kwargs} for kind, kwargs in expectations]
    file.write_text(json.dumps({"name": "s", "expectations": found}))


def quarantined(frame: DataFrame, checked: list[CheckedExpectation]) -> set[str]:
    rows = apply_suites(Audit(frame), checked).rows.where("size(reasons) > 0").collect()
    return {row["row_id"] for row in rows}


@pytest.mark.parametrize(("kind", "kwargs"), cases())
def test_the_rows_in_quarantine_are_the_unexpected_rows(
    expectations: Path, frame: DataFrame, kind: str, kwargs: dict[str, Any]
) -> None:
    """(08.20) For every type, with and without row_condition and ignored rows."""
    write(expectations, (kind, kwargs))
    succeeds, expected = unexpected_ids(frame, kind, kwargs)
    assert expected, "the case shows nothing if no row fails"
    assert len(expected) < frame.count()

    checked = run_suites(read_suites("t"), frame, None)

    assert [result.outcome.success for result in checked] == [succeeds]
    assert quarantined(frame, checked) == expected
    assert checked[0].outcome.failing == len(expected)


@pytest.mark.parametrize(
    "kind", [kind for kind, kwargs in TYPES.items() if len(kwargs.get("column_list", [])) > 1]
)
def test_columns_with_dots_are_judged_as_others(
    expectations: Path, frame: DataFrame, kind: str
) -> None:
    """(08.20) Great Expectations does not quote the names in a list of columns."""
    kwargs = TYPES[kind]
    _, expected = unexpected_ids(frame, kind, kwargs)
    dotted = frame.withColumnRenamed("number", "user.number")
    columns = [name.replace("number", "user.number") for name in kwargs["column_list"]]
    write(expectations, (kind, {**kwargs, "column_list": columns}))
    assert quarantined(dotted, run_suites(read_suites("t"), dotted, None)) == expected


def test_a_row_that_a_python_function_cannot_read_fails(
    expectations: Path, frame: DataFrame
) -> None:
    """(08.20) Great Expectations ends at the first one; here the others are judged."""
    deep = F.when(F.col("row_id") == "r0", F.lit("[" * 100_000)).otherwise(F.col("text"))
    frame = frame.withColumn("text", deep)
    kwargs = {"column": "text", "json_schema": {"type": ["object", "number"]}}
    write(expectations, ("expect_column_values_to_match_json_schema", kwargs))
    checked = run_suites(read_suites("t"), frame, None)
    holds = F.col("text").isin('{"a": 1}', "1")
    failing = frame.where(F.col("text").isNotNull() & ~holds).select("row_id").collect()
    assert quarantined(frame, checked) == {row["row_id"] for row in failing}


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
    (checked,) = run_suites(read_suites("t"), frame, None)
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
            checked = run_suites(read_suites("t"), frame, None)
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
        return [result.outcome.success for result in run_suites(read_suites("t"), frame, unit)]

    count = "expect_table_row_count_to_be_between"
    assert outcomes("hour", count, min_value=2) == [False]
    assert outcomes("day", count, min_value=2) == [True]
    unique = "expect_column_values_to_be_unique"
    assert outcomes("hour", unique, column="number") == [True]
    assert outcomes("day", unique, column="number") == [False]


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("value_z_scores_to_be_less_than", {"threshold": 4, "double_sided": True}),
        ("values_to_not_be_outliers", {"method": "iqr", "multiplier": 1.5}),
        ("values_to_be_unique", {}),
        ("values_to_be_between", {"min_value": 1}),
    ],
)
@pytest.mark.parametrize("condition", [{}, CONDITIONS[1]])
def test_a_row_of_a_range_fails_as_in_its_own_partition(
    spark: SparkSession,
    expectations: Path,
    kind: str,
    kwargs: dict[str, Any],
    condition: dict[str, Any],
) -> None:
    """(08.20) Whatever other rows decide: those that repeat a value, a mean, quartiles."""
    values = [(1, n % 5) for n in range(50)] + [(2, 1000 + n % 5) for n in range(49)]
    rows = [
        (f"{day}-{n}", f"2024-01-0{day} 01:00:00", value, COUNTRIES[n % 2])
        for n, (day, value) in enumerate([*values, (1, 60), (1, 60), (2, 1060), (2, 1060)])
    ]
    frame = spark.createDataFrame(
        rows, "row_id string, time string, number int, country string"
    ).selectExpr("*", "timestamp(time) AS event_time", "CAST(array() AS array<string>) AS reasons")
    arguments = {"column": "number", **kwargs, **(condition or {})}
    write(expectations, (f"expect_column_{kind}", arguments))

    def failing(rows: DataFrame) -> set[str]:
        (checked,) = run_suites(read_suites("t"), rows, "day")
        found = quarantined(rows, [checked])
        assert checked.outcome.failing == len(found)
        return found

    days = [failing(frame.where(f"row_id LIKE '{day}-%'")) for day in (1, 2)]
    assert days[0]
    assert failing(frame) == days[0] | days[1]


def test_each_expectation_has_its_own_reason(expectations: Path, frame: DataFrame) -> None:
    """(08.20) With the arguments if type and column do not tell; each row has each once."""
    between = "expect_column_values_to_be_between"
    within = {"column": "number", "min_value": 1}
    us = {"row_condition": "country = 'US'", "condition_parser": "spark"}
    long = {"value_set": [*map(str, range(100)), "NY"], "column": "text"}
    write(
        expectations,
        (between, within),
        (between, {**within, "max_value": 3}),
        (between, {**within, **us}),
        (between, {**within, "column": "other"}),
        ("expect_column_values_to_be_in_set", long),
        ("expect_column_values_to_be_in_set", {**long, "value_set": [*long["value_set"], "abc"]}),
    )
    second = expectations.with_name("t.json")
    write(second, (between, within))
    checked = run_suites(read_suites("t"), frame, None)
    reasons = [each.reason for each in checked]
    first, *others = [reason.partition(" (value_set")[0] for reason in reasons]
    assert [first, *others] == [
        f"number: {between} (min_value 1.0)",
        f"number: {between} (min_value 1.0, max_value 3.0)",
        f"number: {between} (where country = 'US', min_value 1.0)",
        f"other: {between}",
        "text: expect_column_values_to_be_in_set",
        "text: expect_column_values_to_be_in_set",
        f"number: {between} (min_value 1.0, no. 2)",
    ]
    assert len(set(reasons)) == len(reasons)
    audit = apply_suites(Audit(frame), checked)
    assert all(len(set(row["reasons"])) == len(row["reasons"]) for row in audit.rows.collect())
    assert audit.by_reason() == {each.reason: each.outcome.failing for each in checked}


COLUMN_OF = "expect_column_values_to_"
PATTERN = {"column": "text", "regex": "("}
BETWEEN = {"column": "number", "min_value": 1}
PARAMETER = {"$PARAMETER": "m"}
UNUSABLE: list[tuple[str, dict[str, Any], str]] = [
    (f"{COLUMN_OF}be_between", {"column": "missing", "min_value": 1}, r"on missing .*not exist"),
    (f"{COLUMN_OF}be_in_type_list", {"column": "missing", "type_list": ["INT"]}, r"on missing .*"),
    ("expect_column_kl_divergence_to_be_less_than", {"column": "text", "threshold": 1}, ""),
    (f"{COLUMN_OF}match_regex", PATTERN, r"on text .*PatternSyntaxException: Unclosed group"),
    (f"{COLUMN_OF}match_regex_list", {"column": "text", "regex_list": ["["]}, "Unclosed character"),
    (f"{COLUMN_OF}be_in_set", {"column": "text", "value_set": [1, 2]}, r"CAST_INVALID_INPUT"),
    (f"{COLUMN_OF}be_in_set", {"column": "number", "value_set": [1, "x"]}, r"The value 'x'"),
    (f"{COLUMN_OF}match_like_pattern", {"column": "text", "like_pattern": "a%"}, "No provider"),
    (f"{COLUMN_OF}be_dateutil_parseable", {"column": "text"}, "No provider"),
    (
        f"{COLUMN_OF}match_strftime_format",
        {"column": "number", "strftime_format": "%Y"},
        "TypeError: Values passed",
    ),
    (f"{COLUMN_OF}be_json_parseable", {"column": "gone"}, "on gone"),
    (
        f"{COLUMN_OF}match_json_schema",
        {"column": "document", "json_schema": {"type": "objekt"}},
        "SchemaError: 'objekt'",
    ),
    (
        "expect_column_value_z_scores_to_be_less_than",
        {"column": "text", "threshold": 1, "double_sided": True},
        "numeric",
    ),
    (
        "expect_column_pair_values_a_to_be_greater_than_b",
        {"column_A": "number", "column_B": "text"},
        r"on number, text .*CAST_INVALID_INPUT",
    ),
    (
        "expect_multicolumn_sum_to_equal",
        {"column_list": ["number", "text"], "sum_total": 1},
        r"on number, text .*CAST_INVALID_INPUT",
    ),
    (f"{COLUMN_OF}be_between", {**BETWEEN, "row_condition": "nope = 1"}, r"with name `nope`"),
    (f"{COLUMN_OF}be_between", {**BETWEEN, "row_condition": "rand(1) > 0.5"}, "rand"),
    (f"{COLUMN_OF}be_between", {**BETWEEN, "min_value": PARAMETER}, "Write the value"),
    (f"{COLUMN_OF}be_between", {**BETWEEN, "mostly": PARAMETER}, "Write the value"),
    (f"{COLUMN_OF}be_between", {**BETWEEN, "mostly": "0.5"}, "Remove mostly"),
]


@pytest.mark.parametrize(("kind", "kwargs", "reason"), UNUSABLE)
def test_an_expectation_that_cannot_be_evaluated_is_refused_by_name(
    expectations: Path, frame: DataFrame, kind: str, kwargs: dict[str, Any], reason: str
) -> None:
    """(08.20) With the reason, in one line; it is found among others, none of which is left out."""
    if "row_condition" in kwargs:
        kwargs = {**kwargs, "condition_parser": "spark"}
    others = [("expect_column_values_to_not_be_null", {"column": name}) for name in frame.columns]
    write(expectations, *others, (kind, kwargs))
    with pytest.raises(UpdraftError) as refused:
        run_suites(read_suites("t"), frame, None)
    message = str(refused.value)
    assert re.search(rf"s\.json: .*{kind}.*{reason}", message)
    assert "\n" not in message


def test_a_suite_without_expectations_is_refused(expectations: Path) -> None:
    """(08.20) Of whatever form."""
    for content in ('{"name": "s"}', '{"name": "s", "expectations": null}'):
        expectations.write_text(content)
        with pytest.raises(UpdraftError, match=r"s\.json: found no expectation"):
            read_suites("t")
