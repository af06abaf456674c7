"""Evidently's page on drift, for people: drawn from bounded samples, because it works in memory."""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from upath import UPath

from updraft.core.files import write_atomically
from updraft.core.schema import ROW_ID, quote
from updraft.core.sections import Drift
from updraft.monitoring.drift import Reference

SAMPLE_ROWS = 2000
LESS_THAN = "\ue000"  # Stands for "<" in values. It is for private use, so no data has it.
TEMPLATES = Environment(
    autoescape=True, loader=FileSystemLoader(Path(__file__).parent / "templates")
)


def sample(rows: DataFrame, reference: Reference) -> pd.DataFrame:
    """At most ``SAMPLE_ROWS`` rows, the same ones each time, with the columns that the page plots.

    Columns of users and items are left out: a plot of thousands of names shows nothing.
    """
    columns = [quote(name) for name, column in reference.items() if "names" not in column]
    return rows.orderBy(F.xxhash64(ROW_ID)).limit(SAMPLE_ROWS).select(*columns).toPandas()


def write_page(
    reference_rows: pd.DataFrame, current_rows: pd.DataFrame, drift: Drift, path: UPath
) -> None:
    """Write the page that compares two samples of the same feature columns.

    Columns without any value in one of the samples are left out: Evidently refuses them, and the
    report has their values.

    Args:
        reference_rows: A ``sample`` of the training rows.
        current_rows: A ``sample`` of the newest rows.
        drift: The limits from which a column and the use case have drifted.
        path: Where the page is written.
    """
    columns = []
    for name in reference_rows.columns:
        if reference_rows[name].notna().any() and current_rows[name].notna().any():
            columns.append(name)
    if not columns:
        write_atomically(path, TEMPLATES.get_template("no_values.html").render())
        return
    write_atomically(path, _evidently(reference_rows[columns], current_rows[columns], drift))


def _evidently(reference_rows: pd.DataFrame, current_rows: pd.DataFrame, drift: Drift) -> str:
    """Evidently's page as HTML."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    columns = [str(name) for name in reference_rows.columns]
    numbers = [name for name in columns if pd.api.types.is_numeric_dtype(reference_rows[name])]
    categories = [name for name in columns if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)

    def dataset(rows: pd.DataFrame) -> Dataset:
        masked = {name: rows[name].map(_mask) for name in categories}
        return Dataset.from_pandas(rows.assign(**masked), data_definition=definition)

    min_share = drift.min_columns / len(columns)
    preset = DataDriftPreset(method="psi", threshold=drift.psi, drift_share=min_share)
    snapshot: Any = Report([preset]).run(dataset(current_rows), dataset(reference_rows))
    page: str = snapshot.get_html_str(as_iframe=False)
    # Values are in the strings of a script, as JSON, and in the page's own text.
    in_script = json.dumps(LESS_THAN)[1:-1]
    return page.replace(in_script, r"\u003c").replace(LESS_THAN, "&lt;")


def _mask(value: object) -> object:
    """Take "<" out of a value: Evidently writes values into a script, which a tag would close."""
    return value.replace("<", LESS_THAN) if isinstance(value, str) else value
