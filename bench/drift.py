"""How often drift is found where there is none, how soon where there is, and how fast.

Flights and rentals go through the project's own jobs into features; simulated laws do not need
them. Bins, spread and verdicts are the real ones, with the counts made in pandas: windows by the
hundred would take Spark hours. The last part is in Spark, against Evidently.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import real_rows
from harness import Measurement

from updraft.core.reports import ColumnDrift
from updraft.core.schema import EVENT_DATE, LABEL, ROW_ID, feature_names
from updraft.core.sections import Drift
from updraft.core.use_case import load_use_case
from updraft.monitoring.bins import (
    Bins,
    bins_of_numbers,
    bins_of_texts,
    number_of_bins,
    positions,
)
from updraft.monitoring.counting import ColumnCounts
from updraft.monitoring.drift import Reference, Window, column_reference, has_drifted, judge

DAYS = 60  # Of training.
WEEK = 7
REPETITIONS = 300  # Of each simulated law.
COLUMNS = 10
RHO = 0.9  # The correlation of the days of the dependent law.
WIDE_ROWS = 300_000
WIDE_COLUMNS = 200
Shift = Callable[[pd.DataFrame], pd.DataFrame]


def count(frame: pd.DataFrame, bins: Mapping[str, Bins]) -> dict[str, ColumnCounts]:
    """The counts of each column by partition, as ``updraft.monitoring.counting`` makes them."""
    day, days = pd.factorize(frame[EVENT_DATE], sort=True)
    counts = {}
    for name, column in bins.items():
        found, scaled = positions(column, pa.array(frame[name], from_pandas=True))
        size = number_of_bins(column)
        rows = np.bincount(day * size + found, minlength=len(days) * size)
        sums = None if scaled is None else np.bincount(day, scaled, len(days))
        of_column = ColumnCounts(rows.reshape(len(days), size), sums)
        counts[name] = of_column.only_labelled() if name == LABEL else of_column
    return counts


def make_bins(values: pd.Series) -> Bins:
    array = pa.array(values, from_pandas=True)
    if pa.types.is_string(array.type):
        return bins_of_texts(array)
    return bins_of_numbers(values.to_numpy(float))


@dataclass(frozen=True)
class Champion:
    """What is known of the rows that a champion was trained on."""

    reference: Reference

    @classmethod
    def trained_on(cls, train: pd.DataFrame, columns: list[str], window: int) -> "Champion":
        bins = {name: make_bins(train[name]) for name in columns}
        counts = count(train, bins)
        return cls({name: column_reference(bins[name], counts[name], window) for name in columns})

    def verdicts(self, newest: pd.DataFrame, policy: Drift) -> list[ColumnDrift]:
        counted = count(newest, self.reference)
        windows = {name: Window.of(counts) for name, counts in counted.items()}
        return judge(self.reference, windows, policy)

    def drifted(self, newest: pd.DataFrame, policy: Drift) -> bool:
        return has_drifted(self.verdicts(newest, policy), policy) is True


# Real rows


def columns_of(frame: pd.DataFrame) -> list[str]:
    return [*feature_names(list(frame.columns)), LABEL]


def windows_after(
    frame: pd.DataFrame, train_days: int, window: int, gap: int = 0
) -> Iterator[tuple[Champion, pd.DataFrame]]:
    """A champion of ``train_days``, and the window after it: through all days of the frame."""
    days = sorted(frame[EVENT_DATE].unique())
    by_day = dict(list(frame.groupby(EVENT_DATE)))
    for start in range(0, len(days) - train_days - gap - window + 1, window):
        train = days[start : start + train_days]
        newest = days[start + train_days + gap : start + train_days + gap + window]
        champion = Champion.trained_on(
            pd.concat([by_day[day] for day in train]), columns_of(frame), window
        )
        yield champion, pd.concat([by_day[day] for day in newest])


def quiet_weeks(
    name: str, frame: pd.DataFrame, train_days: int, window: int
) -> Iterator[tuple[str, Measurement]]:
    """The share of windows right after the training days that count as drifted."""
    found: dict[int, list[bool]] = {1: [], 2: [], 3: []}
    old: list[bool] = []
    for champion, newest in windows_after(frame, train_days, window):
        for min_columns, alarms in found.items():
            alarms.append(champion.drifted(newest, Drift(min_columns=min_columns)))
        by_psi = [column.psi >= 0.25 for column in champion.verdicts(newest, Drift())]
        old.append(sum(by_psi) >= 3)
    for min_columns, alarms in found.items():
        target = 5.0 if min_columns == 3 else None
        title = f"{name}: alarms in {len(alarms)} quiet windows, min_columns {min_columns}"
        yield title, Measurement(100 * float(np.mean(alarms)), "%", target)
    title = f"{name}: the same by PSI of 0.25 alone, min_columns 3"
    yield title, Measurement(100 * float(np.mean(old)), "%")


def june(frame: pd.DataFrame, policy: Drift) -> Iterator[tuple[str, Measurement]]:
    """When a champion of January and February finds that its rows have changed."""
    days = frame[EVENT_DATE].astype(str)
    train = frame[days <= "2013-02-28"]
    champion = Champion.trained_on(train, columns_of(frame), WEEK)
    found = []
    for last in pd.date_range("2013-03-07", "2013-07-07"):
        first = str((last - pd.Timedelta(days=WEEK - 1)).date())
        newest = frame[(days >= first) & (days <= str(last.date()))]
        if champion.drifted(newest, policy):
            found.append(last)
    in_june = [last for last in found if "2013-06-07" <= str(last.date()) <= "2013-06-30"]
    missed = 0.0 if pd.Timestamp("2013-06-30") in found else 100.0
    yield "flights: drift of the week until 30 June, missed", Measurement(missed, "%", 0)
    share = 100 * (1 - len(in_june) / 24)
    yield "flights: windows in June that are missed, checked daily", Measurement(share, "%")
    delay = (found[0] - pd.Timestamp("2013-03-07")).days if found else 999
    yield "flights: days from the training until the first alarm", Measurement(delay, "days")


def moved(frame: pd.DataFrame) -> pd.DataFrame:
    """Three numbers, one standard deviation up."""
    names = ["distance", "seats", "departure_minute"]
    return frame.assign(**{name: frame[name] + frame[name].std() for name in names})


def emptied(frame: pd.DataFrame) -> pd.DataFrame:
    """A lookup that has failed: no weather for two thirds of the rows."""
    lost = np.arange(len(frame)) % 3 > 0
    return frame.assign(**{name: frame[name].mask(lost) for name in ("temp", "dewp", "humid")})


def other_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Categories under other names, such as another case."""
    names = ["carrier", "origin", "dest"]
    return frame.assign(**{name: frame[name].str.lower() for name in names})


