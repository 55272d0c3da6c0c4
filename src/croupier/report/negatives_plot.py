"""Draw how negatives are spread over the items, and how close they come to the positives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from croupier.report.plotting import new_figure, write_figure

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["draw_audit"]


def draw_audit(
    exposure: Sequence[tuple[float, float]],
    hardness: tuple[Sequence[float], Sequence[int], float] | None,
    path: str | PathLike[str],
) -> None:
    """Write a plot: exposure as points (share of items, share of contrasts), hardness as (edges, counts, margin).

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    panels = 1 if hardness is None else 2
    figure = new_figure(5 * panels, 4)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    axes[0].plot([100 * point[0] for point in exposure], [100 * point[1] for point in exposure], linewidth=1.5)
    axes[0].plot([0, 100], [0, 100], linewidth=0.7, linestyle="--", color="grey", label="all items alike")
    axes[0].set(xlabel="items, most served first, %", ylabel="contrasts, %", title="exposure", ylim=(0, 103))
    axes[0].legend(fontsize=8, loc="lower right")
    if hardness is not None:
        edges, counts, margin = hardness
        axes[1].stairs(counts, edges, fill=True, alpha=0.6)
        axes[1].axvline(margin, linewidth=1, color="tab:red", label="left of it: suspected to be right")
        axes[1].set(xlabel="score of the positive less the negative's", ylabel="contrasts", title="hardness")
        axes[1].legend(fontsize=8, loc="upper left")
    for panel in axes:
        panel.grid(visible=True, linewidth=0.3)
    write_figure(figure, path)
