"""Permutation importance: how much worse a model is when the values of one feature are shuffled."""

from typing import Any

import numpy as np
import onnx
import pandas as pd

from updraft.core.errors import UpdraftError
from updraft.core.kinds import Task
from updraft.core.schema import LABEL
from updraft.evaluation.kinds import kind_of
from updraft.models.feature_columns import FeatureColumns
from updraft.models.onnx_runtime import score_onnx

ROWS = 1000  # Rows to measure on.
REPEATS = 5  # Shuffles of each feature.
IMPORTANCE = "plots/importance.json"  # Among the artifacts of a training's run.


def permutation_importance(
    model: onnx.ModelProto, rows: pd.DataFrame, columns: FeatureColumns, seed: int, task: Task
) -> dict[str, Any] | None:
    """The mean loss, and its standard deviation, when one feature's values are shuffled.

    The loss is in the first metric of the kind; for clusters, the share of rows that change their
    cluster. The first ``ROWS`` of ``rows``, which should be in random order, are used, and each
    feature is shuffled ``REPEATS`` times. The JSON document has the most important feature first.
    It is None for recommenders, which have no features, and if the metric cannot be computed.

    Source: Breiman, Random Forests, 2001, section 10.
    """
    rows = rows.head(ROWS)
    measure = kind_of(task).importance(rows[LABEL].to_numpy(float), task)
    if measure is None:
        return None
    scores = score_onnx(model, rows)
    try:
        baseline = measure.value(scores, scores)
    except UpdraftError:  # For instance, all rows have the same label.
        return None
    sign = 1 if measure.more_is_better else -1
    random = np.random.default_rng(seed)
    stacked = pd.concat([rows[columns.all]] * REPEATS, ignore_index=True)
    features: list[dict[str, Any]] = []
    for name in columns.all:
        values = rows[name].to_numpy()
        shuffled = np.concatenate([random.permutation(values) for _ in range(REPEATS)])
        shuffled_scores = score_onnx(model, stacked.assign(**{name: shuffled}))
        losses = [
            sign * (baseline - measure.value(repeat, scores))
            for repeat in np.split(shuffled_scores, REPEATS)
        ]
        loss = float(np.mean(losses))
        features.append({"feature": name, "loss": loss, "deviation": float(np.std(losses))})
    features.sort(key=lambda feature: -feature["loss"])
    return {
        "metric": measure.metric,
        "rows": len(rows),
        "value": baseline,
        "repeats": REPEATS,
        "seed": seed,
        "features": features,
    }
