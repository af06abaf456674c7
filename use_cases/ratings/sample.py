"""Simulate ratings of films in the schema of MovieLens: one CSV of two years."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from updraft.core.files import write_atomically

Array = npt.NDArray[np.float64]

FIRST = date(1995, 1, 1)
DAYS = 731
USERS = 400
ITEMS = 600
TASTES = 4  # Latent factors of users and films.


def lay(
    folder: Path,
    *,
    rows: int = 20000,
    seed: int = 1995,
    drift: float = 1.0,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write ``ratings.csv`` under ``folder``; return 1, the number of files.

    Equal arguments give equal bytes. Difficulties, as in the source: users and films that join
    late (cold starts), few films with most of the ratings, times in seconds, films that a user
    rates twice. One line in two hundred is bad: a time in the year 1 or 9999, a rating that is
    NaN, 0 or 55.

    ``drift`` moves users from old films to new ones in the last quarter: at 1 for three ratings
    in four.
    """
    rng = np.random.default_rng(seed)
    ratings = _ratings(rng, rows, drift)
    day = pd.to_datetime(ratings["timestamp"], unit="s").dt.date.to_numpy()
    chosen = ((first or FIRST) <= day) & (day <= (last or date.max))
    ratings = ratings.astype({"rating": object, "timestamp": object})
    _corrupt(rng, ratings)
    text = ratings[chosen].to_csv(index=False, lineterminator="\n")
    write_atomically(folder / "ratings.csv", text)
    return 1


def _ratings(rng: np.random.Generator, rows: int, drift: float) -> pd.DataFrame:
    """Return the ratings in order of time."""
    offset = np.sort(rng.random(rows)) * DAYS
    # Two in three users and films exist from the start; the others join at a constant rate.
    joined = np.maximum(0, rng.uniform(-2, 0.98, USERS)) * DAYS
    released = np.sort(np.maximum(0, rng.uniform(-2, 0.98, ITEMS))) * DAYS
    user = _draw(rng, joined, rng.lognormal(0, 0.8, USERS), offset)
    popularity = rng.permutation(1 / (10 + np.arange(ITEMS)))
    item = _draw(rng, released, popularity, offset)
    in_last_quarter = np.clip((offset / DAYS - 0.75) / 0.05, 0, 1)
    moved = rng.random(rows) < 0.75 * drift * in_last_quarter
    is_new = released > 0.3 * DAYS
    item[moved] = _draw(rng, released, popularity * is_new, offset[moved])

    user_tastes = rng.normal(0, 1, (USERS, TASTES))
    item_tastes = rng.normal(0, 1, (ITEMS, TASTES))
    stars = 3.5 + rng.normal(0, 0.4, USERS)[user] + rng.normal(0, 0.45, ITEMS)[item]
    stars += 0.35 * (user_tastes[user] * item_tastes[item]).sum(axis=1) + rng.normal(0, 0.6, rows)
    start = int(datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp())
    return pd.DataFrame(
        {
            "userId": user + 1,
            "movieId": (item + 1) * 7,
            "rating": (stars * 2).round().clip(1, 10) / 2,
            "timestamp": start + (offset * 86400).astype(int),
        }
    )


def _draw(
    rng: np.random.Generator, start: Array, weight: Array, times: Array
) -> npt.NDArray[np.int64]:
    """Draw for each time one of those that have started by then, in proportion to the weights."""
    order = np.argsort(start)
    sums = np.cumsum(weight[order])
    number = np.searchsorted(start[order], times, side="right")
    return order[np.searchsorted(sums, rng.random(len(times)) * sums[number - 1])]


def _corrupt(rng: np.random.Generator, ratings: pd.DataFrame) -> None:
    """Put a bad value into one row in two hundred."""
    faults = [
        ("timestamp", "-62135596800"),
        ("timestamp", "253402300799"),
        ("rating", "NaN"),
        ("rating", "0.0"),
        ("rating", "55"),
        ("timestamp", "978,300,760"),
    ]
    for row in rng.choice(len(ratings), size=len(ratings) // 200, replace=False):
        column, value = faults[rng.integers(len(faults))]
        ratings.loc[row, column] = value
