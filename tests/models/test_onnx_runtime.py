"""A model's file as a function from rows to scores."""

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.models.tiny_onnx import ROWS, SCORES, tiny_model
from updraft.models.onnx_runtime import score_onnx, session


def test_a_session_scores_rows_again_and_again() -> None:
    score = session(tiny_model().SerializeToString(), threads=1)
    for _ in range(2):
        np.testing.assert_allclose(score(ROWS), SCORES)
    assert score(ROWS.head(1)).shape == (1, 1)


def test_columns_may_come_in_any_order_with_others_among_them() -> None:
    rows = ROWS.assign(other=1.0)[["kind", "other", "x"]]
    np.testing.assert_allclose(score_onnx(tiny_model(), rows), SCORES)


def test_several_outputs_become_the_columns_of_the_scores() -> None:
    x = helper.make_tensor_value_info("x", TensorProto.DOUBLE, [None, 1])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1])
        for name in ("same", "negated")
    ]
    nodes = [
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("Neg", ["x"], ["negated"]),
    ]
    graph = helper.make_graph(nodes, "two", [x], outputs)
    model: onnx.ModelProto = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9
    )
    assert score_onnx(model, ROWS).tolist() == [[0, 0], [1, -1], [2, -2]]
