"""Makes customers as IBM's Telco file has them: one CSV, a snapshot without time."""

from pathlib import Path

import numpy as np
import pandas as pd

COLUMNS = [
    *("customerID", "gender", "SeniorCitizen", "Partner", "Dependents", "tenure", "PhoneService", "MultipleLines"),
    *("InternetService", "OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV"),
    *("StreamingMovies", "Contract", "PaperlessBilling", "PaymentMethod", "MonthlyCharges", "TotalCharges", "Churn"),
]
OPTIONAL = ["OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV", "StreamingMovies"]
PRICES = np.array([5, 5, 5, 5, 10, 10])  # Of the optional services, a month.
PAYMENTS = ["Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)"]


def lay(folder: Path, *, rows: int = 3000, seed: int = 7043, drift: float = 0.0) -> int:
    """Write ``telco_customer_churn.csv`` under ``folder``, whole or not at all; return 1, the number of files.

    Same arguments, same bytes. Quirks: a blank TotalCharges for customers of less than a month, 'No internet service' as
    a third answer. One line in two hundred is bad: charges with a comma or NaN, a tenure below 0, no answer for Churn.
    ``drift`` sets this snapshot off from one of 0: at 1 prices are 25 higher, and more customers are new.
    """
    rng = np.random.default_rng(seed)
    customers = _customers(rng, rows, drift)
    _spoil(rng, customers)
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / ".telco_customer_churn.csv.part"
    customers[COLUMNS].to_csv(part, index=False, lineterminator="\n")
    part.replace(folder / "telco_customer_churn.csv")
    return 1


def _customers(rng: np.random.Generator, rows: int, drift: float) -> pd.DataFrame:
    def yes(share: float | np.ndarray) -> np.ndarray:
        return rng.random(rows) < share

    contract = np.array([0, 1, 2])[(rng.random(rows)[:, None] > np.cumsum([0.55, 0.2])).sum(axis=1)]
    tenure = (72 * rng.beta(np.array([0.7, 1.7, 3.2])[contract] / (1 + drift), np.array([1.9, 1.2, 0.8])[contract])).round()
    tenure = np.maximum(tenure, (contract > 0) * 1 + (rng.random(rows) > 0.1)).astype(int)
    partner = yes(0.25 + 0.005 * tenure)
    dependents = yes(np.where(partner, 0.5, 0.1))
    senior = yes(0.16)
    internet = np.where(yes(0.22 + 0.12 * (contract == 2)), 0, np.where(yes(0.56 - 0.1 * (contract == 2) + 0.1 * senior), 2, 1))
    phone = yes(0.9) | (internet != 1)
    lines = phone & yes(0.3 + 0.005 * tenure)
    wish = 0.22 + 0.003 * tenure + 0.08 * contract
    optional = np.stack([(internet > 0) & yes(np.clip(wish + more, 0, 0.95)) for more in (0, 0.06, 0.06, 0, 0.16, 0.16)])
    paperless = yes(0.45 + 0.2 * (internet == 2))
    payment = np.where(yes(0.3 + 0.15 * (internet == 2) - 0.1 * contract), 0, rng.integers(1, 4, rows))
    price = 19.5 * phone + 5 * lines + np.array([0, 25, 50])[internet] + optional.T @ PRICES + 25 * drift
    monthly = (price + rng.normal(0, 1.2, rows)).clip(18.25)
    monthly = (monthly * 20).round() / 20
    total = (monthly * tenure * rng.normal(1, 0.03, rows)).round(2)

    logit = (
        0.75
        - np.array([0, 1.2, 2.3])[contract]
        - 0.75 * np.log1p(tenure)
        + np.array([-1, 0, 1.1])[internet]
        + np.where(internet > 0, -0.5 * optional[0] - 0.5 * optional[3] + 0.3 * optional[4] + 0.3 * optional[5], 0)
        + 0.5 * (payment == 0)
        + 0.4 * paperless
        + 0.35 * senior
        - 0.25 * dependents
        + 0.2 * lines
    )
    churn = yes(1 / (1 + np.exp(-0.85 * logit)))

    def answer(column: np.ndarray, unless: np.ndarray, otherwise: str) -> np.ndarray:
        return np.where(unless, otherwise, np.where(column, "Yes", "No"))

    offline = internet == 0
    return pd.DataFrame(
        {
            "customerID": _identities(rng, rows),
            "gender": np.where(yes(0.5), "Female", "Male"),
            "SeniorCitizen": senior.astype(int),
            "Partner": np.where(partner, "Yes", "No"),
            "Dependents": np.where(dependents, "Yes", "No"),
            "tenure": tenure.astype(str),
            "PhoneService": np.where(phone, "Yes", "No"),
            "MultipleLines": answer(lines, ~phone, "No phone service"),
            "InternetService": np.array(["No", "DSL", "Fiber optic"])[internet],
            **{name: answer(has, offline, "No internet service") for name, has in zip(OPTIONAL, optional, strict=True)},
            "Contract": np.array(["Month-to-month", "One year", "Two year"])[contract],
            "PaperlessBilling": np.where(paperless, "Yes", "No"),
            "PaymentMethod": np.array(PAYMENTS)[payment],
            "MonthlyCharges": [f"{value:g}" for value in monthly],
            "TotalCharges": [f"{value:g}" if months else " " for value, months in zip(total, tenure, strict=True)],
            "Churn": np.where(churn, "Yes", "No"),
        }
    )


def _identities(rng: np.random.Generator, rows: int) -> list[str]:
    """Different ones, in no order: four digits and five letters."""
    numbers = rng.choice(10_000 * 26, size=rows, replace=rows > 10_000 * 26) + 10_000 * 26 * np.arange(rows)
    texts = []
    for number in numbers:
        rest, digits = divmod(int(number), 10_000)
        letters = ""
        for _ in range(5):
            rest, letter = divmod(rest, 26)
            letters += chr(ord("A") + letter)
        texts.append(f"{digits:04d}-{letters}")
    return texts


def _spoil(rng: np.random.Generator, customers: pd.DataFrame) -> None:
    faults = [("TotalCharges", "1,234.50"), ("MonthlyCharges", "NaN"), ("tenure", "-1"), ("Churn", "")]
    for row in rng.choice(len(customers), size=len(customers) // 200, replace=False):
        column, value = faults[rng.integers(len(faults))]
        customers.loc[row, column] = value
