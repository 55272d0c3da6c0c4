"""Negatives: draws, conflict-free batches, mining, walks, and what they do for retrieval."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import conflict_free_batches, mining, negative_draws, retrieval, walks
from benchmarks.harness import Row


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this room."""
    yield from negative_draws.rows(quick=quick)
    yield from conflict_free_batches.rows(quick=quick)
    yield from walks.rows(quick=quick)
    yield from mining.rows(quick=quick)
    yield from retrieval.rows(quick=quick)
