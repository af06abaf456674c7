"""Makes games as the public Lichess file has them (Kaggle, datasnaek/chess, without moves): one CSV of several months."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = [
    *("id", "rated", "created_at", "last_move_at", "winner", "increment_code", "white_id", "white_rating"),
    *("black_id", "black_rating", "opening_eco", "opening_name", "opening_ply"),
]
FIRST, DAYS = date(2013, 8, 1), 96
# Code, name, half-moves of theory, and white's advantage in rating points.
OPENINGS: list[tuple[str, str, int, int]] = [
    ("A00", "Van't Kruijs Opening", 1, -40),
    ("A40", "Horwitz Defense", 2, 35),
    ("A45", "Indian Game", 2, 20),
    ("B00", "Owen Defense", 2, 45),
    ("B01", "Scandinavian Defense", 2, 15),
    ("B01", "Scandinavian Defense: Mieses-Kotroc Variation", 4, 25),
    ("B06", "Modern Defense", 2, 25),
    ("B10", "Caro-Kann Defense", 2, -5),
    ("B20", "Sicilian Defense", 2, -10),
    ("B20", "Sicilian Defense: Bowdler Attack", 3, -45),
    ("B30", "Sicilian Defense: Old Sicilian", 4, -5),
    ("C00", "French Defense: Knight Variation", 3, 5),
    ("C02", "French Defense: Advance Variation", 5, 10),
    ("C20", "King's Pawn Game: Wayward Queen Attack", 3, -15),
    ("C41", "Philidor Defense #3", 5, 50),
    ("C44", "Scotch Game", 5, 30),
    ("C45", "Scotch Game: Classical Variation", 8, 20),
    ("C50", "Italian Game: Anti-Fried Liver Defense", 6, 25),
    ("C52", "Italian Game: Evans Gambit |  Main Line", 10, 30),
    ("C65", "Ruy Lopez: Berlin Defense", 6, 10),
    ("D00", "Queen's Pawn Game: Mason Attack", 3, 10),
    ("D02", "Queen's Pawn Game: Chigorin Variation", 3, 5),
    ("D06", "Queen's Gambit Refused: Marshall Defense", 4, 50),
    ("D10", "Slav Defense", 4, 15),
    ("E60", "King's Indian Defense", 4, 10),
]
CLOCKS = ["10+0", "15+0", "5+5", "15+15", "5+8", "8+0", "10+5", "20+0", "30+0", "7+2", "0+180", "20+60"]
CLOCK_SHARES = np.array([44, 9, 5, 5, 5, 4, 4, 4, 3, 2, 1, 1], float)
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")


def lay(
    folder: Path, *, rows: int = 6000, seed: int = 2017, drift: float = 1.0, first: date | None = None, last: date | None = None
) -> int:
    """Write ``games.csv`` under ``folder``, whole or not at all; return 1, the number of files. Same arguments, same bytes.

    Quirks: times as 1.50411E+12, days without games, games that stand twice, provisional ratings of 1500. One line in a
    hundred is bad: a time in the year 1 or 9999, a rating that is negative, NaN or has a comma, a missing winner.
    ``drift`` strengthens the players (about 200 points at 1) and quickens their clocks over the third quarter and after.
    """
    rng = np.random.default_rng(seed)
    games, day = _games(rng, rows, drift)
    _spoil(rng, games)
    twice = rng.choice(rows, size=rows // 80, replace=False)
    order = np.argsort(np.concatenate([np.arange(rows), twice + rng.integers(1, 200, len(twice))]), kind="stable")
    games = pd.concat([games, games.iloc[twice]]).iloc[order]
    day = np.concatenate([day, day[twice]])[order]
    chosen = ((first or FIRST) <= day) & (day <= (last or FIRST + timedelta(DAYS)))
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".games.csv.part"
    games.loc[chosen, COLUMNS].to_csv(part, index=False, lineterminator="\n")
    part.replace(folder / "games.csv")
    return 1


def _games(rng: np.random.Generator, rows: int, drift: float) -> tuple[pd.DataFrame, np.ndarray]:
    """The games as text in order of time, and the day of each."""
    weight = np.linspace(0.5, 1.5, DAYS) * (rng.random(DAYS) > 0.1)  # Ever more games, and some days without.
    offset = np.sort(rng.choice(DAYS, size=rows, p=weight / weight.sum()))
    late = drift * np.clip((offset / DAYS - 0.7) / 0.1, 0, 1)
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC).timestamp() * 1000
    # The source keeps six digits, so times come in steps of almost three hours; those of one day stay in it.
    created = start + offset * 86_400_000 + rng.uniform(1e7, 7.6e7, rows)
    created = np.round(created, -7)

    players = max(200, rows // 3)
    skill = rng.normal(1590, 260, players)
    white = rng.choice(players, rows)
    apart = rng.integers(1, 1 + players // 3, rows)  # Opponents are sought among the players of similar strength.
    rank = np.argsort(skill)
    place = np.empty(players, int)
    place[rank] = np.arange(players)
    black = rank[(place[white] + np.where(rng.random(rows) < 0.5, apart, -apart)).clip(0, players - 1)]
    strength = np.stack([skill[white], skill[black]]) + 200 * late + rng.normal(0, 45, (2, rows))
    rating = strength.round().clip(780, 2750)
    provisional = rng.random((2, rows)) < 0.03
    rating[provisional] = 1500

    opening = rng.choice(len(OPENINGS), rows)
    advantage = np.array([points for *_, points in OPENINGS])[opening]
    gap = (strength[0] - strength[1] + 20 + advantage) / 280
    logits = np.stack([-gap / 2, -2.15 - 0.05 * gap**2 + 0.25 * (strength.mean(axis=0) - 1590) / 260, gap / 2])
    winner = np.array(["black", "draw", "white"])[(logits + rng.gumbel(size=(3, rows))).argmax(axis=0)]

    quick = np.clip(0.3 * late, 0, 1)
    clock = np.where(rng.random(rows) < quick, 2, rng.choice(len(CLOCKS), rows, p=CLOCK_SHARES / CLOCK_SHARES.sum()))
    words = rng.choice(["rook", "pawn", "king", "fork", "mate"], (players, 2))
    names = np.array([f"{a}{b}{n}" for n, (a, b) in enumerate(words)])
    eco, name, ply = (np.array(values) for values in list(zip(*OPENINGS, strict=True))[:3])
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


def _scientific(milliseconds: float) -> str:
    digits, exponent = f"{milliseconds:.5E}".split("E")
    return f"{digits.rstrip('0').rstrip('.')}E{exponent}"


def _spoil(rng: np.random.Generator, games: pd.DataFrame) -> None:
    faults = [
        *(("created_at", "-6.21356E+13"), ("created_at", "2.53402E+14"), ("white_rating", "-1"), ("white_rating", "1,450")),
        *(("black_rating", "NaN"), ("winner", "")),
    ]
    for row in rng.choice(len(games), size=len(games) // 100, replace=False):
        column, value = faults[rng.integers(len(faults))]
        games.loc[row, column] = value
