"""Confusion matrices as plots, for two and for several classes."""

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

DARK = 0.55  # A share. Cells above this get white text.


def draw_shares(axes: Axes, matrix: npt.NDArray[Any], text: str, **text_style: Any) -> None:
    """Draw a confusion matrix, observed by predicted, with the colours of each row's shares.

    ``text``: the format of a cell's text, from ``count`` and ``share``.
    """
    classes = range(len(matrix))
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        share = shares[row, column]
        axes.text(
            column,
            row,
            text.format(count=count, share=share),
            ha="center",
            va="center",
            color="white" if share > DARK else "black",
            **text_style,
        )
    axes.set(xticks=classes, yticks=classes, xlabel="predicted", ylabel="observed")
