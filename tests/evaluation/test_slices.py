"""Slices: which rows belong to which, and that a metric on one of them is the metric of these rows alone."""

import time

import numpy as np
import pandas as pd
import pytest

from updraft.core.kinds import Task
from updraft.evaluation.metrics import Answers, metrics, statistics
from updraft.evaluation.plots.slices import slices_figure
from updraft.evaluation.slices import BINS, FEATURES, VALUES, by_slice, sliced_by, slices
from updraft.models.feature_columns import Columns

RNG = np.random.default_rng(3)


def sizes(values: object, text: bool = False) -> list[tuple[str | None, int]]:
    rows = pd.DataFrame({"it": values})
    found = list(slices(rows, Columns([], ["it"]) if text else Columns(["it"], [])))
    assert found == [] or (sum(one.weights for one in found) == 1).all(), "every row is in one slice"
    return [(one.value, int(one.weights.sum())) for one in found]


def test_texts_are_their_most_frequent_values_and_the_rest() -> None:
    few = ["b"] * 3 + ["a"] * 2 + ["c"] * 2 + [None]
    assert sizes(few, text=True) == [("b", 3), ("a", 2), ("c", 2), (None, 1)]
    many = [f"v{n:02}" for n in range(14) for _ in range(20 - n)]
    found = sizes(RNG.permutation(many), text=True)
    assert found == [(f"v{n:02}", 20 - n) for n in range(VALUES)] + [("4 others", 10 + 9 + 8 + 7)]
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


def test_of_many_features_those_that_matter_most_are_sliced_by() -> None:
    columns = Columns([f"n{n}" for n in range(30)], ["t0", "t1"])
    assert sliced_by(Columns(["n1"], ["t1"]), []) == Columns(["n1"], ["t1"])
    important = ["n29", "gone", "n5", "t1"]
    found = sliced_by(columns, important)
    assert found == Columns([*(f"n{n}" for n in range(FEATURES - 3)), "n29"], ["t0", "t1"])


@pytest.mark.parametrize("task", [Task("binary"), Task("multiclass", ("a", "b", "c")), Task("regression")])
def test_a_metric_on_a_slice_is_the_metric_of_its_rows(task: Task) -> None:
    n, classes = 2000, len(task.classes) or 2
    rows = pd.DataFrame({"x": RNG.normal(size=n), "place": RNG.choice(["north", "south", "east"], n)})
    rows.loc[RNG.random(n) < 0.1, "x"] = np.nan
    labels = RNG.normal(size=n) if task.kind == "regression" else RNG.integers(0, classes, n).astype(float)
    scores = RNG.dirichlet(np.ones(classes), n)[:, : len(task.outputs)]
    models = {"challenger": Answers(labels, scores, 0.4), "champion": Answers(labels, scores[::-1], 0.5)}
    columns = Columns(["x"], ["place"])
    found = by_slice(slices(rows, columns), {name: statistics(task, answers) for name, answers in models.items()})
    masks = list(slices(rows, columns))
    assert len(found) == len(masks) == 3 + BINS + 1
    for one, mask in zip(found, masks, strict=True):
        here = mask.weights > 0
        assert (one["feature"], one["value"], one["rows"]) == (mask.feature, mask.value, here.sum())
        for name, answers in models.items():
            alone = metrics(task, Answers(labels[here], answers.scores[here], answers.threshold))
            assert one["models"][name] == pytest.approx(alone)
    again = by_slice(slices(rows, columns), {name: statistics(task, answers) for name, answers in models.items()})
    assert again == found


def test_a_slice_of_a_single_class_has_no_auc_and_is_drawn_without_it() -> None:
    rows = pd.DataFrame({"place": ["a", "a", "b", "b", "b"]})
    answers = Answers(np.array([0.0, 0, 0, 1, 1]), np.array([[0.1], [0.2], [0.3], [0.8], [0.9]]), 0.5)
    measured = statistics(Task("binary"), answers)
    b, a = by_slice(slices(rows, Columns([], ["place"])), {"challenger": measured})
    assert (a["value"], b["value"]) == ("a", "b")
    assert a["models"]["challenger"]["auc"] is None
    assert b["models"]["challenger"]["auc"] == 1
    figure = slices_figure([b, a], "auc", {"challenger": 1.0}, "rows")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["place: a (2)", "place: b (3)"]


def test_slices_of_twenty_thousand_rows_and_forty_features_take_seconds() -> None:
    n = 20_000
    rows = pd.DataFrame(
        {f"n{k}": RNG.normal(size=n) for k in range(30)} | {f"t{k}": RNG.integers(0, 50, n).astype(str) for k in range(10)}
    )
    labels = (RNG.random(n) < 0.3).astype(float)
    models = {name: statistics(Task("binary"), Answers(labels, RNG.random((n, 1)), 0.5)) for name in ("challenger", "champion")}
    columns = sliced_by(Columns([f"n{k}" for k in range(30)], [f"t{k}" for k in range(10)]), [])
    started = time.process_time()
    found = by_slice(slices(rows, columns), models)
    seconds = time.process_time() - started
    assert len(found) == 10 * (VALUES + 1) + 10 * BINS
    assert seconds < 10, "of CPU; 0.4 are usual"
