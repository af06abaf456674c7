"""Challenger and champion compared on one holdout: the figures of the evidence, as plain documents."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
import pandas as pd
from pyspark.sql import DataFrame

from updraft.core.errors import UpdraftError
from updraft.core.kinds import more_is_better
from updraft.core.schema import LABEL, ROW_ID
from updraft.core.use_case import UseCase
from updraft.evaluation.bootstrap import paired_bootstrap
from updraft.evaluation.judging import Judged, judge
from updraft.evaluation.metrics import Statistic, statistics
from updraft.models.feature_columns import example
from updraft.models.onnx_runtime import runtime
from updraft.models.records import Registered
from updraft.models.scoring import model_uri

EXAMPLES, WARM_UP, CALLS = 100, 20, 200  # Rows, and calls of one row each, by which latency is measured.
Document = dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """Models, the challenger first, what they answer for the rows of ``holdout``, and how each is judged by it."""

    use_case: UseCase
    holdout: DataFrame
    models: list[Registered]
    judged: Judged
    measured: list[dict[str, Statistic]]

    def rows(self) -> Document:
        """How much there is to judge by: of rows, keys, labels, positives, and by metric of its units."""
        task, policy, rows = self.use_case.task, self.use_case.gate, self.judged.rows
        return {
            "rows": len(rows),
            "sha256": rows_sha256(self.holdout.select(ROW_ID, LABEL).toPandas()),
            "keys": rows[ROW_ID].nunique(),
            "labels": None if task.kind == "clustering" else rows[LABEL].nunique(),
            "positives": int(rows[LABEL].sum()) if task.kind == "binary" else None,
            "units": {name: self.measured[0][name].units for name in sorted({policy.metric, *policy.floors})},
        }

    def candidate(self, n: int, learnt: DataFrame | None) -> Document:
        """Model ``n`` as it did. ``learnt``: the rows that it has learnt from, none where they cannot be read any more."""
        model = self.models[n]
        return {
            "version": model.version,
            "algorithm": model.algorithm,
            "judged_on": rows_sha256(self.judged.rows),
            "trained_until": model.trained_until if self.use_case.unit else None,
            "learnt": None if learnt is None else learnt.count(),
            "overlap": None if learnt is None else self.holdout.join(learnt, ROW_ID, "left_semi").count(),
            "description": model.description,
            "card": model.card,
            "metrics": {name: one.value for name, one in self.measured[n].items()},
            **model_file(self.use_case, model.version, example(self.holdout, self.judged.columns, EXAMPLES)),
        }

    def gain(self, group: npt.NDArray[np.bool_] | None = None) -> Document:
        """The gain in the gate's metric on all rows, or on a ``group`` of them: a mask of shape (rows,)."""
        policy = self.use_case.gate
        challenger, champion = (measured[policy.metric] for measured in self.measured)
        found = paired_bootstrap(
            challenger,
            champion,
            more_is_better=more_is_better(policy.metric),
            confidence=policy.confidence,
            seed=self.use_case.model.search.seed,
            group=group,
        )
        return {"metric": policy.metric, **found._asdict(), "confidence": policy.confidence}

    def slices(self) -> list[Document]:
        """The gain in each group that the gate's policy declares, of those with rows enough to be judged."""
        declared, rows, found = self.use_case.gate.slices, self.judged.rows, list[Document]()
        for name in declared.columns if declared else []:
            for value, number in rows[name].value_counts().sort_index().items():
                if declared and number >= declared.min_rows:
                    gain = self.gain((rows[name] == value).to_numpy())
                    found.append({"column": name, "value": str(value), "rows": int(number), "gain": gain})
        return found


def compare(use_case: UseCase, holdout: DataFrame, before: DataFrame, models: list[Registered]) -> Comparison:
    """Ask all models, the challenger first, about the same rows; see ``judge``.

    Raises:
        UpdraftError: the holdout does not yield a metric that the gate asks for.
    """
    judged, policy = judge(use_case, holdout, before, models), use_case.gate
    measured = [statistics(use_case.task, answers) for answers in judged.answers]
    if absent := sorted({policy.metric, *policy.floors} - set(measured[0])):
        raise UpdraftError(
            f"evaluation: found no {', '.join(absent)} on the holdout, which gate asks for. value needs model.costs; "
            "rankings need users who like an item that is known and new to them. Widen model.holdout, or change gate."
        )
    return Comparison(use_case, holdout, models, judged, measured)


def rows_sha256(rows: pd.DataFrame) -> str:
    """The hash of rows' ids and labels, in whatever order they come."""
    texts = sorted(f"{row_id}\t{label!r}" for row_id, label in zip(rows[ROW_ID], rows[LABEL].astype(float), strict=True))
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def model_file(use_case: UseCase, version: int, rows: pd.DataFrame) -> Document:
    """What a registered model's file is and costs: its hash, its size, and its latency on single ``rows``, on one thread."""
    content = mlflow.onnx.load_model(model_uri(use_case, version)).SerializeToString(deterministic=True)
    answer, seconds = runtime(content, threads=1), []
    for n in range(WARM_UP + CALLS):
        row = rows.iloc[[n % len(rows)]]
        began = time.perf_counter()
        answer(row)
        seconds.append(time.perf_counter() - began)
    latency = float(np.quantile(seconds[WARM_UP:], 0.95) * 1000)
    return {"sha256": hashlib.sha256(content).hexdigest(), "latency_ms": latency, "size_mb": len(content) / 1e6}
