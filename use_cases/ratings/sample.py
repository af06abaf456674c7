"""Makes ratings of films as MovieLens has them: one CSV of two years."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

FIRST, DAYS = date(1995, 1, 1), 731
USERS, ITEMS, TASTES = 400, 600, 4


def lay(
    folder: Path,
    *,
    rows: int = 20000,
    seed: int = 1995,
    drift: float = 1.0,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write ``ratings.csv`` under ``folder``, whole or not at all; return 1, the number of files. Same arguments, same bytes.

    Quirks: users and films that come late (cold ones), few films with most of the ratings, times in seconds, films that
    are rated twice. One line in two hundred is bad: a time of the year 1 or 9999, a rating that is NaN, 0 or 55.
    ``drift`` turns users from old films to new ones over the last quarter: at 1 for three ratings in four.
    """
    rng = np.random.default_rng(seed)
    ratings = _ratings(rng, rows, drift)
    day = pd.to_datetime(ratings["timestamp"], unit="s").dt.date.to_numpy()
    chosen = ((first or FIRST) <= day) & (day <= (last or date.max))
    ratings = ratings.astype({"rating": object, "timestamp": object})
    _spoil(rng, ratings)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".ratings.csv.part"
    ratings[chosen].to_csv(part, index=False, lineterminator="\n")
    part.replace(folder / "ratings.csv")
    return 1


def _ratings(rng: np.random.Generator, rows: int, drift: float) -> pd.DataFrame:
    offset = np.sort(rng.random(rows)) * DAYS
    # Two in three users and films are there from the start; the others join evenly.
    joined = np.maximum(0, rng.uniform(-2, 0.98, USERS)) * DAYS
    released = np.sort(np.maximum(0, rng.uniform(-2, 0.98, ITEMS))) * DAYS
    user = _among(rng, joined, rng.lognormal(0, 0.8, USERS), offset)
    popular = rng.permutation(1 / (10 + np.arange(ITEMS)))
    item = _among(rng, released, popular, offset)
    late = rng.random(rows) < 0.75 * drift * np.clip((offset / DAYS - 0.75) / 0.05, 0, 1)
    item[late] = _among(rng, released, popular * (released > 0.3 * DAYS), offset[late])

    taste = rng.normal(0, 1, (USERS, TASTES)), rng.normal(0, 1, (ITEMS, TASTES))
    liking = 3.5 + rng.normal(0, 0.4, USERS)[user] + rng.normal(0, 0.45, ITEMS)[item]
    liking += 0.35 * (taste[0][user] * taste[1][item]).sum(axis=1) + rng.normal(0, 0.6, rows)
    start = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp())
    return pd.DataFrame(
        {
            "userId": user + 1,
            "movieId": (item + 1) * 7,
            "rating": (liking * 2).round().clip(1, 10) / 2,
            "timestamp": start + (offset * 86400).astype(int),
        }
    )


def _among(rng: np.random.Generator, there: np.ndarray, weight: np.ndarray, times: np.ndarray) -> np.ndarray:
    """For each time one of those that are there, whose times are given, in proportion to their weights."""
    order = np.argsort(there)
    sums = np.cumsum(weight[order])
    number = np.searchsorted(there[order], times, side="right")
    return order[np.searchsorted(sums, rng.random(len(times)) * sums[number - 1])]


def _spoil(rng: np.random.Generator, ratings: pd.DataFrame) -> None:
    faults = [
        *(("timestamp", "-62135596800"), ("timestamp", "253402300799"), ("rating", "NaN")),
        *(("rating", "0.0"), ("rating", "55"), ("timestamp", "978,300,760")),
    ]
    for row in rng.choice(len(ratings), size=len(ratings) // 200, replace=False):
        column, value = faults[rng.integers(len(faults))]
        ratings.loc[row, column] = value
