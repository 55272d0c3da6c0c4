"""A figure of Matplotlib to draw into, and the file it is written to; imported when a plot is asked for."""

from __future__ import annotations

import importlib
import os
from typing import Any

from croupier.errors import BadArgument, checked_path

__all__ = ["new_figure", "write_figure"]


def new_figure(width: float, height: float) -> Any:
    """An empty figure of so many inches.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    """
    try:
        figures: Any = importlib.import_module("matplotlib.figure")
    except ImportError:
        raise ImportError("a plot needs matplotlib: pip install 'croupier[plot]'") from None
    return figures.Figure(figsize=(width, height), layout="constrained")


def write_figure(figure: Any, path: str | os.PathLike[str]) -> None:
    """Write it in the format that the path ends in.

    Raises
    ------
    BadArgument
        The path ends in another format than Matplotlib writes.
    """
    place = checked_path("path", path)
    try:
        figure.savefig(place)
    except ValueError as error:
        raise BadArgument("path", "end in a format that Matplotlib writes", path, str(error)) from None
