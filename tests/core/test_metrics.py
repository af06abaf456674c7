"""The facts about metrics that configuration and gate rest on."""

import math

from updraft.core.kinds import TRAITS
from updraft.core.metrics import METRICS, Metric, metric_of


def test_every_metric_of_a_kind_is_in_the_table() -> None:
    names = {name for traits in TRAITS.values() for name in traits.metrics}
    assert names == set(METRICS)


def test_less_is_better_for_errors_alone() -> None:
    errors = {name for name, metric in METRICS.items() if not metric.more_is_better}
    assert errors == {"log_loss", "calibration_error", "rmse", "mae"}


def test_rankings_are_of_users() -> None:
    of_users = {name for name, metric in METRICS.items() if metric.unit == "users"}
    assert of_users == {"precision_at_10", "ndcg_at_10", "coverage"}


def test_zero_means_missing_for_some_metrics() -> None:
    never_zero = {name for name, metric in METRICS.items() if metric.zero_means_missing}
    assert never_zero == {"auc", "accuracy", "log_loss", "rmse", "mae"}


def test_some_metrics_have_other_ranges() -> None:
    ranges = {name: (metric.lowest, metric.highest) for name, metric in METRICS.items()}
    assert {name: limits for name, limits in ranges.items() if limits != (0.0, 1.0)} == {
        "log_loss": (0.0, math.inf),
        "rmse": (0.0, math.inf),
        "mae": (0.0, math.inf),
        "value": (-math.inf, math.inf),
        "r2": (-math.inf, 1.0),
        "silhouette": (-1.0, 1.0),
    }


def test_any_other_metric_is_a_share() -> None:
    assert metric_of("f1_late") == metric_of("share_3") == Metric()
    assert metric_of("rmse") is METRICS["rmse"]
