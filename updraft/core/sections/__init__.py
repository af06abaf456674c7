"""The sections of ``use_case.yaml``: strict, immutable, every mistake reported at its own key."""

from updraft.core.sections.base import Context, Share, Strict
from updraft.core.sections.data import Data
from updraft.core.sections.data_parts import Catalog, ColumnType, Lookup, Target
from updraft.core.sections.file_format import FileFormat
from updraft.core.sections.gate import Gate, Required, Slices
from updraft.core.sections.model import Costs, Model
from updraft.core.sections.operations import (
    MAX_WINDOW,
    Alerts,
    Decay,
    Drift,
    Retraining,
    Serving,
    Spark,
)
from updraft.core.sections.schedule import Schedule
from updraft.core.sections.search import Algorithm, Bounds, Choices, Search

__all__ = [
    "MAX_WINDOW",
    "Alerts",
    "Algorithm",
    "Bounds",
    "Catalog",
    "Choices",
    "ColumnType",
    "Context",
    "Costs",
    "Data",
    "Decay",
    "Drift",
    "FileFormat",
    "Gate",
    "Lookup",
    "Model",
    "Required",
    "Retraining",
    "Schedule",
    "Search",
    "Serving",
    "Share",
    "Slices",
    "Spark",
    "Strict",
    "Target",
]
