"""Simulate customers in the schema of IBM's Telco file: one CSV, a snapshot without time."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from updraft.core.files import write_atomically

Array = npt.NDArray[Any]

COLUMNS = [
    *("customerID", "gender", "SeniorCitizen", "Partner", "Dependents", "tenure"),
    *("PhoneService", "MultipleLines", "InternetService", "OnlineSecurity", "OnlineBackup"),
    *("DeviceProtection", "TechSupport", "StreamingTV", "StreamingMovies", "Contract"),
    *("PaperlessBilling", "PaymentMethod", "MonthlyCharges", "TotalCharges", "Churn"),
]
OPTIONAL = [
    *("OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport"),
    *("StreamingTV", "StreamingMovies"),
]
PRICES = np.array([5, 5, 5, 5, 10, 10])  # Monthly, of the optional services.
DEMAND = (0, 0.06, 0.06, 0, 0.16, 0.16)  # For the optional services, above that of the first.
PAYMENTS = [
    "Electronic check",
    "Mailed check",
    "Bank transfer (automatic)",
    "Credit card (automatic)",
]
BLOCK = 10_000 * 26  # Customer ids in one block: four digits and the first letter.


def lay(folder: Path, *, rows: int = 3000, seed: int = 7043, drift: float = 0.0) -> int:
    """Write ``telco_customer_churn.csv`` under ``folder``; return 1, the number of files.

    Equal arguments give equal bytes. Difficulties, as in the source: a blank TotalCharges for
    customers of less than a month, 'No internet service' as a third answer. One line in two
    hundred is bad: charges that are NaN or have a comma, a negative tenure, a missing Churn.

    ``drift`` sets this snapshot apart from one with 0: at 1 prices are 25 higher, and more
    customers are new.
    """
    rng = np.random.default_rng(seed)
    customers = _customers(rng, rows, drift)
    _corrupt(rng, customers)
    text = customers[COLUMNS].to_csv(index=False, lineterminator="\n")
    write_atomically(folder / "telco_customer_churn.csv", text)
    return 1


def _customers(rng: np.random.Generator, rows: int, drift: float) -> pd.DataFrame:
    """Return the customers, numbers as text."""

    def happens(probability: float | Array) -> Array:
        return rng.random(rows) < probability

    contract = np.array([0, 1, 2])[(rng.random(rows)[:, None] > np.cumsum([0.55, 0.2])).sum(axis=1)]
    tenure = _tenure(rng, contract, drift)
    partner = happens(0.25 + 0.005 * tenure)
    dependents = happens(np.where(partner, 0.5, 0.1))
    senior = happens(0.16)
    is_offline = happens(0.22 + 0.12 * (contract == 2))
    has_fiber = happens(0.56 - 0.1 * (contract == 2) + 0.1 * senior)
    internet = np.where(is_offline, 0, np.where(has_fiber, 2, 1))
    phone = happens(0.9) | (internet != 1)
    lines = phone & happens(0.3 + 0.005 * tenure)
    demand = 0.22 + 0.003 * tenure + 0.08 * contract
    chosen = [happens(np.clip(demand + extra, 0, 0.95)) for extra in DEMAND]
    optional = (internet > 0) & np.stack(chosen)
    paperless = happens(0.45 + 0.2 * (internet == 2))
    pays_by_check = happens(0.3 + 0.15 * (internet == 2) - 0.1 * contract)
    payment = np.where(pays_by_check, 0, rng.integers(1, 4, rows))
    price = 19.5 * phone + 5 * lines + np.array([0, 25, 50])[internet]
    price = price + optional.T @ PRICES + 25 * drift
    monthly = (price + rng.normal(0, 1.2, rows)).clip(18.25)
    monthly = (monthly * 20).round() / 20
    total = (monthly * tenure * rng.normal(1, 0.03, rows)).round(2)

    services = -0.5 * optional[0] - 0.5 * optional[3] + 0.3 * optional[4] + 0.3 * optional[5]
    logit = (
        0.75
        - np.array([0, 1.2, 2.3])[contract]
        - 0.75 * np.log1p(tenure)
        + np.array([-1, 0, 1.1])[internet]
        + np.where(internet > 0, services, 0)
        + 0.5 * (payment == 0)
        + 0.4 * paperless
        + 0.35 * senior
        - 0.25 * dependents
        + 0.2 * lines
    )
    churn = happens(1 / (1 + np.exp(-0.85 * logit)))
    no_internet = "No internet service"
    return pd.DataFrame(
        {
            "customerID": _customer_ids(rng, rows),
            "gender": np.where(happens(0.5), "Female", "Male"),
            "SeniorCitizen": senior.astype(int),
            "Partner": _yes_or_no(partner),
            "Dependents": _yes_or_no(dependents),
            "tenure": tenure.astype(str),
            "PhoneService": _yes_or_no(phone),
            "MultipleLines": np.where(phone, _yes_or_no(lines), "No phone service"),
            "InternetService": np.array(["No", "DSL", "Fiber optic"])[internet],
            **{
                name: np.where(internet == 0, no_internet, _yes_or_no(column))
                for name, column in zip(OPTIONAL, optional, strict=True)
            },
            "Contract": np.array(["Month-to-month", "One year", "Two year"])[contract],
            "PaperlessBilling": _yes_or_no(paperless),
            "PaymentMethod": np.array(PAYMENTS)[payment],
            "MonthlyCharges": [f"{value:g}" for value in monthly],
            "TotalCharges": [
                f"{value:g}" if months else " " for value, months in zip(total, tenure, strict=True)
            ],
            "Churn": _yes_or_no(churn),
        }
    )


def _tenure(rng: np.random.Generator, contract: Array, drift: float) -> Array:
    """Return how many months each customer has had a contract; some new ones have had none."""
    rows = len(contract)
    a = np.array([0.7, 1.7, 3.2])[contract] / (1 + drift)
    b = np.array([1.9, 1.2, 0.8])[contract]
    tenure = (72 * rng.beta(a, b)).round()
    shortest = (contract > 0) * 1 + (rng.random(rows) > 0.1)
    return np.maximum(tenure, shortest).astype(int)


def _yes_or_no(column: Array) -> Array:
    return np.where(column, "Yes", "No")


def _customer_ids(rng: np.random.Generator, rows: int) -> list[str]:
    """Return different ids in random order: four digits and five letters."""
    numbers = rng.choice(BLOCK, size=rows, replace=rows > BLOCK) + BLOCK * np.arange(rows)
    texts = []
    for number in numbers:
        rest, digits = divmod(int(number), 10_000)
        letters = ""
        for _ in range(5):
            rest, letter = divmod(rest, 26)
            letters += chr(ord("A") + letter)
        texts.append(f"{digits:04d}-{letters}")
    return texts


def _corrupt(rng: np.random.Generator, customers: pd.DataFrame) -> None:
    """Put a bad value into one row in two hundred."""
    faults = [
        ("TotalCharges", "1,234.50"),
        ("MonthlyCharges", "NaN"),
        ("tenure", "-1"),
        ("Churn", ""),
    ]
    for row in rng.choice(len(customers), size=len(customers) // 200, replace=False):
        column, value = faults[rng.integers(len(faults))]
        customers.loc[row, column] = value
