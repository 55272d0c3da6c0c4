"""Draw padding against re-pairing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from croupier.report.plotting import new_figure, write_figure

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["draw_dial"]

LEAST_PERCENT = 0.01


def draw_dial(points: Sequence[tuple[str, str, float, float, bool]], path: str | PathLike[str]) -> None:
    """Write a plot of points (family, setting, padding, re-pairing, whether none beats it), both axes logarithmic.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    figure = new_figure(8, 5.5)
    axes = figure.add_subplot()
    for number, family in enumerate(dict.fromkeys(point[0] for point in points)):
        mine = sorted((max(100 * p[2], LEAST_PERCENT), p[3], p[1], p[4]) for p in points if p[0] == family)
        (line,) = axes.plot([p[0] for p in mine], [p[1] for p in mine], linewidth=1, label=family)
        color, below = line.get_color(), number % 2 == 0
        for padding, again, setting, is_best in mine:
            axes.plot(padding, again, marker="o", markersize=5, color=color, fillstyle="full" if is_best else "none")
            axes.annotate(
                setting, (padding, again), textcoords="offset points", xytext=(-4, -4) if below else (4, 4), fontsize=7,
                color=color, horizontalalignment="right" if below else "left",
                verticalalignment="top" if below else "bottom",
            )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="padding, %", ylabel="re-pairing: times as likely as by chance")
    axes.set_title(
        "less padding is paid for in pairs that meet again; hollow: another setting is better in both", fontsize=10
    )
    axes.grid(visible=True, which="both", linewidth=0.3)
    axes.legend(fontsize=8)
    write_figure(figure, path)
