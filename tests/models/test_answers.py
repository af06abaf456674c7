"""What scores mean: thresholds and classes, and the names of their columns."""

import numpy as np
import pytest

from updraft.core.kinds import Kind, Task
from updraft.models.answers import decide, probability_columns


def test_a_binary_model_decides_by_its_threshold_which_itself_is_positive() -> None:
    scores = np.array([[0.29], [0.3], [0.31], [np.nan]])
    assert decide(scores, Task("binary"), 0.3).tolist() == [0, 1, 1, 0]
    with pytest.raises(ValueError, match="threshold: missing"):
        decide(scores, Task("binary"), None)


def test_the_most_probable_class_wins_and_ties_go_to_the_first() -> None:
    scores = np.array([[0.2, 0.3, 0.5], [0.4, 0.4, 0.2], [0.1, 0.8, 0.1]])
    assert decide(scores, Task("multiclass", ("a", "b", "c")), None).tolist() == [2, 0, 1]


@pytest.mark.parametrize("kind", ["regression", "clustering", "recommendation"])
def test_for_other_kinds_the_score_is_the_answer(kind: Kind) -> None:
    assert decide(np.array([[2.0], [-1.5]]), Task(kind), None).tolist() == [2.0, -1.5]


@pytest.mark.parametrize(
    ("classes", "columns"),
    [
        (("low", "high"), ["probability_low", "probability_high"]),
        (("very low", "high!"), ["probability_very_low", "probability_high_"]),
        (("a b", "a-b"), ["probability_0", "probability_1"]),
        (("A", "a"), ["probability_0", "probability_1"]),
    ],
)
def test_columns_are_named_by_classes_or_numbered_where_names_collide(
    classes: tuple[str, ...], columns: list[str]
) -> None:
    assert probability_columns(Task("multiclass", classes)) == columns
