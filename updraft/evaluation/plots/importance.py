"""Which features a model relies on: what it loses when one of them is shuffled."""

from typing import Any

import numpy as np
import onnx
import pandas as pd
from matplotlib.figure import Figure

from updraft.core.errors import UpdraftError
from updraft.core.kinds import TRAITS, Task, more_is_better
from updraft.core.schema import LABEL
from updraft.evaluation.metrics import Answers, Floats, statistics
from updraft.evaluation.plots.style import GREY, STYLES, figure_of
from updraft.models.feature_columns import Columns
from updraft.models.onnx_runtime import score_onnx

ROWS, REPEATS = 1000, 5  # Shuffles of each feature.
TOP = 20  # Features in the picture.
IMPORTANCE = "plots/importance.json"  # Where a training's run keeps it.
MOVED = "share of rows that change their cluster"


def permutation_importance(
    model: onnx.ModelProto, rows: pd.DataFrame, columns: Columns, seed: int, task: Task
) -> dict[str, Any] | None:
    """How much the exported model loses when one feature's values are shuffled among labelled rows, by feature.

    What it loses is in the first metric of its kind; of clusters, the share of rows that change theirs. The first ``ROWS`` of
    ``rows``, which should be in no order, are used. Each feature is shuffled ``REPEATS`` times (Breiman, Random Forests,
    section 10). The document holds the mean loss and its standard deviation, the most important feature first; none for
    recommenders, which have no features, and if nothing can be measured on the rows.
    """
    if task.kind == "recommendation":
        return None
    rows = rows.head(ROWS)
    metric = MOVED if task.kind == "clustering" else TRAITS[task.kind].metrics[0]
    scores = score_onnx(model, rows)
    try:
        whole = 0.0 if metric == MOVED else _value(task, metric, rows, scores)
    except UpdraftError:  # Rows of a single class, for one.
        return None
    random = np.random.default_rng(seed)
    stacked = pd.concat([rows[columns.all]] * REPEATS, ignore_index=True)
    found: list[dict[str, Any]] = []
    for name in columns.all:
        shuffled = np.concatenate([random.permutation(rows[name].to_numpy()) for _ in range(REPEATS)])
        again = np.split(score_onnx(model, stacked.assign(**{name: shuffled})), REPEATS)
        if metric == MOVED:
            losses = [float((one != scores).mean()) for one in again]
        else:
            sign = 1 if more_is_better(metric) else -1
            losses = [sign * (whole - _value(task, metric, rows, one)) for one in again]
        found.append({"feature": name, "loss": float(np.mean(losses)), "deviation": float(np.std(losses))})
    found.sort(key=lambda one: -one["loss"])
    return {"metric": metric, "rows": len(rows), "value": whole, "repeats": REPEATS, "seed": seed, "features": found}


def _value(task: Task, metric: str, rows: pd.DataFrame, scores: Floats) -> float:
    return statistics(task, Answers(rows[LABEL].to_numpy(float), scores, threshold=0.5))[metric].value


def importance_figure(document: dict[str, Any]) -> Figure:
    """The ``TOP`` features of a ``permutation_importance``, with the deviation between its repeats."""
    top, metric = document["features"][:TOP][::-1], document["metric"]
    title = f"Importance: the {len(top)} of {len(document['features'])} features that matter most"
    value = "" if metric == MOVED else f": {metric} {document['value']:.4f}"
    subtitle = (
        f"{document['rows']:,} rows of the newest validation block, on which the model has been fitted too{value}"
        f"\n{document['repeats']} shuffles of each feature, seed {document['seed']}"
    )
    figure = figure_of((7.2, 1.8 + 0.28 * len(top)), title, subtitle)
    axes = figure.subplots()
    means, deviations = [one["loss"] for one in top], [one["deviation"] for one in top]
    axes.barh([one["feature"] for one in top], means, xerr=deviations, color=STYLES[0]["color"], ecolor="black", capsize=2)
    axes.axvline(0, color=GREY, linewidth=1)
    if metric == MOVED:
        said = f"{metric} when shuffled"
    else:
        said = f"{'drop' if more_is_better(metric) else 'rise'} in {metric} when shuffled"
    axes.set(xlabel=f"{said} (bars: standard deviation)", ylim=(-0.6, len(top) - 0.4))
    axes.grid(alpha=0.25, axis="x")
    axes.set_axisbelow(True)
    return figure
