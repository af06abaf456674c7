"""Suites by our single pass, against Great Expectations returning every failing row.

Both find the rows that fail 40 expectations, in the same cached frame, in turns. The number of rows
is an argument: `python bench/validate.py 5000000`.
"""

import json
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import harness
from harness import Cost, Measurement
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
COLUMNS = 40
FAILING = 0.01
ROUNDS = 1
TARGET = 0.2


def suite() -> dict[str, Any]:
    """One expectation for each column; a hundredth of the rows fails it."""
    expectations = [
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": f"c{number}", "min_value": FAILING},
        }
        for number in range(COLUMNS)
    ]
    return {"name": "bench", "expectations": expectations}


def ours(frame: DataFrame) -> dict[int, int]:
    """The number of rows that fail each expectation, with every row marked."""
    from updraft.quality.audit import Audit, apply_suites
    from updraft.quality.suites import read_suites, run_suites

    checked = run_suites(read_suites("bench"), frame, None)
    audit = apply_suites(Audit(frame), checked)
    audit.rows.where(F.size("reasons") > 0).count()
    audit.release()
    return {number: int(each.outcome.failing or 0) for number, each in enumerate(checked)}


def great_expectations(frame: DataFrame) -> dict[int, int]:
    """The same by a checkpoint's validation that returns the key of every failing row."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_spark("s").add_dataframe_asset("a")
    definition = asset.add_batch_definition_whole_dataframe("b")
    batch: Any = definition.get_batch({"dataframe": frame})
    result_format = {"result_format": "COMPLETE", "unexpected_index_column_names": ["row_id"]}
    results = batch.validate(gx.ExpectationSuite(**suite()), result_format=result_format).results
    return {
        int(result.expectation_config.kwargs["column"][1:]): result.result["unexpected_count"]
        for result in results
    }


def main() -> None:
    """Measure both, and check that they find the same rows."""
    folder = Path(tempfile.mkdtemp())
    os.environ |= {"UPDRAFT_ROOT": str(folder), "UPDRAFT_EXPECTATIONS": str(folder / "suites")}
    (folder / "suites" / "bench").mkdir(parents=True)
    (folder / "suites" / "bench" / "bench.json").write_text(json.dumps(suite()))
    import_module("great_expectations")  # Both need it; importing it takes seconds.
    from updraft.core.use_case import load_use_case
    from updraft.data.session import session

    spark = session(load_use_case("flights"))
    values = [F.rand(seed=number).alias(f"c{number}") for number in range(COLUMNS)]
    row_id = F.col("id").cast("string").alias("row_id")
    reasons = F.array().cast("array<string>").alias("reasons")
    frame = spark.range(ROWS).select(row_id, *values, reasons).cache()
    frame.count()
    found: dict[str, dict[int, int]] = {}

    def timed(name: str, check: Any) -> Cost:
        started = time.monotonic()
        found[name] = check(frame)
        return Cost(time.monotonic() - started, 0)

    costs = harness.in_turns(
        ROUNDS,
        ours=lambda: timed("ours", ours),
        great_expectations=lambda: timed("great_expectations", great_expectations),
    )
    if found["ours"] != found["great_expectations"]:
        raise SystemExit("The two have found other numbers of failing rows.")
    share = harness.ratio(costs, "ours", "great_expectations", "wall")
    title = f"{ROWS:,} rows, {COLUMNS} expectations: ours / Great Expectations"
    measurements = {
        "ours": Measurement(costs["ours"][0].wall, "s"),
        "Great Expectations": Measurement(costs["great_expectations"][0].wall, "s"),
        title: Measurement(share, "ratio", TARGET),
    }
    harness.report("validate", measurements)


if __name__ == "__main__":
    main()
