"""Makes invoice lines as the UCI file Online Retail has them: one CSV of half a year."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
FIRST, DAYS = date(2010, 12, 1), 182
# Of each kind of customer: share, invoices in 30 days, lines of an invoice, mean quantity of a line.
KINDS: list[tuple[float, float, float, float]] = [
    (0.05, 3.5, 14, 40),  # Resellers.
    (0.25, 1.3, 8, 10),  # Regulars.
    (0.45, 0.35, 5, 5),  # Now and then.
    (0.25, 0.0, 4, 3),  # Once.
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
    """Write ``online_retail.csv`` under ``folder``, whole or not at all; return 1, the number of files.

    Same arguments, same bytes. Quirks: cancellations (an invoice C..., a quantity below 0), lines without a customer, an
    enormous order that is cancelled at once, articles for nothing, postage, lines that stand twice. One line in two
    hundred is bad: a time of the year 1 or 9999, a quantity with a comma, a price that is NaN or below 0.
    ``drift`` raises the quantities over the last two months: at 1 to eight times as much.
    """
    rng = np.random.default_rng(seed)
    lines = _lines(rng, rows, drift)
    begun = lines.pop("begun")
    _spoil(rng, lines)
    day = begun.dt.date.to_numpy()
    chosen = ((first or FIRST) <= day) & (day <= (last or date.max))
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".online_retail.csv.part"
    lines.loc[chosen, COLUMNS].to_csv(part, index=False, lineterminator="\n")
    part.replace(folder / "online_retail.csv")
    return 1


def _lines(rng: np.random.Generator, rows: int, drift: float) -> pd.DataFrame:
    """The lines in order of time, everything but numbers and ``begun`` as text."""
    kind, customer, offset = _invoices(rng, rows)
    length = 1 + rng.poisson(np.array([mean - 1 for *_, mean, _ in KINDS])[kind])
    invoice = np.repeat(np.arange(len(kind)), length)[:rows]
    late = drift * np.clip((offset[invoice] - 120) / 15, 0, 1)
    amount = np.array([mean for *_, mean in KINDS])[kind[invoice]] * (1 + 7 * late)
    quantity = np.maximum(1, (amount * rng.lognormal(-0.2, 0.6, rows)).round()).astype(int)
    article = (600 * rng.beta(0.8, 2.5, rows)).astype(int)
    price = np.round(0.4 + (article * 7919 % 97) / 12, 2) * (rng.random(rows) > 0.004)
    postage = rng.random(rows) < 0.004
    start = datetime(FIRST.year, FIRST.month, FIRST.day, 8)
    begun = [start + timedelta(days=int(days), minutes=int(days % 1 * 600)) for days in offset]
    texts = [f"{time.month}/{time.day}/{time.year} {time.hour}:{time.minute:02d}" for time in begun]
    unknown = rng.random(len(kind)) < 0.2
    home = np.where(rng.random(customer.max() + 1) < 0.9, 0, rng.integers(1, len(COUNTRIES), customer.max() + 1))
    names = np.array([f"{colour} {good}" for good in GOODS for colour in COLOURS])
    lines = pd.DataFrame(
        {
            "InvoiceNo": (536365 + invoice).astype(str),
            "StockCode": np.where(postage, "POST", (20000 + article).astype(str)),
            "Description": np.where(postage, "POSTAGE", names[article % len(names)]),
            "Quantity": quantity.astype(object),
            "InvoiceDate": np.array(texts)[invoice],
            "UnitPrice": np.where(postage, 18.0, price).round(2).astype(object),
            "CustomerID": np.where(unknown, "", (12346 + customer).astype(str))[invoice],
            "Country": np.array(COUNTRIES)[home[customer[invoice]]],
            "begun": pd.to_datetime(np.array(begun)[invoice]),
        }
    )
    lines.loc[rng.random(rows) < 0.003, "Description"] = ""
    return _cancelled(rng, lines)


def _invoices(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kind, customer and time in days of each invoice, in order of time: enough of them for ``rows`` lines."""
    share, rate, *_ = (np.array(values) for values in zip(*KINDS, strict=True))
    kinds, customers, offsets = [], [], []
    expected, customer = 0.0, 0
    while expected < 1.1 * rows + 200:
        kind = int(rng.choice(len(KINDS), p=share))
        number = 1 + int(rng.poisson(rate[kind] * DAYS / 30))
        kinds += [kind] * number
        customers += [customer] * number
        offsets += list(rng.random(number) * DAYS)
        expected += number * KINDS[kind][2]
        customer += 1
    # Lines are cut off at the end of a random order, so that no part of the half year has fewer.
    order = rng.permutation(len(kinds))
    reached = np.cumsum(np.array([KINDS[kind][2] for kind in kinds])[order])
    kept = order[: int(np.searchsorted(reached, rows)) + 40]
    offset = np.array(offsets)[kept]
    by_time = np.argsort(offset)
    return np.array(kinds)[kept][by_time], np.array(customers)[kept][by_time], offset[by_time]


def _cancelled(rng: np.random.Generator, lines: pd.DataFrame) -> pd.DataFrame:
    """Some lines cancel the one before, one of them an enormous order; some stand twice. As many lines as before."""
    rows = len(lines)
    enormous = rng.integers(rows // 4, rows // 2)
    lines.loc[enormous, ["StockCode", "Description", "Quantity"]] = ["23166", "MEDIUM CERAMIC TOP STORAGE JAR", 74215]
    cancels, repeats = (rng.random(rows) < share for share in (1 / 60, 1 / 200))
    cancels[enormous + 1], cancels[enormous], cancels[0] = True, False, False
    repeats[[0, enormous, enormous + 1, enormous + 2]] = False
    lines = lines.iloc[np.arange(rows) - (cancels | repeats)].reset_index(drop=True)
    cancels &= ~repeats
    lines.loc[cancels, "InvoiceNo"] = "C" + lines["InvoiceNo"]
    lines.loc[cancels, "Quantity"] = -lines["Quantity"]
    return lines


def _spoil(rng: np.random.Generator, lines: pd.DataFrame) -> None:
    faults = [
        *(("InvoiceDate", "1/1/0001 0:00"), ("InvoiceDate", "12/31/9999 23:59"), ("Quantity", "1,200")),
        *(("UnitPrice", "NaN"), ("UnitPrice", "-1.25")),
    ]
    for row in rng.choice(len(lines), size=len(lines) // 200, replace=False):
        column, value = faults[rng.integers(len(faults))]
        lines.loc[row, column] = value
