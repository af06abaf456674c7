"""Slices: which rows belong to which, and that a slice's metric is the metric of its rows alone."""

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest

from updraft.core.kinds import Task
from updraft.evaluation.metrics import Answers, metrics, statistics
from updraft.evaluation.plots.slices import slices_figure
from updraft.evaluation.slices import BINS, FEATURES, VALUES, by_slice, slice_columns, slices
from updraft.models.feature_columns import FeatureColumns

RNG = np.random.default_rng(3)


def sizes(values: object, text: bool = False) -> list[tuple[str | None, int]]:
    rows = pd.DataFrame({"it": values})
    columns = FeatureColumns([], ["it"]) if text else FeatureColumns(["it"], [])
    parts = list(slices(rows, columns))
    if parts:
        slices_of_row = np.sum([part.weights for part in parts], axis=0)
        assert (slices_of_row == 1).all(), "every row is in one slice"
    return [(part.value, int(part.weights.sum())) for part in parts]


def test_texts_are_their_most_frequent_values_and_the_others() -> None:
    few = ["b"] * 3 + ["a"] * 2 + ["c"] * 2 + [None]
    assert sizes(few, text=True) == [("b", 3), ("a", 2), ("c", 2), (None, 1)]
    many = [f"v{n:02}" for n in range(14) for _ in range(20 - n)]
    frequent = [(f"v{n:02}", 20 - n) for n in range(VALUES)]
    assert sizes(RNG.permutation(many), text=True) == [*frequent, ("4 others", 10 + 9 + 8 + 7)]
    assert sizes(["a"] * 5, text=True) == []


def test_numbers_are_bins_of_about_the_same_size() -> None:
    assert sizes(RNG.permutation(np.arange(100) / 2)) == [
        ("0 to 12", 25),
        ("12.5 to 24.5", 25),
        ("25 to 37", 25),
        ("37.5 to 49.5", 25),
    ]
    assert sizes([0.0, 1.0, 1.0, np.nan]) == [("0", 1), ("1", 2), (None, 1)]
    assert sizes([0.0] * 70 + list(range(1, 31))) == [("0 to 5", 75), ("6 to 30", 25)]
    assert sizes([7.0] * 9 + [np.inf, -np.inf]) == [("7", 9), (None, 2)]
    assert sizes([20130101.0, 20130102.5, 1e20, 3.0, -0.123456789]) == [
        ("-0.123457", 1),
        ("3", 1),
        ("20130101", 1),
        ("2.01301e+07 to 1e+20", 2),
    ]
    assert sizes([7.0] * 9) == sizes([np.nan] * 9) == []


def test_only_the_most_important_of_many_features_are_sliced_by() -> None:
    few = FeatureColumns(["n1"], ["t1"])
    assert slice_columns(few, []) == FeatureColumns(["n1"], ["t1"])
    many = FeatureColumns([f"n{n}" for n in range(30)], ["t0", "t1"])
    important = ["n29", "gone", "n5", "t1"]
    selected = [*(f"n{n}" for n in range(FEATURES - 3)), "n29"]
    assert slice_columns(many, important) == FeatureColumns(selected, ["t0", "t1"])


@pytest.mark.parametrize(
    "task", [Task("binary"), Task("multiclass", ("a", "b", "c")), Task("regression")]
)
def test_a_metric_on_a_slice_is_the_metric_of_its_rows(task: Task) -> None:
    n = 2000
    classes = len(task.classes) or 2
    places = RNG.choice(["north", "south", "east"], n)
    rows = pd.DataFrame({"x": RNG.normal(size=n), "place": places})
    rows.loc[RNG.random(n) < 0.1, "x"] = np.nan
    labels = RNG.integers(0, classes, n).astype(float)
    if task.kind == "regression":
        labels = RNG.normal(size=n)
    scores = RNG.dirichlet(np.ones(classes), n)[:, : len(task.outputs)]
    models = {
        "challenger": Answers(labels, scores, 0.4),
        "champion": Answers(labels, scores[::-1], 0.5),
    }
    columns = FeatureColumns(["x"], ["place"])

    def measured() -> list[dict[str, Any]]:
        by_model = {name: statistics(task, answers) for name, answers in models.items()}
        return by_slice(slices(rows, columns), by_model)

    documents = measured()
    parts = list(slices(rows, columns))
    assert len(documents) == len(parts) == 3 + BINS + 1
    for document, part in zip(documents, parts, strict=True):
        mask = part.weights > 0
        described = (document["feature"], document["value"], document["rows"])
        assert described == (part.feature, part.value, mask.sum())
        for name, answers in models.items():
            alone = Answers(labels[mask], answers.scores[mask], answers.threshold)
            assert document["models"][name] == pytest.approx(metrics(task, alone))
    assert measured() == documents


def test_a_slice_of_a_single_class_has_no_auc_and_is_drawn_without_it() -> None:
    rows = pd.DataFrame({"place": ["a", "a", "b", "b", "b"]})
    labels = np.array([0.0, 0, 0, 1, 1])
    answers = Answers(labels, np.array([[0.1], [0.2], [0.3], [0.8], [0.9]]), 0.5)
    measured = statistics(Task("binary"), answers)
    b, a = by_slice(slices(rows, FeatureColumns([], ["place"])), {"challenger": measured})
    assert (a["value"], b["value"]) == ("a", "b")
    assert a["models"]["challenger"]["auc"] is None
    assert b["models"]["challenger"]["auc"] == 1
    figure = slices_figure([b, a], "auc", {"challenger": 1.0}, "rows")
    labels_drawn = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels_drawn == ["place: a (2)", "place: b (3)"]


def test_slices_of_twenty_thousand_rows_and_forty_features_take_seconds() -> None:
    n = 20_000
    numbers = {f"n{k}": RNG.normal(size=n) for k in range(30)}
    texts = {f"t{k}": RNG.integers(0, 50, n).astype(str) for k in range(10)}
    rows = pd.DataFrame(numbers | texts)
    labels = (RNG.random(n) < 0.3).astype(float)
    models = {
        name: statistics(Task("binary"), Answers(labels, RNG.random((n, 1)), 0.5))
        for name in ("challenger", "champion")
    }
    columns = slice_columns(FeatureColumns(list(numbers), list(texts)), [])
    started = time.process_time()
    documents = by_slice(slices(rows, columns), models)
    seconds = time.process_time() - started
    assert len(documents) == 10 * (VALUES + 1) + 10 * BINS
    assert seconds < 10, "of CPU; 0.4 are usual"
