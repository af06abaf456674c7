"""Simulate invoice lines in the schema of UCI's Online Retail: one CSV of half a year."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from updraft.core.files import write_atomically

Array = npt.NDArray[Any]

COLUMNS = [
    *("InvoiceNo", "StockCode", "Description", "Quantity"),
    *("InvoiceDate", "UnitPrice", "CustomerID", "Country"),
]
FIRST = date(2010, 12, 1)
DAYS = 182


class Kind(NamedTuple):
    """A kind of customer: its share of all, and means of what it buys."""

    share: float
    invoices_in_30_days: float
    lines: float  # In an invoice.
    quantity: float  # In a line.


KINDS = [
    Kind(0.05, 3.5, 14, 40),  # Resellers.
    Kind(0.25, 1.3, 8, 10),  # Regulars.
    Kind(0.45, 0.35, 5, 5),  # Occasional customers.
    Kind(0.25, 0.0, 4, 3),  # One-time customers.
]
GOODS = [
    "HEART T-LIGHT HOLDER",
    "RED RETROSPOT CAKESTAND",
    "JUMBO BAG",
    "PARTY BUNTING",
    "LUNCH BAG",
    "ALARM CLOCK",
    "TEA TOWEL",
]
COLOURS = ["WHITE", "RED", "PINK", "BLUE", "IVORY", "VINTAGE", "BLACK"]
COUNTRIES = ["United Kingdom", "Germany", "France", "EIRE", "Spain", "Netherlands"]


def lay(
    folder: Path,
    *,
    rows: int = 20000,
    seed: int = 2010,
    drift: float = 1.0,
    first: date | None = None,
    last: date | None = None,
) -> int:
    """Write ``online_retail.csv`` under ``folder``; return 1, the number of files.

    Equal arguments give equal bytes. Difficulties, as in the source: cancellations (an invoice
    C..., a negative quantity), lines without a customer, an enormous order that is cancelled at
    once, free articles, postage, repeated lines. One line in two hundred is bad: a time in the
    year 1 or 9999, a quantity with a comma, a price that is NaN or negative.

    ``drift`` raises the quantities in the last two months: at 1 to eight times as much.
    """
    rng = np.random.default_rng(seed)
    lines = _lines(rng, rows, drift)
    time = lines.pop("time")
    _corrupt(rng, lines)
    day = time.dt.date.to_numpy()
    chosen = ((first or FIRST) <= day) & (day <= (last or date.max))
    text = lines.loc[chosen, COLUMNS].to_csv(index=False, lineterminator="\n")
    write_atomically(folder / "online_retail.csv", text)
    return 1


def _lines(rng: np.random.Generator, rows: int, drift: float) -> pd.DataFrame:
    """Return the lines in order of time, all columns but numbers and ``time`` as text."""
    kind, customer, offset = _invoices(rng, rows)
    mean_lines = np.array([each.lines - 1 for each in KINDS])[kind]
    number = 1 + rng.poisson(mean_lines)
    invoice = np.repeat(np.arange(len(kind)), number)[:rows]
    late = drift * np.clip((offset[invoice] - 120) / 15, 0, 1)
    mean_quantity = np.array([each.quantity for each in KINDS])[kind[invoice]] * (1 + 7 * late)
    quantity = np.maximum(1, (mean_quantity * rng.lognormal(-0.2, 0.6, rows)).round()).astype(int)
    article = (600 * rng.beta(0.8, 2.5, rows)).astype(int)
    is_free = rng.random(rows) <= 0.004
    price = np.round(0.4 + (article * 7919 % 97) / 12, 2) * ~is_free
    is_postage = rng.random(rows) < 0.004
    start = datetime(FIRST.year, FIRST.month, FIRST.day, 8)
    times = [start + timedelta(days=int(n), minutes=int(n % 1 * 600)) for n in offset]
    texts = [f"{t.month}/{t.day}/{t.year} {t.hour}:{t.minute:02d}" for t in times]
    is_unknown = rng.random(len(kind)) < 0.2
    customers = customer.max() + 1
    is_british = rng.random(customers) < 0.9
    country = np.where(is_british, 0, rng.integers(1, len(COUNTRIES), customers))
    names = np.array([f"{colour} {good}" for good in GOODS for colour in COLOURS])
    lines = pd.DataFrame(
        {
            "InvoiceNo": (536365 + invoice).astype(str),
            "StockCode": np.where(is_postage, "POST", (20000 + article).astype(str)),
            "Description": np.where(is_postage, "POSTAGE", names[article % len(names)]),
            "Quantity": quantity.astype(object),
            "InvoiceDate": np.array(texts)[invoice],
            "UnitPrice": np.where(is_postage, 18.0, price).round(2).astype(object),
            "CustomerID": np.where(is_unknown, "", (12346 + customer).astype(str))[invoice],
            "Country": np.array(COUNTRIES)[country[customer[invoice]]],
            "time": pd.to_datetime(np.array(times)[invoice]),
        }
    )
    lines.loc[rng.random(rows) < 0.003, "Description"] = ""
    return _with_cancellations(rng, lines)


def _invoices(rng: np.random.Generator, rows: int) -> tuple[Array, Array, Array]:
    """Return kind, customer and time in days of each invoice, in order of time.

    They are enough for ``rows`` lines.
    """
    shares = np.array([kind.share for kind in KINDS])
    kinds: list[int] = []
    customers: list[int] = []
    offsets: list[float] = []
    expected_lines = 0.0
    customer = 0
    while expected_lines < 1.1 * rows + 200:
        kind = int(rng.choice(len(KINDS), p=shares))
        number = 1 + int(rng.poisson(KINDS[kind].invoices_in_30_days * DAYS / 30))
        kinds += [kind] * number
        customers += [customer] * number
        offsets += list(rng.random(number) * DAYS)
        expected_lines += number * KINDS[kind].lines
        customer += 1
    # The surplus is dropped in random order, so that no part of the half year has fewer lines.
    order = rng.permutation(len(kinds))
    lines = np.cumsum(np.array([KINDS[kind].lines for kind in kinds])[order])
    sample = order[: int(np.searchsorted(lines, rows)) + 40]
    offset = np.array(offsets)[sample]
    by_time = np.argsort(offset)
    return np.array(kinds)[sample][by_time], np.array(customers)[sample][by_time], offset[by_time]


def _with_cancellations(rng: np.random.Generator, lines: pd.DataFrame) -> pd.DataFrame:
    """Return as many lines, of which some cancel the line before and some repeat it.

    One of those that are cancelled is an enormous order.
    """
    rows = len(lines)
    enormous = rng.integers(rows // 4, rows // 2)
    order = ["23166", "MEDIUM CERAMIC TOP STORAGE JAR", 74215]
    lines.loc[enormous, ["StockCode", "Description", "Quantity"]] = order
    cancels = rng.random(rows) < 1 / 60
    repeats = rng.random(rows) < 1 / 200
    cancels[[0, enormous]] = False
    cancels[enormous + 1] = True
    repeats[[0, enormous, enormous + 1, enormous + 2]] = False
    lines = lines.iloc[np.arange(rows) - (cancels | repeats)].reset_index(drop=True)
    cancels &= ~repeats
    lines.loc[cancels, "InvoiceNo"] = "C" + lines["InvoiceNo"]
    lines.loc[cancels, "Quantity"] = -lines["Quantity"]
    return lines


def _corrupt(rng: np.random.Generator, lines: pd.DataFrame) -> None:
    """Put a bad value into one line in two hundred."""
    faults = [
        ("InvoiceDate", "1/1/0001 0:00"),
        ("InvoiceDate", "12/31/9999 23:59"),
        ("Quantity", "1,200"),
        ("UnitPrice", "NaN"),
        ("UnitPrice", "-1.25"),
    ]
    for row in rng.choice(len(lines), size=len(lines) // 200, replace=False):
        column, value = faults[rng.integers(len(faults))]
        lines.loc[row, column] = value
