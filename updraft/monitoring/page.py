"""The page on drift, for people: the report's verdicts, and Evidently's plots of bounded samples.

Evidently works in memory, and its own verdicts on samples would differ from ours.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from upath import UPath

from updraft.core.files import write_atomically
from updraft.core.reports import ColumnDrift
from updraft.core.schema import ROW_ID, quote
from updraft.core.sections import Drift
from updraft.monitoring.drift import Reference, has_drifted

SAMPLE_ROWS = 2000
LESS_THAN = "\ue000"  # Stands for "<" in values. It is for private use, so no data has it.
BODY = re.compile("<body[^>]*>")
TEMPLATES = Environment(
    autoescape=True, loader=FileSystemLoader(Path(__file__).parent / "templates")
)


def sample(rows: DataFrame, reference: Reference) -> pd.DataFrame:
    """At most ``SAMPLE_ROWS`` rows, the same ones each time, with the columns that the page plots.

    Columns of users and items are left out: a plot of thousands of names shows nothing.
    """
    columns = [quote(name) for name, column in reference.items() if "entities" not in column]
    return rows.orderBy(F.xxhash64(ROW_ID)).limit(SAMPLE_ROWS).select(*columns).toPandas()


def write_page(
    reference_rows: pd.DataFrame,
    current_rows: pd.DataFrame,
    verdicts: list[ColumnDrift],
    drift: Drift,
    path: UPath,
) -> None:
    """Write the page that shows the verdicts, and compares two samples of the same columns.

    Columns without any value in one of the samples are not plotted: Evidently refuses them.

    Args:
        reference_rows: A ``sample`` of the training rows.
        current_rows: A ``sample`` of the newest rows.
        verdicts: Those of the report, which Evidently shows as its own.
        drift: The policy.
        path: Where the page is written.
    """
    table = _table(verdicts, drift)
    plotted = []
    for verdict in verdicts:
        name = verdict.column
        if name not in reference_rows.columns:
            continue
        if reference_rows[name].notna().any() and current_rows[name].notna().any():
            plotted.append(verdict)
    if not plotted:
        html = (
            f"<!doctype html><html><body>{table}<p>No column has values to plot.</p></body></html>"
        )
        write_atomically(path, html)
        return
    names = [verdict.column for verdict in plotted]
    page = _evidently(reference_rows[names], current_rows[names], plotted, drift)
    write_atomically(path, BODY.sub(lambda tag: tag[0] + table, page, count=1))


def _table(verdicts: list[ColumnDrift], drift: Drift) -> str:
    """The verdicts as HTML."""
    drifted = sum(verdict.drifted for verdict in verdicts)
    judged = sum(verdict.p_value is not None for verdict in verdicts)
    headline = f"{drifted} of {len(verdicts)} columns have drifted: "
    detected = has_drifted(verdicts, drift)
    if detected is None:
        headline = "No verdict: too few columns could be judged"
    else:
        headline += "drift" if detected else "no drift"
        headline += f" (from {drift.min_columns} on)"
    template = TEMPLATES.get_template("verdicts.html")
    return template.render(headline=headline, columns=verdicts, judged=judged)


def _evidently(
    reference_rows: pd.DataFrame,
    current_rows: pd.DataFrame,
    verdicts: list[ColumnDrift],
    drift: Drift,
) -> str:
    """Evidently's page as HTML, with our figures and verdicts in place of its own."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.legacy.calculations.stattests.registry import StatTest, register_stattest
    from evidently.legacy.core import ColumnType
    from evidently.presets import DataDriftPreset

    columns = [str(name) for name in reference_rows.columns]
    numbers = [name for name in columns if pd.api.types.is_numeric_dtype(reference_rows[name])]
    categories = [name for name in columns if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)

    def dataset(rows: pd.DataFrame) -> Dataset:
        masked = {name: rows[name].map(_mask) for name in categories}
        return Dataset.from_pandas(rows.assign(**masked), data_definition=definition)

    def known(verdict: ColumnDrift) -> StatTest:
        types = [ColumnType.Numerical, ColumnType.Categorical]
        test = StatTest(f"verdict on {verdict.column}", "PSI", types)
        register_stattest(test, lambda *_: (verdict.psi, verdict.drifted))
        return test

    preset = DataDriftPreset(
        per_column_method={verdict.column: known(verdict) for verdict in verdicts},
        per_column_threshold={each.column: each.bound or drift.psi for each in verdicts},
        drift_share=drift.min_columns / len(columns),
    )
    snapshot: Any = Report([preset]).run(dataset(current_rows), dataset(reference_rows))
    page: str = snapshot.get_html_str(as_iframe=False)
    # Values are in the strings of a script, as JSON, and in the page's own text.
    in_script = json.dumps(LESS_THAN)[1:-1]
    return page.replace(in_script, r"\u003c").replace(LESS_THAN, "&lt;")


def _mask(value: object) -> object:
    """Take "<" out of a value: Evidently writes values into a script, which a tag would close."""
    return value.replace("<", LESS_THAN) if isinstance(value, str) else value
