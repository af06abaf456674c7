"""The feature columns of a model, numbers and categories, and example rows as a model gets them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import pandas as pd

from updraft.core.schema import ROW_ID, quote

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclass(frozen=True)
class FeatureColumns:
    """The feature columns by type, each in the frame's order."""

    numbers: list[str]
    categories: list[str]

    @property
    def all(self) -> list[str]:
        return self.categories + self.numbers

    @property
    def plain_numbers(self) -> list[str]:
        """Names of the numbers inside a Spark ML pipeline, which misreads dots and spaces."""
        return [f"number_{position}" for position in range(len(self.numbers))]

    @property
    def plain_categories(self) -> list[str]:
        return [f"category_{position}" for position in range(len(self.categories))]

    @classmethod
    def of(cls, frame: "DataFrame", names: list[str]) -> Self:
        """Sort the named columns of a frame by type: strings are categories, the rest numbers."""
        types = dict(frame.dtypes)
        categories = [name for name in names if types[name] == "string"]
        numbers = [name for name in names if types[name] != "string"]
        return cls(numbers, categories)


def example(rows: "DataFrame", columns: FeatureColumns, number: int = 5) -> pd.DataFrame:
    """Return the first rows by id as a model gets them: the feature columns only."""
    return rows.orderBy(ROW_ID).select(*map(quote, columns.all)).limit(number).toPandas()
