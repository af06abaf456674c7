"""Makes hours of bike rentals as the UCI file hour.csv has them: one CSV of more than a year, with hours missing."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = [
    *("instant", "dteday", "season", "yr", "mnth", "hr", "holiday", "weekday", "workingday", "weathersit"),
    *("temp", "atemp", "hum", "windspeed", "casual", "registered", "cnt"),
]
FIRST = date(2011, 1, 1)
MISSING = 0.01  # Of the hours, most of them at night, as in the source.
HOLIDAYS = {(1, 17), (2, 21), (4, 15), (5, 30), (7, 4), (9, 5), (10, 10), (11, 11), (11, 24), (12, 26)}
# Rentals of registered riders on working and on free days, and of casual ones, by hour.
COMMUTE = [12, 5, 3, 2, 3, 15, 60, 180, 320, 160, 90, 110, 140, 135, 125, 145, 230, 410, 370, 250, 175, 130, 95, 50]
LEISURE = [65, 50, 38, 18, 8, 8, 15, 30, 75, 115, 155, 190, 215, 215, 210, 205, 200, 180, 155, 125, 95, 80, 65, 45]
CASUAL = [12, 8, 6, 3, 2, 2, 4, 10, 22, 38, 58, 75, 88, 95, 98, 97, 90, 82, 68, 50, 38, 30, 24, 16]


def lay(
    folder: Path,
    *,
    rows: int = 10400,
    seed: int = 2011,
    drift: float = 1.0,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write ``hour.csv`` under ``folder``, whole or not at all; return 1, the number of files. Same arguments, same bytes.

    Quirks: missing hours, seasons that start within a month, weather as shares. One line in two hundred is bad: a count
    with a comma or below 0, a humidity that is NaN, a day of the year 1 or 9999. ``drift`` is a weather station that reads
    more humidity and wind (0.2 and 0.15 at 1) over the last tenth, with a little more demand.
    """
    rng = np.random.default_rng(seed)
    hours = _hours(rng, rows, drift)
    day = hours["dteday"].to_numpy()
    chosen = ((first or FIRST) <= day) & (day <= (last or day.max()))
    hours = _spoilt(rng, hours)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".hour.csv.part"
    hours.loc[chosen, COLUMNS].to_csv(part, index=False, lineterminator="\n")
    part.replace(folder / "hour.csv")
    return 1


def _hours(rng: np.random.Generator, rows: int, drift: float) -> pd.DataFrame:
    total = int(rows / (1 - MISSING)) + 48
    clock = np.arange(total) % 24
    there = rng.random(total) > MISSING * np.where(clock < 6, 3.0, 1 / 3)
    offset = np.flatnonzero(there)[:rows]
    number, hr = offset // 24, offset % 24
    days = [FIRST + timedelta(int(n)) for n in range(number.max() + 1)]
    day = np.array(days)[number]
    of_year = np.array([one.timetuple().tm_yday for one in days])
    season = np.select([of_year < 80, of_year < 172, of_year < 266, of_year < 355], [1, 2, 3, 4], 1)
    holiday = np.array([int((one.month, one.day) in HOLIDAYS) for one in days])
    weekday = np.array([one.isoweekday() % 7 for one in days])
    working = ((weekday % 6 > 0) & (holiday == 0)).astype(int)

    # The weather of a day leans on that of the day before.
    swing = _leaning(rng, len(days), 0.75) * 0.07
    mild = 0.5 - 0.27 * np.cos(2 * np.pi * (of_year - 20) / 365) + swing
    wet = _leaning(rng, len(days), 0.5)
    situation = np.digitize(wet[number] + rng.normal(0, 0.35, len(number)), [0.45, 1.55, 3.2]) + 1
    late = drift * np.clip((np.arange(len(number)) / len(number) - 0.88) / 0.04, 0, 1)
    temp = mild[number] - 0.07 * np.cos(2 * np.pi * (hr - 3) / 24) - 0.015 * (situation - 1)
    hum = 0.6 + 0.1 * wet[number] + 0.13 * np.cos(2 * np.pi * (hr - 4) / 24) + rng.normal(0, 0.06, len(number)) + 0.2 * late
    wind = np.abs(0.19 + 0.09 * _leaning(rng, len(days), 0.4)[number] + rng.normal(0, 0.07, len(number))) + 0.15 * late

    growth = np.exp(0.15 * offset / 8760) * (1 + 0.04 * late)
    comfort = np.exp(-((temp - 0.68) ** 2) / 0.17) * np.array([1, 0.93, 0.62, 0.4])[situation - 1] * (1 - 0.25 * (hum - 0.6))
    mood = np.exp(0.11 * _leaning(rng, len(days), 0.3)[number])  # What no column tells.
    works = working[number]
    registered = np.where(works, np.array(COMMUTE)[hr], np.array(LEISURE)[hr]) * growth * comfort * mood * 1.05
    casual = np.array(CASUAL)[hr] * np.where(works, 0.35, 1.25) * growth * comfort**1.6 * mood
    return pd.DataFrame(
        {
            "instant": np.arange(1, len(number) + 1),
            "dteday": day,
            "season": season[number],
            "yr": [one.year - FIRST.year for one in day],
            "mnth": [one.month for one in day],
            "hr": hr,
            "holiday": holiday[number],
            "weekday": weekday[number],
            "workingday": works,
            "weathersit": situation,
            "temp": (temp.clip(0.02, 1) * 50).round() / 50,
            "atemp": ((temp - 0.02 - 0.1 * (wind - 0.19)).clip(0.02, 1) * 66).round().clip(1) / 66,
            "hum": hum.clip(0.08, 1).round(2),
            "windspeed": (wind.clip(0, 0.85) * 67).round() / 67,
            **(counts := {"casual": _count(rng, casual), "registered": _count(rng, registered)}),
            "cnt": (counts["casual"] + counts["registered"]).clip(1),
        }
    ).round(4)


def _leaning(rng: np.random.Generator, length: int, weight: float) -> np.ndarray:
    """Normal values of variance 1, each leaning on the one before."""
    values = rng.normal(size=length)
    for n in range(1, length):
        values[n] = weight * values[n - 1] + (1 - weight**2) ** 0.5 * values[n]
    return values


def _count(rng: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    return rng.poisson(mean * rng.gamma(30, 1 / 30, len(mean)))


def _spoilt(rng: np.random.Generator, hours: pd.DataFrame) -> pd.DataFrame:
    faults = [("cnt", "1,024"), ("cnt", "-3"), ("hum", "NaN"), ("dteday", "0001-01-01"), ("dteday", "9999-12-31")]
    hours = hours.astype({column: object for column, _ in faults})
    for row in rng.choice(len(hours), size=len(hours) // 200, replace=False):
        column, value = faults[rng.integers(len(faults))]
        hours.loc[row, column] = value
    return hours
