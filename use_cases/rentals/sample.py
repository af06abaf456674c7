"""Simulate hours of bike rentals in the schema of UCI's hour.csv: one CSV of more than a year."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from updraft.core.files import write_atomically

Array = npt.NDArray[Any]

COLUMNS = [
    *("instant", "dteday", "season", "yr", "mnth", "hr", "holiday", "weekday", "workingday"),
    *("weathersit", "temp", "atemp", "hum", "windspeed", "casual", "registered", "cnt"),
]
FIRST = date(2011, 1, 1)
MISSING = 0.01  # Share of missing hours, most of them at night, as in the source.
HOLIDAYS = {
    *((1, 17), (2, 21), (4, 15), (5, 30), (7, 4)),
    *((9, 5), (10, 10), (11, 11), (11, 24), (12, 26)),
}
# Mean rentals by hour: of registered riders on working and on free days, and of casual riders.
COMMUTE = [
    *(12, 5, 3, 2, 3, 15, 60, 180, 320, 160, 90, 110),
    *(140, 135, 125, 145, 230, 410, 370, 250, 175, 130, 95, 50),
]
LEISURE = [
    *(65, 50, 38, 18, 8, 8, 15, 30, 75, 115, 155, 190),
    *(215, 215, 210, 205, 200, 180, 155, 125, 95, 80, 65, 45),
]
CASUAL = [
    *(12, 8, 6, 3, 2, 2, 4, 10, 22, 38, 58, 75),
    *(88, 95, 98, 97, 90, 82, 68, 50, 38, 30, 24, 16),
]


def lay(
    folder: Path,
    *,
    rows: int = 10400,
    seed: int = 2011,
    drift: float = 1.0,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write ``hour.csv`` under ``folder``; return 1, the number of files.

    Equal arguments give equal bytes. Difficulties, as in the source: missing hours, seasons that
    start within a month, weather as shares. One line in two hundred is bad: a count that is
    negative or has a comma, a humidity that is NaN, a day in the year 1 or 9999.

    ``drift`` is a weather station that measures more humidity and wind (0.2 and 0.15 at 1) in the
    last tenth, with a slightly higher demand.
    """
    rng = np.random.default_rng(seed)
    hours = _hours(rng, rows, drift)
    day = hours["dteday"].to_numpy()
    chosen = ((first or FIRST) <= day) & (day <= (last or day.max()))
    hours = _corrupted(rng, hours)
    text = hours.loc[chosen, COLUMNS].to_csv(index=False, lineterminator="\n")
    write_atomically(folder / "hour.csv", text)
    return 1


def _hours(rng: np.random.Generator, rows: int, drift: float) -> pd.DataFrame:
    """Return the hours in order of time."""
    total = int(rows / (1 - MISSING)) + 48
    clock = np.arange(total) % 24
    is_present = rng.random(total) > MISSING * np.where(clock < 6, 3.0, 1 / 3)
    offset = np.flatnonzero(is_present)[:rows]
    number = offset // 24  # The day of each hour.
    hr = offset % 24
    days = [FIRST + timedelta(int(n)) for n in range(number.max() + 1)]
    day = np.array(days)[number]
    day_of_year = np.array([each.timetuple().tm_yday for each in days])
    season = np.select([day_of_year < end for end in (80, 172, 266, 355)], [1, 2, 3, 4], 1)
    holiday = np.array([int((each.month, each.day) in HOLIDAYS) for each in days])
    weekday = np.array([each.isoweekday() % 7 for each in days])
    workingday = ((weekday % 6 > 0) & (holiday == 0)).astype(int)

    # The weather of a day depends on that of the day before.
    swing = _autocorrelated(rng, len(days), 0.75) * 0.07
    mildness = 0.5 - 0.27 * np.cos(2 * np.pi * (day_of_year - 20) / 365) + swing
    wetness = _autocorrelated(rng, len(days), 0.5)
    weather = wetness[number] + rng.normal(0, 0.35, len(number))
    situation = np.digitize(weather, [0.45, 1.55, 3.2]) + 1
    late = drift * np.clip((np.arange(len(number)) / len(number) - 0.88) / 0.04, 0, 1)
    temp = mildness[number] - 0.07 * np.cos(2 * np.pi * (hr - 3) / 24) - 0.015 * (situation - 1)
    hum = (
        0.6
        + 0.1 * wetness[number]
        + 0.13 * np.cos(2 * np.pi * (hr - 4) / 24)
        + rng.normal(0, 0.06, len(number))
        + 0.2 * late
    )
    gusts = _autocorrelated(rng, len(days), 0.4)[number]
    wind = np.abs(0.19 + 0.09 * gusts + rng.normal(0, 0.07, len(number))) + 0.15 * late

    growth = np.exp(0.15 * offset / 8760) * (1 + 0.04 * late)
    warmth = np.exp(-((temp - 0.68) ** 2) / 0.17)
    dryness = np.array([1, 0.93, 0.62, 0.4])[situation - 1]
    comfort = warmth * dryness * (1 - 0.25 * (hum - 0.6))
    mood = np.exp(0.11 * _autocorrelated(rng, len(days), 0.3)[number])  # In no column.
    works = workingday[number]
    regular = np.where(works, np.array(COMMUTE)[hr], np.array(LEISURE)[hr])
    leisure = np.array(CASUAL)[hr] * np.where(works, 0.35, 1.25)
    casual = _count(rng, leisure * growth * comfort**1.6 * mood)
    registered = _count(rng, regular * growth * comfort * mood * 1.05)
    return pd.DataFrame(
        {
            "instant": np.arange(1, len(number) + 1),
            "dteday": day,
            "season": season[number],
            "yr": [each.year - FIRST.year for each in day],
            "mnth": [each.month for each in day],
            "hr": hr,
            "holiday": holiday[number],
            "weekday": weekday[number],
            "workingday": works,
            "weathersit": situation,
            "temp": (temp.clip(0.02, 1) * 50).round() / 50,
            "atemp": ((temp - 0.02 - 0.1 * (wind - 0.19)).clip(0.02, 1) * 66).round().clip(1) / 66,
            "hum": hum.clip(0.08, 1).round(2),
            "windspeed": (wind.clip(0, 0.85) * 67).round() / 67,
            "casual": casual,
            "registered": registered,
            "cnt": (casual + registered).clip(1),
        }
    ).round(4)


def _autocorrelated(rng: np.random.Generator, length: int, weight: float) -> Array:
    """Return normal values of variance 1; each has the correlation ``weight`` with the last."""
    values = rng.normal(size=length)
    for n in range(1, length):
        values[n] = weight * values[n - 1] + (1 - weight**2) ** 0.5 * values[n]
    return values


def _count(rng: np.random.Generator, mean: Array) -> Array:
    """Draw counts that vary more than Poisson's."""
    return rng.poisson(mean * rng.gamma(30, 1 / 30, len(mean)))


def _corrupted(rng: np.random.Generator, hours: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with a bad value in one of two hundred."""
    faults = [
        ("cnt", "1,024"),
        ("cnt", "-3"),
        ("hum", "NaN"),
        ("dteday", "0001-01-01"),
        ("dteday", "9999-12-31"),
    ]
    hours = hours.astype({column: object for column, _ in faults})
    for row in rng.choice(len(hours), size=len(hours) // 200, replace=False):
        column, value = faults[rng.integers(len(faults))]
        hours.loc[row, column] = value
    return hours
