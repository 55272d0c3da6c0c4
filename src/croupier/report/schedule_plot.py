"""Draw what was planned and what was taken over the samples of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from croupier.report.plotting import new_figure, write_figure

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["draw_schedule"]

Curves = tuple[npt.NDArray[np.number[Any]], npt.NDArray[np.number[Any]]]


def draw_schedule(samples: npt.NDArray[np.int64], curves: Mapping[str, Curves], path: str | PathLike[str]) -> None:
    """Write a plot with a panel a quantity: (planned, taken), each of shape (steps,).

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    figure = new_figure(7, 2.6 * len(curves))
    panels = figure.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (name, (planned, taken)) in zip(panels, curves.items(), strict=True):
        panel.step(samples, taken, where="post", linewidth=2.5, alpha=0.5, label="taken")
        panel.step(samples, planned, where="post", linewidth=1, color="black", linestyle="--", label="planned")
        panel.set(ylabel=name, ylim=(0, None))
        panel.grid(visible=True, linewidth=0.3)
    panels[0].legend(fontsize=8)
    panels[-1].set(xlabel="samples")
    write_figure(figure, path)
