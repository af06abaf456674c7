import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from updraft.core.errors import UpdraftError
from updraft.training.metrics import _Auc, best_threshold, binary_metrics, paired_bootstrap

RNG = np.random.default_rng(7)
LABELS = (RNG.random(3000) < 0.25).astype(float)
GOOD = np.clip(LABELS * 0.2 + RNG.random(3000) * 0.8, 0, 1)
NOISE = RNG.random(3000)


def test_the_weighted_auc_is_scikit_learns_also_with_ties() -> None:
    scores, weights = GOOD.round(1), RNG.integers(0, 4, 3000).astype(float)
    assert _Auc(LABELS, scores)(weights) == pytest.approx(roc_auc_score(LABELS, scores, sample_weight=weights), abs=1e-12)


def test_a_true_gain_is_surely_above_zero_and_none_is_not() -> None:
    gain, lower, upper = paired_bootstrap(LABELS, GOOD, NOISE, confidence=0.95, seed=1, draws=200)
    assert 0 < lower < gain < upper
    gain, lower, upper = paired_bootstrap(LABELS, RNG.random(3000), NOISE, confidence=0.95, seed=1, draws=200)
    assert lower < 0 < upper
    assert paired_bootstrap(LABELS, GOOD, GOOD, confidence=0.95, seed=1, draws=50) == (0, 0, 0)


def test_the_same_seed_gives_the_same_interval() -> None:
    one, two = (paired_bootstrap(LABELS, GOOD, NOISE, confidence=0.9, seed=3, draws=50) for _ in range(2))
    assert one == two


def test_the_threshold_has_the_highest_f1() -> None:
    best = best_threshold(LABELS, GOOD)
    at_best = binary_metrics(LABELS, GOOD, best)["f1"]
    assert all(binary_metrics(LABELS, GOOD, other)["f1"] <= at_best for other in np.linspace(0.01, 0.99, 60))


@pytest.mark.parametrize(
    ("labels", "scores", "says"),
    [([], [], "found 0 rows"), ([1.0, 1.0], [0.1, 0.2], "expected rows of both"), ([0.0, 1.0], [0.1, np.nan], "not finite")],
)
def test_what_cannot_be_judged_is_refused(labels: list[float], scores: list[float], says: str) -> None:
    with pytest.raises(UpdraftError, match=says):
        binary_metrics(np.array(labels), np.array(scores), 0.5)
