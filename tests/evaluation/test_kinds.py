"""The table of kinds: it is complete, and the kinds agree with each other and with Spark."""

import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from updraft.core.kinds import TRAITS, Task
from updraft.core.manifest import Manifest
from updraft.evaluation.kinds import KINDS, kind_of
from updraft.models.answers import decide
from updraft.models.versions import RegisteredVersion, VersionTags

CLASSES = ("a draw", "black", "white")
TASKS = [Task(kind, CLASSES if traits.names_classes else ()) for kind, traits in TRAITS.items()]
DAY = date(2013, 3, 1)
VERSION = RegisteredVersion(
    version=1,
    run_id="r",
    tags=VersionTags(
        algorithm="a",
        threshold=0.5,
        relevance=None,
        features_version=0,
        features_table="table",
        trained_from=DAY,
        trained_until=DAY,
        dag_run={},
        search_progress=None,
    ),
    card="",
    folder=Path(),
    approved=Manifest(files={}, facts={}),
)


def test_each_kind_has_its_behaviour_and_only_kinds_with_entities_recommend() -> None:
    assert list(KINDS) == list(TRAITS)
    for kind, traits in TRAITS.items():
        assert KINDS[kind].recommends == bool(traits.entities)
        assert bool(KINDS[kind].varying_columns()) == traits.has_target


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.kind)
def test_the_predictions_table_has_the_same_decisions_as_numpy(
    spark: SparkSession, task: Task
) -> None:
    scores = np.random.default_rng(1).dirichlet(np.ones(3), 40)[:, : len(task.outputs)]
    if task.kind == "clustering":
        scores = np.round(scores * 5)
    frame = spark.createDataFrame(scores.tolist(), task.outputs).coalesce(1)
    outputs = {name: F.col(name) for name in task.outputs}
    columns = kind_of(task).prediction_columns(outputs, VERSION, task)
    predicted = frame.select(*columns).toPandas().iloc[:, -1]
    decisions = decide(scores, task, VERSION.tags.threshold)
    if task.classes:
        assert predicted.tolist() == [CLASSES[int(number)] for number in decisions]
    else:
        assert predicted.astype(float).tolist() == decisions.tolist()


@pytest.mark.parametrize(
    ("task", "labels", "summary", "text"),
    [
        (Task("binary"), [1.0, 0.0, 0.0, 0.0], {"positives": 1}, "25.0% positive"),
        (
            Task("multiclass", ("a", "b")),
            [1.0, 0.0, 0.0, 0.0],
            {"classes": {"a": 3, "b": 1}},
            "75.0% a, 25.0% b",
        ),
        (Task("regression"), [1.0, 2.0, 3.0, 4.0], {"mean": 2.5}, "2.5 on average"),
        (Task("recommendation"), [1.0, 2.0, 3.0, 4.0], {"mean": 2.5}, "2.5 on average"),
        (Task("clustering"), [1.0, 1.0, 1.0, 1.0], {}, ""),
    ],
)
def test_labels_are_summarized(
    spark: SparkSession, task: Task, labels: list[float], summary: dict[str, object], text: str
) -> None:
    kind = kind_of(task)
    frame = spark.createDataFrame([(label,) for label in labels], ["label"])
    assert kind.label_summary(frame, task) == (4, summary)
    assert kind.label_text(4, summary) == text


def test_the_kinds_load_no_plots_and_no_scikit_learn() -> None:
    """A scoring job needs neither, and both are slow to import."""
    code = (
        "import sys, updraft.evaluation.kinds;"
        "print([name for name in ('matplotlib', 'sklearn') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_binary_model_needs_a_threshold() -> None:
    without = replace(VERSION, tags=replace(VERSION.tags, threshold=None))
    with pytest.raises(AssertionError, match="threshold"):
        KINDS["binary"].prediction_columns({"probability": F.lit(0.5)}, without, Task("binary"))
