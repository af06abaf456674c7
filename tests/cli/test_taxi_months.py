"""Months of taxi trips, as a city publishes them, through `updraft run` by the README's recipe."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from tests.cli.test_run import updraft

USE_CASE = """
title: Taxi trips and how long they take
description: How many minutes will a trip take? Asked when it begins.
owner: mobility
kind: regression

schedule: {partition: month, start: 2024-01-01}
spark: {app_name: updraft-trips}

data:
  input: landing/trips
  files: ["*.parquet"]
  columns:
    VendorID: int
    lpep_pickup_datetime: timestamp
    lpep_dropoff_datetime: timestamp
    PULocationID: int
    DOLocationID: int
    passenger_count: int
    trip_distance: double
    ehail_fee: double
    airport_fee: double
  optional: [airport_fee]
  rename: {Airport_fee: airport_fee}
  event_time: lpep_pickup_datetime
  key: [VendorID, PULocationID, DOLocationID, trip_distance]
  known_after: [lpep_dropoff_datetime, airport_fee]
  target:
    name: minutes
    sql: (unix_timestamp(lpep_dropoff_datetime) - unix_timestamp(lpep_pickup_datetime)) / 60
    description: the minutes from pick-up to drop-off
  lookups:
    zones:
      file: lookups/zones.csv
      columns: {LocationID: int, Borough: string}

model:
  window: 5
  holdout: 1
  metric: rmse
  algorithms:
    lightgbm: {fixed: {n_estimators: 60, num_leaves: 15}}
  search: {method: random, trials: 1, folds: 1, seed: 1}

gate:
  metric: rmse
  floors: {r2: 0.3}
  design_gain: 0.5
  unit: day
  min_rows: 100

drift: {window: 1, min_columns: 6}
serving: {partitions: 1}
"""
FEATURES = """
SELECT
  c.row_id, c.event_time, c.trip_distance, c.passenger_count,
  hour(c.event_time) AS hour, dayofweek(c.event_time) AS day_of_week, z.Borough AS borough
FROM clean AS c
LEFT JOIN zones AS z ON z.LocationID = c.PULocationID
"""
SUITE = {
    "name": "trips",
    "expectations": [
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "PULocationID"}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "trip_distance", "min_value": 0, "max_value": 500},
        },
    ],
}
ROWS = 600  # A month.
STRAYS = 3  # Rows of other years in each month's file, as real meters send them.
TYPES: dict[str, pa.DataType] = {
    # Location ids were text first, later whole numbers of two sizes.
    "2024-01": pa.string(),
    "2024-02": pa.int64(),
    "2024-03": pa.int32(),
    "2024-04": pa.int64(),
    "2024-05": pa.int32(),
    "2024-06": pa.int32(),
}


def trips(month: str, rng: np.random.Generator) -> pd.DataFrame:
    """A month's trips, with strays of other years at the end."""
    start = datetime.fromisoformat(f"{month}-01")
    seconds = rng.integers(0, 28 * 86_400, ROWS)
    pickup = [start + timedelta(seconds=int(second)) for second in seconds]
    pickup[-STRAYS:] = [datetime(2008, 12, 31, 23, minute) for minute in range(STRAYS)]
    distance = np.round(rng.gamma(2.0, 2.0, ROWS), 3)
    rush = np.array([moment.hour in (8, 9, 17, 18) for moment in pickup])
    minutes = 4 + distance * np.where(rush, 5.0, 3.0) + rng.normal(0, 1.5, ROWS).clip(-3, 3)
    dropoff = [
        moment + timedelta(minutes=float(value))
        for moment, value in zip(pickup, minutes, strict=True)
    ]
    return pd.DataFrame(
        {
            "VendorID": rng.integers(1, 3, ROWS),
            "lpep_pickup_datetime": pickup,
            "lpep_dropoff_datetime": dropoff,
            "PULocationID": rng.integers(1, 264, ROWS),
            "DOLocationID": rng.integers(1, 264, ROWS),
            "passenger_count": rng.integers(1, 5, ROWS),
            "trip_distance": distance,
        }
    )


def write_months(folder: Path) -> None:
    """Parquet files whose columns have another type, name or presence from month to month."""
    rng = np.random.default_rng(8)
    folder.mkdir(parents=True)
    for number, (month, id_type) in enumerate(TYPES.items()):
        frame = trips(month, rng)
        table = pa.Table.from_pandas(frame, preserve_index=False)
        for name in ("PULocationID", "DOLocationID"):
            position = table.column_names.index(name)
            table = table.set_column(position, name, table[name].cast(id_type))
        if number % 2:  # Every second month, pandas has made doubles of a column with a null.
            position = table.column_names.index("passenger_count")
            table = table.set_column(
                position, "passenger_count", table["passenger_count"].cast(pa.float64())
            )
        table = table.append_column("ehail_fee", pa.nulls(ROWS, pa.null()))
        if number >= 2:
            name = "airport_fee" if number < 4 else "Airport_fee"
            table = table.append_column(name, pa.array(rng.choice([0.0, 1.75], ROWS)))
        parquet.write_table(table, folder / f"green_tripdata_{month}.parquet")
    (folder / "lookups").mkdir()
    zones = [f'{zone},"Borough ""{zone % 5}"", city"' for zone in range(1, 264)]
    (folder / "lookups" / "zones.csv").write_text("\n".join(["LocationID,Borough", *zones]) + "\n")


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_months_of_taxi_trips_run_through(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids as text, int64 and int32; a column that begins late and changes its case (08.15, 08.16).

    The label is computed from a column that is known at prediction time, too (08.18).
    """
    folder = root / "use_cases" / "trips"
    folder.mkdir(parents=True)
    (folder / "use_case.yaml").write_text(USE_CASE)
    (folder / "features.sql").write_text(FEATURES)
    suites = root / "expectations" / "trips"
    suites.mkdir(parents=True)
    (suites / "trips.json").write_text(json.dumps(SUITE))
    monkeypatch.setenv("UPDRAFT_USE_CASES", str(root / "use_cases"))
    monkeypatch.setenv("UPDRAFT_EXPECTATIONS", str(root / "expectations"))
    write_months(root / "landing" / "trips")

    completed = updraft("run", "trips")

    assert completed.returncode == 0, completed.stdout + completed.stderr
    report = json.loads((root / "runs" / "trips" / "report.json").read_text())
    rows = report["tables"]
    months = len(TYPES)
    assert rows["bronze"] == months * (ROWS - STRAYS)
    assert rows["unplaced"] == months * STRAYS
    assert rows["clean"] == rows["features"] == rows["bronze"]
    assert report["champion"]["metrics"]["r2"] > 0.3
    ingest = next((root / "reports" / "trips_data").glob("*/ingest.json"))
    counts = json.loads(ingest.read_text())
    assert counts["rows_read"] == months * ROWS
    assert sum(counts["unplaced"].values()) == months * STRAYS
