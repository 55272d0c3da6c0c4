"""Rows of mapped arrays are those of ``np.take``, and nothing around them is read."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from croupier.core import mapped_rows
from croupier.core.mapped_rows import rows_of

ROWS = 10_000
KINDS = {
    "flat": lambda mapped: mapped,
    "a slice": lambda mapped: mapped[3 : ROWS - 5],
    "reversed": lambda mapped: mapped[::-1],
    "every second": lambda mapped: mapped[::2],
    "of rows": lambda mapped: mapped.reshape(-1, 4),
    "a plain view": np.asarray,
    "big-endian": lambda mapped: mapped.view(">i8"),
    "structured": lambda mapped: mapped.view([("a", "<i4"), ("b", "<f4")]),
    "in memory": np.array,
}


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> np.memmap:
    path = tmp_path_factory.mktemp("mapped") / "column"
    np.random.default_rng(0).integers(0, 2**62, ROWS).tofile(path)
    return np.memmap(path, dtype=np.int64, mode="r")


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), count=st.sampled_from([0, 1, 7, 2048, 2049, 9000]))
def test_they_are_the_rows_of_take(mapped: np.memmap, kind: str, seed: int, count: int) -> None:
    values = KINDS[kind](mapped)
    rows = np.random.default_rng(seed).integers(0, len(values), count)
    taken = rows_of(values, rows)
    expected = np.take(np.array(values), rows, axis=0)
    assert taken.dtype == expected.dtype
    assert taken.tobytes() == expected.tobytes()
    assert type(taken) is np.ndarray


@given(seed=st.integers(0, 2**32), slow_from=st.integers(0, 5))
def test_parts_that_come_from_the_disk_are_read_by_threads_in_the_same_order(
    mapped: np.memmap, seed: int, slow_from: int
) -> None:
    rows = np.random.default_rng(seed).integers(0, ROWS, 9000)
    clock = iter([0.0, 0.0] * slow_from + [0.0, 1.0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapped_rows.time, "perf_counter", lambda: next(clock, 0.0))
        taken = rows_of(mapped, rows)
    assert taken.tolist() == np.array(mapped)[rows].tolist()


def test_rows_beyond_the_end_are_refused_not_clipped(mapped: np.memmap) -> None:
    for rows in ([ROWS], [*range(5000), ROWS]):
        with pytest.raises(IndexError, match=str(ROWS)):
            rows_of(mapped, np.array(rows))


@pytest.mark.skipif(sys.platform != "linux", reason="what is in memory is asked of /proc")
def test_what_lies_around_a_row_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    mapped = np.memmap(path, dtype=np.int64, mode="w+", shape=(2**23,))
    rows = np.arange(0, mapped.size, 2**19)
    assert rows_of(mapped, rows).tolist() == [0] * rows.size
    assert _resident_kib(path) <= 2 * 4 * rows.size


def test_the_mapping_is_left_as_it_was(mapped: np.memmap, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []

    class Mapping:
        def madvise(self, advice: int) -> None:
            told.append(advice)

    monkeypatch.setattr(mapped_rows, "_mapping_under", lambda _: Mapping())
    rows_of(mapped, np.array([1]))
    with pytest.raises(IndexError):
        rows_of(mapped, np.array([ROWS]))
    assert told == [mapped_rows.mmap.MADV_RANDOM, mapped_rows.mmap.MADV_NORMAL] * 2


def _resident_kib(path: Path) -> int:
    said = Path("/proc/self/smaps").read_text()
    found = re.search(rf"{re.escape(str(path))}\n(?:.*\n)*?Rss: +(\d+) kB", said)
    assert found is not None
    return int(found[1])
