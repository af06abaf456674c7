"""Scores by ONNX Runtime: a model's file as a function from rows to scores. No JVM, no Spark."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnx
import pandas as pd

Scores = npt.NDArray[np.float64]  # Of shape (rows, outputs), in the order of Task.outputs.


def score_onnx(model: onnx.ModelProto, rows: pd.DataFrame) -> Scores:
    """Scores of shape (rows, outputs) by ONNX Runtime."""
    return runtime(model.SerializeToString())(rows)


def runtime(content: bytes, threads: int = 0) -> Callable[[pd.DataFrame], Scores]:
    """A model's file as a function from rows to scores of shape (rows, outputs). ``threads``: 0 for all cores."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    inputs = session.get_inputs()

    def scores(rows: pd.DataFrame) -> Scores:
        feed = {
            given.name: rows[given.name]
            .to_numpy(object if "string" in given.type else float)
            .reshape([-1, 1][: len(given.shape)])
            for given in inputs
        }
        return np.column_stack([np.asarray(one, dtype=float) for one in session.run(None, feed)])

    return scores
