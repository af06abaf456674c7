"""The interval of a gain: it contains a true gain and its sign, and 0 where there is no gain."""

import numpy as np
import pytest

from updraft.core.kinds import TRAITS, Kind, Task
from updraft.core.metrics import metric_of
from updraft.core.sections import Costs
from updraft.evaluation.intervals import GROUPS, GainInterval, Units, gain_interval
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
    kind: Kind, metric: str, challenger: Answers, champion: Answers, units: Units | None = None
) -> GainInterval:
    """By default each row (or user) is a unit."""
    task = Task(kind, CLASSES if kind == "multiclass" else ())
    judged = [statistics(task, answers)[metric] for answers in (challenger, champion)]
    return gain_interval(
        *judged,
        np.arange(judged[0].units) if units is None else units,
        more_is_better=metric_of(metric).more_is_better,
        confidence=0.95,
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
    assert gain(kind, metric, same, same) == (0, 0, 0, 0)


def test_without_a_value_there_is_no_interval() -> None:
    """Without the day that has all rows of a class, the AUC is not defined; nor for one day."""
    labels = np.zeros(300)
    labels[:2] = 1
    good = Answers(labels, np.linspace(0.9, 0.1, 300).reshape(-1, 1), threshold=0.5)
    constant = Answers(labels, np.full((300, 1), 0.5), threshold=0.5)
    for days in (np.arange(300) // 50, np.zeros(300, int)):
        interval = gain("binary", "auc", good, constant, days)
        assert interval.value == pytest.approx(0.5)
        assert np.isnan(interval[1:]).all()


def test_rows_that_are_left_out_count_for_nothing() -> None:
    """The interval is the same as if there were no other rows."""
    models = [answers("binary", 0.3, seed=2), answers("binary", 1.2, seed=3)]
    is_used = np.arange(ROWS) % 3 == 0
    alone = [Answers(m.labels[is_used], m.scores[is_used], m.threshold) for m in models]
    for units in (np.arange(ROWS), np.arange(ROWS) % 8):
        expected = gain("binary", "auc", *alone, units[is_used])
        found = gain("binary", "auc", *models, np.where(is_used, units, -1))
        assert found == pytest.approx(expected)


def test_the_error_of_a_mean_is_that_of_the_means_of_units() -> None:
    """By the textbook: Student's t on the gains of days of equal size, whatever their rows do."""
    days = np.repeat(np.arange(7), 100)
    random = np.random.default_rng(8)
    errors = np.abs(random.normal(size=700) + random.normal(size=7)[days])
    judged = [Answers(np.zeros(700), values.reshape(-1, 1)) for values in (np.zeros(700), errors)]
    labels = [Answers(np.arange(700.0), a.scores + np.arange(700.0)[:, None]) for a in judged]
    found = gain("regression", "mae", *labels, days)
    by_day = errors.reshape(7, 100).mean(axis=1)
    assert found.value == pytest.approx(by_day.mean())
    assert found.error == pytest.approx(by_day.std(ddof=1) / np.sqrt(7))
    assert found.upper - found.value == pytest.approx(2.446912 * found.error)


def test_more_units_than_groups_give_the_same_error() -> None:
    good, bad = answers("binary", 0.5, seed=2), answers("binary", 0.6, seed=3)
    many = gain("binary", "log_loss", good, bad, np.arange(ROWS))
    few = gain("binary", "log_loss", good, bad, np.arange(ROWS) // (ROWS // GROUPS))
    assert many == pytest.approx(few)
    losses = gain("binary", "log_loss", good, bad, np.arange(ROWS) // 2)
    assert losses.error == pytest.approx(many.error, rel=0.2)


@pytest.mark.parametrize("days", [5, 7, 14, 60])
def test_an_interval_misses_no_gain_more_often_than_promised(days: int) -> None:
    """Rows of a day depend on each other, and days differ in size: 2.5 % on either side."""
    repetitions = 1500
    random = np.random.default_rng(days)
    significant = np.zeros(2)
    for _ in range(repetitions):
        sizes = random.integers(20, 60, days)
        day = np.repeat(np.arange(days), sizes)
        errors = random.normal(size=len(day)) + 0.7 * random.normal(size=days)[day]
        zeros = np.zeros((len(day), 1))
        labels = np.arange(len(day)) % 2.0
        models = [Answers(labels, labels[:, None] + 5 + own) for own in (zeros, errors[:, None])]
        found = gain("regression", "mae", *models, day)
        significant += (found.lower > 0, found.upper < 0)
    # Three standard errors of a share of 2.5 % in these repetitions.
    assert (significant / repetitions < 0.025 + 3 * np.sqrt(0.025 * 0.975 / repetitions)).all()
