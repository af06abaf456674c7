"""Evidently's page on drift, for people: on a bounded sample, because it works in memory."""

import os
from typing import Any

import pandas as pd
from upath import UPath

SAMPLE_ROWS = 2000


def write_page(then: pd.DataFrame, now: pd.DataFrame, path: UPath) -> None:
    """Write the page that compares two samples of the same feature columns."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    numbers = [str(name) for name in then.columns if pd.api.types.is_numeric_dtype(then[name])]
    categories = [str(name) for name in then.columns if name not in numbers]
    definition = DataDefinition(numerical_columns=numbers, categorical_columns=categories)
    current, reference = (Dataset.from_pandas(frame, data_definition=definition) for frame in (now, then))
    snapshot: Any = Report([DataDriftPreset(num_method="psi", cat_method="psi")]).run(current, reference)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(snapshot.get_html_str(as_iframe=False))
