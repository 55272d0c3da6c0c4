"""Lengths to plan with: the distribution that all rooms share, in memory or in a file too large to make at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

Int32 = npt.NDArray[np.int32]

MAX_TOKENS = 65_536
LONGEST = 8_000
TILE_ROWS = 10**7


def lognormal_lengths(rows: int, seed: int = 0) -> Int32:
    """Token counts of long-tailed text: lognormal(5.95, 1.26), clipped to [1, 8000]; mean about 808."""
    drawn = np.random.default_rng(seed).lognormal(5.95, 1.26, rows)
    return np.clip(drawn, 1, LONGEST).astype(np.int32)


def write_lengths(path: Path, rows: int) -> None:
    """An int32 file of that many lengths, one tile of them again and again: drawing 10**9 would take a minute."""
    tile = lognormal_lengths(min(rows, TILE_ROWS))
    with path.open("wb") as file:
        for first in range(0, rows, tile.size):
            tile[: rows - first].tofile(file)


def mapped_lengths(path: Path) -> Int32:
    """The file as a column, mapped and not read."""
    return np.memmap(path, dtype=np.int32, mode="r")
