"""Rows of an array that may be mapped from a file larger than memory: read by many threads, and not read around."""

from __future__ import annotations

import mmap
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["rows_of"]

ROWS_A_PART = 2048
SLOW_PART_SECONDS = 0.01
"""A part that takes longer was not in memory."""
THREADS = 32
"""Disks answer many questions at once; a page fault asks one and waits."""


def rows_of(values: npt.NDArray[Any], rows: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    """The rows of an array, as ``np.take`` along its first axis gives them, at the pace of the disk if it is mapped.

    A row of a mapped file that is not in memory costs a page fault, and for each the system reads what lies around it
    too, up to megabytes: of use to who goes on there, but not to who reads at random. While the rows are read the
    mapping is advised against that; afterwards it is advised as any other is. Where two threads read one mapping at
    once, the first to end takes the advice from the other too, which costs time only.

    Examples
    --------
    >>> rows_of(np.array([5, 6, 7]), np.array([2, 0])).tolist()
    [7, 5]
    """
    mapping = _mapping_under(values)
    if mapping is None:
        return _taken(values, rows)
    plain = np.asarray(values)
    with _read_at_random(mapping):
        if rows.size <= ROWS_A_PART:
            return _taken(plain, rows)
        parts = [rows[begin : begin + ROWS_A_PART] for begin in range(0, rows.size, ROWS_A_PART)]
        return np.concatenate(list(_taken_in_parts(plain, parts)), dtype=plain.dtype)


def _taken_in_parts(values: npt.NDArray[Any], parts: list[npt.NDArray[Any]]) -> Iterator[npt.NDArray[Any]]:
    """One after another while they are in memory; from the first that is not, several at a time."""
    for place, part in enumerate(parts, 1):
        begun = time.perf_counter()
        yield _taken(values, part)
        if time.perf_counter() - begun > SLOW_PART_SECONDS:
            with ThreadPoolExecutor(THREADS) as threads:
                yield from threads.map(partial(_taken, values), parts[place:])
            return


def _taken(values: npt.NDArray[Any], rows: npt.NDArray[np.integer[Any]]) -> npt.NDArray[Any]:
    return np.take(values, rows, axis=0)


def _mapping_under(values: Any) -> mmap.mmap | None:
    while isinstance(values, np.ndarray):
        values = values.base
    return values if isinstance(values, mmap.mmap) and hasattr(values, "madvise") else None


@contextmanager
def _read_at_random(mapping: mmap.mmap) -> Generator[None]:
    mapping.madvise(mmap.MADV_RANDOM)
    try:
        yield
    finally:
        mapping.madvise(mmap.MADV_NORMAL)
