"""The feature columns of a model, numbers and categories, and rows of them as a model gets them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from updraft.core.schema import ROW_ID, quote

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class Columns:
    """The feature columns by kind, in the frame's order."""

    numbers: list[str]
    categories: list[str]

    @property
    def all(self) -> list[str]:
        return self.categories + self.numbers

    @property
    def plain_numbers(self) -> list[str]:
        """What the numbers are called inside a pipeline, because Spark ML takes a dot for a path and a space for an end."""
        return [f"number_{n}" for n in range(len(self.numbers))]

    @property
    def plain_categories(self) -> list[str]:
        return [f"category_{n}" for n in range(len(self.categories))]

    @classmethod
    def of(cls, frame: "DataFrame", names: list[str]) -> "Columns":
        types = dict(frame.dtypes)
        categories = [name for name in names if types[name] == "string"]
        return cls([name for name in names if name not in categories], categories)


def example(rows: "DataFrame", columns: Columns, number: int = 5) -> pd.DataFrame:
    """A few rows as a model gets them."""
    return rows.orderBy(ROW_ID).select(*map(quote, columns.all)).limit(number).toPandas()
