"""Draw padding against re-pairing."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["draw_dial"]

LEAST_PADDING = 1e-4


def draw_dial(points: Sequence[tuple[str, str, float, float, bool]], path: str | PathLike[str]) -> None:
    """Write a plot of points (family, name, padding, re-pairing, whether none beats it), both axes logarithmic.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError:
        raise ImportError("a plot needs matplotlib: pip install 'croupier[plot]'") from None
    figure = figures.Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.add_subplot()
    for family in dict.fromkeys(point[0] for point in points):
        places = [(padding, again) for its, _, padding, again, _ in points if its == family]
        mine = sorted((max(100 * padding, 100 * LEAST_PADDING), again) for padding, again in places)
        axes.plot(*zip(*mine, strict=True), marker="o", markersize=4, linewidth=1, label=family)
    front = sorted((max(100 * padding, 100 * LEAST_PADDING), again) for _, _, padding, again, best in points if best)
    axes.plot(*zip(*front, strict=True), color="black", linestyle=":", linewidth=1.5, label="front", zorder=0)
    for _, name, padding, again, best in points:
        if best:
            place = (max(100 * padding, 100 * LEAST_PADDING), again)
            axes.annotate(name, place, textcoords="offset points", xytext=(5, 5), fontsize=7)
    axes.set(xscale="log", yscale="log", xlabel="padding, %", ylabel="re-pairing: times as likely as by chance")
    axes.set_title("less padding is paid for in pairs that meet again")
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path)
