"""The interval of a gain: it contains a true gain and its sign, and 0 where there is no gain."""

from typing import Any

import numpy as np
import pytest

from updraft.core.kinds import TRAITS, Kind, Task
from updraft.core.metrics import metric_of
from updraft.core.sections import Costs
from updraft.evaluation.bootstrap import GainInterval, paired_bootstrap
from updraft.evaluation.metrics import Answers, statistics
from updraft.evaluation.ranking import Ranking
from updraft.models.recommendations import TOP

ROWS = 1200
USERS = 150
ITEMS = 40
CLASSES = ("a", "b", "c")
COSTS = Costs(true_positive=5, false_positive=-1, true_negative=0, false_negative=-8)
METRICS = [(kind, metric) for kind, traits in TRAITS.items() for metric in traits.metrics]


def answers(kind: Kind, noise: float, seed: int) -> Answers:
    """The answers of a model with errors of size ``noise``, for the same rows for every seed."""
    fixed = np.random.default_rng(1)
    random = np.random.default_rng(seed)
    match kind:
        case "binary":
            labels = (fixed.random(ROWS) < 0.4).astype(float)
            signal = 0.5 + 0.3 * (2 * labels - 1)
            scores = np.clip(signal + random.normal(0, noise, ROWS), 0.01, 0.99)
            return Answers(labels, scores.reshape(-1, 1), threshold=0.5, costs=COSTS)
        case "multiclass":
            labels = fixed.choice(3, ROWS, p=[0.1, 0.3, 0.6]).astype(float)
            signal = 2 * np.eye(3)[labels.astype(int)]
            raw = np.exp(signal + random.normal(0, 3 * noise, (ROWS, 3)))
            return Answers(labels, raw / raw.sum(axis=1, keepdims=True))
        case "clustering":
            group = fixed.choice(3, ROWS)
            space = fixed.normal(0, 1, (ROWS, 2)) + 6 * np.eye(3)[group][:, :2]
            is_wrong = random.random(ROWS) < noise / 2
            clusters = np.where(is_wrong, random.choice(3, ROWS), group).astype(float)
            return Answers(np.full(ROWS, np.nan), clusters.reshape(-1, 1), space=space)
        case _:
            labels = fixed.normal(3, 1, ROWS)
            scores = (labels + random.normal(0, noise, ROWS)).reshape(-1, 1)
            precision = np.clip(0.5 - noise / 4 + random.normal(0, 0.1, USERS), 0, 1)
            shown = random.choice(int(ITEMS * (1 - noise / 2)), (USERS, TOP))
            users = [str(n) for n in range(USERS)]
            ranking = Ranking(users, ITEMS, shown, precision, precision)
            return Answers(labels, scores, ranking=ranking if kind == "recommendation" else None)


def gain(
    kind: Kind, metric: str, challenger: Answers, champion: Answers, draws: int = 200
) -> GainInterval:
    task = Task(kind, CLASSES if kind == "multiclass" else ())
    return paired_bootstrap(
        statistics(task, challenger)[metric],
        statistics(task, champion)[metric],
        more_is_better=metric_of(metric).more_is_better,
        confidence=0.95,
        seed=1,
        draws=draws,
    )


# The size of the smallest cluster does not depend on how well the rows fit into theirs.
@pytest.mark.parametrize(
    ("kind", "metric"), [pair for pair in METRICS if pair[1] != "smallest_share"]
)
def test_a_true_gain_is_significantly_above_zero_and_a_loss_below(kind: Kind, metric: str) -> None:
    good = answers(kind, 0.3, seed=2)
    bad = answers(kind, 1.2, seed=3)
    won = gain(kind, metric, good, bad)
    lost = gain(kind, metric, bad, good)
    assert 0 < won.lower <= won.value <= won.upper < np.inf
    assert lost == pytest.approx((-won.value, -won.upper, -won.lower, won.error))


@pytest.mark.parametrize(("kind", "metric"), METRICS)
def test_neither_of_two_models_with_equal_errors_is_significantly_better(
    kind: Kind, metric: str
) -> None:
    interval = gain(kind, metric, answers(kind, 0.8, seed=4), answers(kind, 0.8, seed=5))
    assert interval.lower <= 0 <= interval.upper
    assert interval.lower < interval.upper or metric == "coverage"


@pytest.mark.parametrize(("kind", "metric"), METRICS)
def test_a_model_gains_nothing_over_itself(kind: Kind, metric: str) -> None:
    same = answers(kind, 0.8, seed=4)
    assert gain(kind, metric, same, same, draws=20) == (0, 0, 0, 0)


def test_the_same_seed_gives_the_same_interval() -> None:
    good = answers("regression", 0.3, seed=2)
    bad = answers("regression", 1.2, seed=3)
    first = gain("regression", "rmse", good, bad, draws=50)
    assert first == gain("regression", "rmse", good, bad, draws=50)


def test_a_draw_without_a_value_gives_no_interval() -> None:
    """With two rows of a rare class, some draw has none of them, and its AUC is not defined."""
    labels = np.zeros(300)
    labels[:2] = 1
    good = Answers(labels, np.linspace(0.9, 0.1, 300).reshape(-1, 1), threshold=0.5)
    constant = Answers(labels, np.full((300, 1), 0.5), threshold=0.5)
    interval = gain("binary", "auc", good, constant)
    assert interval.value == pytest.approx(0.5)
    assert np.isnan(interval.lower)
    assert np.isnan(interval.upper)


def test_a_group_is_resampled_alone() -> None:
    """The interval is the same as if there were no other rows."""
    models = [answers("binary", 0.3, seed=2), answers("binary", 1.2, seed=3)]
    group = np.arange(ROWS) % 3 == 0
    in_group = [
        Answers(model.labels[group], model.scores[group], model.threshold) for model in models
    ]
    all_rows = [statistics(Task("binary"), model)["auc"] for model in models]
    group_rows = [statistics(Task("binary"), model)["auc"] for model in in_group]
    options: dict[str, Any] = {"more_is_better": True, "confidence": 0.9, "seed": 5, "draws": 50}
    assert paired_bootstrap(*all_rows, group=group, **options) == pytest.approx(
        paired_bootstrap(*group_rows, **options)
    )
