"""The metrics by name: direction, range and unit. ``updraft.evaluation`` computes them."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Metric:
    """Facts about one metric.

    Attributes:
        more_is_better: Of two values, the larger one is better.
        lowest: The lowest possible value.
        highest: The highest possible value.
        zero_means_missing: A real model never has a value of exactly 0.
        unit: What the metric averages over: the rows of the holdout, or its users.
        informed_by: The metric that a baseline is compared in instead, where one that knows nothing
            of the features reaches the best value: by answering yes to everything, or alike.
    """

    more_is_better: bool = True
    lowest: float = 0.0
    highest: float = 1.0
    zero_means_missing: bool = False
    unit: Literal["rows", "users"] = "rows"
    informed_by: str | None = None


ERROR = Metric(more_is_better=False, highest=math.inf, zero_means_missing=True)
RANKING = Metric(unit="users")

METRICS: dict[str, Metric] = {
    "auc": Metric(zero_means_missing=True),
    "accuracy": Metric(zero_means_missing=True),
    "precision": Metric(),
    "recall": Metric(informed_by="auc"),
    "f1": Metric(),
    "macro_precision": Metric(),
    "macro_recall": Metric(),
    "macro_f1": Metric(),
    "log_loss": ERROR,
    "calibration_error": Metric(more_is_better=False, informed_by="auc"),
    "value": Metric(lowest=-math.inf, highest=math.inf),
    "rmse": ERROR,
    "mae": ERROR,
    "r2": Metric(lowest=-math.inf),
    "silhouette": Metric(lowest=-1.0),
    "smallest_share": Metric(informed_by="silhouette"),
    "precision_at_10": RANKING,
    "ndcg_at_10": RANKING,
    "coverage": Metric(unit="users", informed_by="ndcg_at_10"),
}
OTHER = Metric()


def metric_of(name: str) -> Metric:
    """Return the facts about a metric.

    A name outside the table, such as ``f1_<class>`` or ``share_<n>``, is a share between 0 and 1
    of which more is better.
    """
    return METRICS.get(name, OTHER)


def baseline_metric(name: str) -> str:
    """Return the metric in which a challenger that is judged by ``name`` must beat a baseline."""
    return metric_of(name).informed_by or name