def other_unit(frame: pd.DataFrame) -> pd.DataFrame:
    """Weather in other units: Celsius for Fahrenheit, pascal for millibar."""
    celsius = {name: (frame[name] - 32) / 1.8 for name in ("temp", "dewp")}
    return frame.assign(**celsius, pressure=frame["pressure"] * 100)


def injected(frame: pd.DataFrame, policy: Drift) -> Iterator[tuple[str, Measurement]]:
    """The share of quiet windows in which an injected shift is missed."""
    shifts: list[Shift] = [moved, emptied, other_texts, other_unit]
    missed: dict[str, list[bool]] = {shift.__name__: [] for shift in shifts}
    for champion, newest in windows_after(frame, DAYS, WEEK):
        for shift in shifts:
            is_found = champion.drifted(shift(newest), policy)
            missed[shift.__name__].append(not is_found)
    for name, misses in missed.items():
        title = f"flights: injected shift missed, {name.replace('_', ' ')}"
        yield title, Measurement(100 * float(np.mean(misses)), "%", 10)


# Simulated laws


def law(
    rng: np.random.Generator, rows: int, day_effect: float, shift: float = 0.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Training days and a week after them, of ``rows`` rows; all columns but the last are numbers.

    ``day_effect``: the standard deviation of the days' means, which are autocorrelated by ``RHO``.
    ``shift``: of the numbers of the week.
    """
    days = DAYS + WEEK
    day = np.sort(rng.integers(0, WEEK, rows))
    day = np.concatenate([np.repeat(np.arange(DAYS), max(rows // WEEK, 1)), DAYS + day])
    data: dict[str, npt.NDArray[Any]] = {EVENT_DATE: day}
    for number in range(COLUMNS - 1):
        effect = rng.normal(size=days)
        for position in range(1, days):
            effect[position] = RHO * effect[position - 1] + np.sqrt(1 - RHO**2) * effect[position]
        values = rng.normal(size=len(day)) + day_effect * effect[day]
        data[f"c{number}"] = values + shift * (day >= DAYS)
    data["text"] = rng.choice(list("aaabbcde"), len(day))
    frame = pd.DataFrame(data)
    return frame[frame[EVENT_DATE] < DAYS], frame[frame[EVENT_DATE] >= DAYS]


def simulated() -> Iterator[tuple[str, Measurement]]:
    """How often a law that does not change counts as drifted, and one that does does not."""
    policy = Drift(min_columns=2)
    laws = [("independent", rows, 0.0) for rows in (20, 35, 50, 100, 1000)]
    laws += [("autocorrelated", rows, 1.0) for rows in (50, 350)]
    for name, rows, effect in laws:
        for shift in (0.0, 3.0 if effect else 1.0):
            alarms = []
            for seed in range(REPETITIONS if not shift else REPETITIONS // 3):
                rng = np.random.default_rng([seed, rows])
                train, newest = law(rng, rows, effect, shift)
                columns = [name for name in train.columns if name != EVENT_DATE]
                champion = Champion.trained_on(train, columns, WEEK)
                alarms.append(champion.drifted(newest, policy))
            share = 100 * float(np.mean(alarms))
            if shift:
                title = f"{name}, {rows} rows, moved by {shift:g}: missed"
                yield title, Measurement(100 - share, "%", None if rows < 50 else 10)
            else:
                title = f"{name}, {rows} rows, {COLUMNS} columns: at least 2 drift"
                yield title, Measurement(share, "%", 5)


# Speed


def speed() -> Iterator[tuple[str, Measurement]]:
    """Reference and comparison of wide rows in Spark, against Evidently in memory.

    CPU seconds, with the start of both: the wall time is that of whatever else the machine does.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.parquet"
        size = Path(folder) / "size"
        write_wide(path)
        call = "import sys; sys.path.insert(0, 'bench'); import drift; drift."
        ours = harness.cost_of([sys.executable, "-c", f"{call}ours({str(path)!r}, {str(size)!r})"])
        theirs = harness.cost_of([sys.executable, "-c", f"{call}evidently({str(path)!r})"])
        title = f"{WIDE_ROWS:,} x {WIDE_COLUMNS}"
        yield f"{title}: ours", Measurement(ours.cpu, "CPU s")
        yield f"{title}: ours, elapsed", Measurement(ours.wall, "s")
        yield f"{title}: Evidently", Measurement(theirs.cpu, "CPU s")
        yield f"{title}: Evidently, elapsed", Measurement(theirs.wall, "s")
        yield f"{title}: ours / Evidently", Measurement(ours.cpu / theirs.cpu, "x", 0.05)
        kilobytes = int(size.read_text()) / WIDE_COLUMNS / 1000
        yield f"{title}: reference", Measurement(kilobytes, "KB a column", 5)


def write_wide(path: Path) -> None:
    rng = np.random.default_rng(200)
    data: dict[str, Any] = {
        ROW_ID: [str(number) for number in range(WIDE_ROWS)],
        EVENT_DATE: pd.date_range("2024-01-01", periods=DAYS).date[
            np.arange(WIDE_ROWS) * DAYS // WIDE_ROWS
        ],
    }
    for number in range(WIDE_COLUMNS):
        is_text = number % 10 == 0
        values = rng.choice(list("abcdefgh"), WIDE_ROWS) if is_text else rng.normal(size=WIDE_ROWS)
        data[f"c{number}"] = values
    pd.DataFrame(data).to_parquet(path)


def ours(path: str, size: str) -> None:
    """Make the reference of the rows and compare them with it; write the bytes of the reference."""
    from pyspark.sql import SparkSession

    from updraft.core.spark_conf import spark_conf
    from updraft.monitoring.drift import compare, reference

    os.environ["PYSPARK_PYTHON"] = sys.executable
    conf = spark_conf(short_job=False, wide_rows=True)
    spark = SparkSession.builder.master("local[2]").config(map=conf).getOrCreate()
    rows = spark.read.parquet(path)
    stored = reference(rows, [f"c{number}" for number in range(WIDE_COLUMNS)], WEEK)
    compare(rows, stored, Drift(), rows)
    Path(size).write_text(str(len(json.dumps(stored))))


def evidently(path: str) -> None:
    """Evidently's own PSI of the same rows, without its page."""
    from evidently import Dataset, Report
    from evidently.presets import DataDriftPreset

    frame = pd.read_parquet(path).drop(columns=[ROW_ID, EVENT_DATE])
    rows = Dataset.from_pandas(frame)
    Report([DataDriftPreset(method="psi")]).run(rows, rows)


def main() -> None:
    flights = real_rows.features("flights", "2013-01-01", "2013-12-31")
    rentals = real_rows.features("rentals", "2011-01-01", "2013-09-30", rows=24_000, drift=0.0)
    policy = load_use_case("flights").drift
    measurements: dict[str, Measurement] = {}
    parts = [
        quiet_weeks("flights", flights, DAYS, WEEK),
        quiet_weeks("rentals", rentals, 365, 2 * WEEK),
        june(flights, policy),
        injected(flights, policy),
        simulated(),
        speed(),
    ]
    for part in parts:
        for title, measurement in part:
            harness.console.print(f"{title}: {measurement.value:.3g} {measurement.unit}")
            measurements[title] = measurement
    harness.report("drift", measurements)


if __name__ == "__main__":
    main()
