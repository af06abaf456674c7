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
    """

    more_is_better: bool = True
    lowest: float = 0.0
    highest: float = 1.0
    zero_means_missing: bool = False
    unit: Literal["rows", "users"] = "rows"


ERROR = Metric(more_is_better=False, highest=math.inf, zero_means_missing=True)
RANKING = Metric(unit="users")

METRICS: dict[str, Metric] = {
    "auc": Metric(zero_means_missing=True),
    "accuracy": Metric(zero_means_missing=True),
    "precision": Metric(),
    "recall": Metric(),
    "f1": Metric(),
    "macro_precision": Metric(),
    "macro_recall": Metric(),
    "macro_f1": Metric(),
    "log_loss": ERROR,
    "calibration_error": Metric(more_is_better=False),
    "value": Metric(lowest=-math.inf, highest=math.inf),
    "rmse": ERROR,
    "mae": ERROR,
    "r2": Metric(lowest=-math.inf),
    "silhouette": Metric(lowest=-1.0),
    "smallest_share": Metric(),
    "precision_at_10": RANKING,
    "ndcg_at_10": RANKING,
    "coverage": RANKING,
}
OTHER = Metric()


def metric_of(name: str) -> Metric:
    """Return the facts about a metric.

    A name outside the table, such as ``f1_<class>`` or ``share_<n>``, is a share between 0 and 1
    of which more is better.
    """
    return METRICS.get(name, OTHER)
