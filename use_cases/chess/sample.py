"""Simulate games in the schema of a public Lichess file: one CSV of several months.

The file is Kaggle's datasnaek/chess, without the moves.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from updraft.core.files import write_atomically

Array = npt.NDArray[Any]

COLUMNS = [
    *("id", "rated", "created_at", "last_move_at", "winner", "increment_code", "white_id"),
    *("white_rating", "black_id", "black_rating", "opening_eco", "opening_name", "opening_ply"),
]
FIRST = date(2013, 8, 1)
DAYS = 96


class Opening(NamedTuple):
    """An opening: its code, its name, and what it means for the game."""

    eco: str
    name: str
    ply: int  # Half-moves of theory.
    advantage: int  # White's, in rating points.


OPENINGS = [
    Opening("A00", "Van't Kruijs Opening", 1, -40),
    Opening("A40", "Horwitz Defense", 2, 35),
    Opening("A45", "Indian Game", 2, 20),
    Opening("B00", "Owen Defense", 2, 45),
    Opening("B01", "Scandinavian Defense", 2, 15),
    Opening("B01", "Scandinavian Defense: Mieses-Kotroc Variation", 4, 25),
    Opening("B06", "Modern Defense", 2, 25),
    Opening("B10", "Caro-Kann Defense", 2, -5),
    Opening("B20", "Sicilian Defense", 2, -10),
    Opening("B20", "Sicilian Defense: Bowdler Attack", 3, -45),
    Opening("B30", "Sicilian Defense: Old Sicilian", 4, -5),
    Opening("C00", "French Defense: Knight Variation", 3, 5),
    Opening("C02", "French Defense: Advance Variation", 5, 10),
    Opening("C20", "King's Pawn Game: Wayward Queen Attack", 3, -15),
    Opening("C41", "Philidor Defense #3", 5, 50),
    Opening("C44", "Scotch Game", 5, 30),
    Opening("C45", "Scotch Game: Classical Variation", 8, 20),
    Opening("C50", "Italian Game: Anti-Fried Liver Defense", 6, 25),
    Opening("C52", "Italian Game: Evans Gambit |  Main Line", 10, 30),
    Opening("C65", "Ruy Lopez: Berlin Defense", 6, 10),
    Opening("D00", "Queen's Pawn Game: Mason Attack", 3, 10),
    Opening("D02", "Queen's Pawn Game: Chigorin Variation", 3, 5),
    Opening("D06", "Queen's Gambit Refused: Marshall Defense", 4, 50),
    Opening("D10", "Slav Defense", 4, 15),
    Opening("E60", "King's Indian Defense", 4, 10),
]
CLOCKS = [
    *("10+0", "15+0", "5+5", "15+15", "5+8", "8+0"),
    *("10+5", "20+0", "30+0", "7+2", "0+180", "20+60"),
]
QUICK = CLOCKS.index("5+5")
CLOCK_WEIGHTS = np.array([44, 9, 5, 5, 5, 4, 4, 4, 3, 2, 1, 1], float)
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


def lay(
    folder: Path,
    *,
    rows: int = 6000,
    seed: int = 2017,
    drift: float = 1.0,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write ``games.csv`` under ``folder``; return 1, the number of files.

    Equal arguments give equal bytes. Difficulties, as in the source: times such as 1.50411E+12,
    days without games, repeated games, provisional ratings of 1500. One line in a hundred is bad:
    a time in the year 1 or 9999, a rating that is negative, NaN or has a comma, a missing winner.

    ``drift`` makes the players stronger (by about 200 points at 1) and their clocks quicker from
    the last third on.
    """
    rng = np.random.default_rng(seed)
    games, day = _games(rng, rows, drift)
    _corrupt(rng, games)
    repeated = rng.choice(rows, size=rows // 80, replace=False)
    # A repeated game comes again up to 200 games later.
    positions = np.concatenate([np.arange(rows), repeated + rng.integers(1, 200, len(repeated))])
    order = np.argsort(positions, kind="stable")
    games = pd.concat([games, games.iloc[repeated]]).iloc[order]
    day = np.concatenate([day, day[repeated]])[order]
    chosen = ((first or FIRST) <= day) & (day <= (last or FIRST + timedelta(DAYS)))
    text = games.loc[chosen, COLUMNS].to_csv(index=False, lineterminator="\n")
    write_atomically(folder / "games.csv", text)
    return 1


def _games(rng: np.random.Generator, rows: int, drift: float) -> tuple[pd.DataFrame, Array]:
    """Return the games as text in order of time, and the day of each."""
    # More games from day to day, and some days without any.
    weight = np.linspace(0.5, 1.5, DAYS) * (rng.random(DAYS) > 0.1)
    offset = np.sort(rng.choice(DAYS, size=rows, p=weight / weight.sum()))
    late = drift * np.clip((offset / DAYS - 0.7) / 0.1, 0, 1)
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp() * 1000
    # The source keeps six digits: times have steps of almost three hours, within their day.
    created = start + offset * 86_400_000 + rng.uniform(1e7, 7.6e7, rows)
    created = np.round(created, -7)

    number_of_players = max(200, rows // 3)
    skill = rng.normal(1590, 260, number_of_players)
    white, black = _pairings(rng, skill, rows)
    strength = np.stack([skill[white], skill[black]]) + 200 * late + rng.normal(0, 45, (2, rows))
    rating = strength.round().clip(780, 2750)
    is_provisional = rng.random((2, rows)) < 0.03
    rating[is_provisional] = 1500

    opening = rng.choice(len(OPENINGS), rows)
    advantage = np.array([each.advantage for each in OPENINGS])[opening]
    winner = _winners(rng, strength, advantage)

    is_quick = rng.random(rows) < np.clip(0.3 * late, 0, 1)
    shares = CLOCK_WEIGHTS / CLOCK_WEIGHTS.sum()
    clock = np.where(is_quick, QUICK, rng.choice(len(CLOCKS), rows, p=shares))
    words = rng.choice(["rook", "pawn", "king", "fork", "mate"], (number_of_players, 2))
    names = np.array([f"{first}{second}{n}" for n, (first, second) in enumerate(words)])
    eco = np.array([each.eco for each in OPENINGS])
    name = np.array([each.name for each in OPENINGS])
    ply = np.array([each.ply for each in OPENINGS])
    games = pd.DataFrame(
        {
            "id": ["".join(letters) for letters in rng.choice(LETTERS, (rows, 8))],
            "rated": np.where(rng.random(rows) < 0.81, "TRUE", "FALSE"),
            "created_at": [_scientific(time) for time in created],
            "last_move_at": [_scientific(time) for time in created + rng.exponential(1.2e6, rows)],
            "winner": winner,
            "increment_code": np.array(CLOCKS)[clock],
            "white_id": names[white],
            "white_rating": rating[0].astype(int).astype(str),
            "black_id": names[black],
            "black_rating": rating[1].astype(int).astype(str),
            "opening_eco": eco[opening],
            "opening_name": name[opening],
            "opening_ply": (ply[opening] + rng.integers(0, 4, rows)).astype(str),
        }
    )
    return games, np.array([FIRST + timedelta(int(days)) for days in offset])


def _pairings(rng: np.random.Generator, skill: Array, rows: int) -> tuple[Array, Array]:
    """Return the players of each game: opponents are of similar strength."""
    players = len(skill)
    white = rng.choice(players, rows)
    distance = rng.integers(1, 1 + players // 3, rows)
    by_skill = np.argsort(skill)
    rank = np.empty(players, int)
    rank[by_skill] = np.arange(players)
    is_stronger = rng.random(rows) < 0.5
    opponent_rank = rank[white] + np.where(is_stronger, distance, -distance)
    return white, by_skill[opponent_rank.clip(0, players - 1)]


def _winners(rng: np.random.Generator, strength: Array, advantage: Array) -> Array:
    """Draw the winners. ``strength``: white's and black's, of shape (2, games)."""
    gap = (strength[0] - strength[1] + 20 + advantage) / 280
    draw = -2.15 - 0.05 * gap**2 + 0.25 * (strength.mean(axis=0) - 1590) / 260
    logits = np.stack([-gap / 2, draw, gap / 2])
    drawn = (logits + rng.gumbel(size=logits.shape)).argmax(axis=0)
    return np.array(["black", "draw", "white"])[drawn]


def _scientific(milliseconds: float) -> str:
    digits, exponent = f"{milliseconds:.5E}".split("E")
    return f"{digits.rstrip('0').rstrip('.')}E{exponent}"


def _corrupt(rng: np.random.Generator, games: pd.DataFrame) -> None:
    """Put a bad value into one line in a hundred."""
    faults = [
        ("created_at", "-6.21356E+13"),
        ("created_at", "2.53402E+14"),
        ("white_rating", "-1"),
        ("white_rating", "1,450"),
        ("black_rating", "NaN"),
        ("winner", ""),
    ]
    for row in rng.choice(len(games), size=len(games) // 100, replace=False):
        column, value = faults[rng.integers(len(faults))]
        games.loc[row, column] = value
