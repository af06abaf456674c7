"""Scores by ONNX Runtime: a model's file as a function from rows to scores, without Spark."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd

Scores = npt.NDArray[np.float64]  # Of shape (rows, outputs), in the order of Task.outputs.


def score_onnx(model: onnx.ModelProto, rows: pd.DataFrame) -> Scores:
    """Score rows once; returns shape (rows, outputs)."""
    return session(model.SerializeToString())(rows)


def session(content: bytes, threads: int = 0) -> Callable[[pd.DataFrame], Scores]:
    """Load a model's file as a function from rows to scores of shape (rows, outputs).

    ``threads``: 0 for all cores.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    inference = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    inputs = inference.get_inputs()

    def score(rows: pd.DataFrame) -> Scores:
        feed = {column.name: _input_values(column, rows) for column in inputs}
        outputs = [np.asarray(output, dtype=float) for output in inference.run(None, feed)]
        return np.column_stack(outputs)

    return score


def _input_values(column: Any, rows: pd.DataFrame) -> npt.NDArray[Any]:
    """One input of the model, with as many dimensions as it declares: (rows,) or (rows, 1)."""
    dtype = object if "string" in column.type else float
    values: npt.NDArray[Any] = rows[column.name].to_numpy(dtype)
    return values.reshape(-1, 1) if len(column.shape) > 1 else values
