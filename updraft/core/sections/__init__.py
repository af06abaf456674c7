"""The sections of ``use_case.yaml``. Strict, frozen, and every mistake is named at its own key."""

from updraft.core.sections.base import Share, Strict, Whole
from updraft.core.sections.data import SUFFIXES, Catalog, ColumnType, Data, Lookup, Target
from updraft.core.sections.model import Algorithm, Bounds, Choices, Costs, Model, Search
from updraft.core.sections.policy import (
    MAX_WINDOW,
    Alerts,
    Days,
    Demo,
    Drift,
    Gate,
    Required,
    Schedule,
    Serving,
    Slices,
    Spark,
)

__all__ = [
    "MAX_WINDOW",
    "SUFFIXES",
    "Alerts",
    "Algorithm",
    "Bounds",
    "Catalog",
    "Choices",
    "ColumnType",
    "Costs",
    "Data",
    "Days",
    "Demo",
    "Drift",
    "Gate",
    "Lookup",
    "Model",
    "Required",
    "Schedule",
    "Search",
    "Serving",
    "Share",
    "Slices",
    "Spark",
    "Strict",
    "Target",
    "Whole",
]
