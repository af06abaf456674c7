"""The interval of a gain: it finds a true one, in the right direction, and none where there is none."""

import numpy as np
import pytest

from updraft.core.kinds import TRAITS, Kind, Task, more_is_better
from updraft.core.sections import Costs
from updraft.evaluation.bootstrap import Interval, paired_bootstrap
from updraft.evaluation.metrics import Answers, statistics
from updraft.evaluation.ranking import Ranking
from updraft.models.recommendations import TOP

ROWS, USERS, ITEMS = 1200, 150, 40
CLASSES = ("a", "b", "c")
COSTS = Costs(true_positive=5, false_positive=-1, true_negative=0, false_negative=-8)
METRICS = [(kind, metric) for kind, traits in TRAITS.items() for metric in traits.metrics]


def answers(kind: Kind, noise: float, seed: int) -> Answers:
    """Answers of a model that errs by ``noise``, about rows that are the same for every seed."""
    same, random = np.random.default_rng(1), np.random.default_rng(seed)
    match kind:
        case "binary":
            labels = (same.random(ROWS) < 0.4).astype(float)
            scores = np.clip(0.5 + 0.3 * (2 * labels - 1) + random.normal(0, noise, ROWS), 0.01, 0.99)
            return Answers(labels, scores.reshape(-1, 1), threshold=0.5, costs=COSTS)
        case "multiclass":
            labels = same.choice(3, ROWS, p=[0.1, 0.3, 0.6]).astype(float)
            raw = np.exp(2 * np.eye(3)[labels.astype(int)] + random.normal(0, 3 * noise, (ROWS, 3)))
            return Answers(labels, raw / raw.sum(axis=1, keepdims=True))
        case "clustering":
            true = same.choice(3, ROWS)
            space = same.normal(0, 1, (ROWS, 2)) + 6 * np.eye(3)[true][:, :2]
            wrong = random.random(ROWS) < noise / 2
            clusters = np.where(wrong, random.choice(3, ROWS), true).astype(float)
            return Answers(np.full(ROWS, np.nan), clusters.reshape(-1, 1), space=space)
        case _:
            labels = same.normal(3, 1, ROWS)
            scores = (labels + random.normal(0, noise, ROWS)).reshape(-1, 1)
            precision = np.clip(0.5 - noise / 4 + random.normal(0, 0.1, USERS), 0, 1)
            shown = random.choice(int(ITEMS * (1 - noise / 2)), (USERS, TOP))
            ranking = Ranking([str(n) for n in range(USERS)], ITEMS, shown, precision, precision)
            return Answers(labels, scores, ranking=ranking if kind == "recommendation" else None)


def gain(kind: Kind, metric: str, challenger: Answers, champion: Answers, draws: int = 200) -> Interval:
    task = Task(kind, CLASSES if kind == "multiclass" else ())
    first, second = (statistics(task, one)[metric] for one in (challenger, champion))
    return paired_bootstrap(first, second, more_is_better=more_is_better(metric), confidence=0.95, seed=1, draws=draws)


# How large the smallest cluster is says nothing of how well the rows lie in theirs.
@pytest.mark.parametrize(("kind", "metric"), [one for one in METRICS if one[1] != "smallest_share"])
def test_a_true_gain_is_surely_above_zero_and_a_loss_below(kind: Kind, metric: str) -> None:
    good, bad = answers(kind, 0.3, seed=2), answers(kind, 1.2, seed=3)
    won, lost = gain(kind, metric, good, bad), gain(kind, metric, bad, good)
    assert 0 < won.lower <= won.value <= won.upper < np.inf
    assert lost == pytest.approx((-won.value, -won.upper, -won.lower, won.error))


@pytest.mark.parametrize(("kind", "metric"), METRICS)
def test_of_models_that_err_alike_none_is_surely_better(kind: Kind, metric: str) -> None:
    found = gain(kind, metric, answers(kind, 0.8, seed=4), answers(kind, 0.8, seed=5))
    assert found.lower <= 0 <= found.upper
    assert found.lower < found.upper or metric == "coverage"


@pytest.mark.parametrize(("kind", "metric"), METRICS)
def test_a_model_gains_nothing_over_itself(kind: Kind, metric: str) -> None:
    same = answers(kind, 0.8, seed=4)
    assert gain(kind, metric, same, same, draws=20) == (0, 0, 0, 0)


def test_the_same_seed_gives_the_same_interval() -> None:
    good, bad = answers("regression", 0.3, seed=2), answers("regression", 1.2, seed=3)
    assert gain("regression", "rmse", good, bad, draws=50) == gain("regression", "rmse", good, bad, draws=50)


def test_a_draw_without_a_figure_gives_no_interval() -> None:
    """Two rows of a class that is rare: some draw has none of them, and an AUC of that is no number."""
    labels = np.zeros(300)
    labels[:2] = 1
    few = Answers(labels, np.linspace(0.9, 0.1, 300).reshape(-1, 1), threshold=0.5)
    found = gain("binary", "auc", few, Answers(labels, np.full((300, 1), 0.5), threshold=0.5))
    assert found.value == pytest.approx(0.5)
    assert np.isnan(found.lower)
    assert np.isnan(found.upper)


def test_a_group_is_resampled_alone() -> None:
    """The same as if there were no other rows."""
    good, bad = answers("binary", 0.3, seed=2), answers("binary", 1.2, seed=3)
    group = np.arange(len(good.labels)) % 3 == 0
    pair = [statistics(Task("binary"), one)["auc"] for one in (good, bad)]
    fewer = [Answers(one.labels[group], one.scores[group], one.threshold) for one in (good, bad)]
    alone = [statistics(Task("binary"), one)["auc"] for one in fewer]
    given = {"more_is_better": True, "confidence": 0.9, "seed": 5, "draws": 50}
    assert paired_bootstrap(*pair, group=group, **given) == pytest.approx(paired_bootstrap(*alone, **given))  # type: ignore[arg-type]
