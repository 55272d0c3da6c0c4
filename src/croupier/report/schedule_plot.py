"""Draw what was planned and what was taken over the samples of a run."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument, checked_path

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
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError:
        raise ImportError("a plot needs matplotlib: pip install 'croupier[plot]'") from None
    figure = figures.Figure(figsize=(7, 2.6 * len(curves)), layout="constrained")
    panels = figure.subplots(len(curves), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (name, (planned, taken)) in zip(panels, curves.items(), strict=True):
        panel.step(samples, taken, where="post", linewidth=2.5, alpha=0.5, label="taken")
        panel.step(samples, planned, where="post", linewidth=1, color="black", linestyle="--", label="planned")
        panel.set(ylabel=name, ylim=(0, None))
        panel.grid(visible=True, linewidth=0.3)
    panels[0].legend(fontsize=8)
    panels[-1].set(xlabel="samples")
    path = checked_path("path", path)
    try:
        figure.savefig(path)
    except ValueError as error:
        raise BadArgument("path", "end in a format that Matplotlib writes", path, str(error)) from None
