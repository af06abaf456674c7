"""Evidently's page on drift, for people: on a bounded sample, because it works in memory."""

import json
import os
from typing import Any

import pandas as pd
from upath import UPath

from updraft.core.reports import write_whole
from updraft.core.sections import Drift

SAMPLE_ROWS = 2000
MARK = "\ue000"  # For private use: no data has it.


def write_page(then: pd.DataFrame, now: pd.DataFrame, drift: Drift, path: UPath) -> None:
    """Write the page that compares two samples of the same feature columns, by the limits of ``drift``.

    Columns without any value in one of the samples are left out: Evidently refuses them, and the report has their figures.
    """
    kept = [name for name in then.columns if then[name].notna().any() and now[name].notna().any()]
    if not kept:
        write_whole(path, "<!doctype html><html><body><p>No column has values then and now.</p></body></html>")
        return
    then, now = then[kept], now[kept]
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numbers = [str(name) for name in then.columns if pd.api.types.is_numeric_dtype(then[name])]
    categories = [str(name) for name in then.columns if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    current, reference = (
        Dataset.from_pandas(frame.assign(**{name: frame[name].map(_marked) for name in categories}), data_definition=definition)
        for frame in (now, then)
    )
    preset = DataDriftPreset(method="psi", threshold=drift.psi, drift_share=drift.min_columns / len(then.columns))
    snapshot: Any = Report([preset]).run(current, reference)
    # In a script's strings, where the page has its data.
    write_whole(path, snapshot.get_html_str(as_iframe=False).replace(json.dumps(MARK)[1:-1], r"\u003c").replace(MARK, "&lt;"))


def _marked(value: object) -> object:
    """Evidently writes values into a script as they are, so one with a closing tag would end it."""
    return value.replace("<", MARK) if isinstance(value, str) else value
