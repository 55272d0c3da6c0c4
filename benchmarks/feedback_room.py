"""Feedback: gradient noise and what measuring it costs, and what a run keeps of its examples."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import gradient_noise, gradient_overhead, score_store
from benchmarks.harness import Row


def rows(*, quick: bool) -> Iterator[Row]:
    """The rows of this room."""
    yield from gradient_noise.rows(quick=quick)
    yield from gradient_overhead.rows(quick=quick)
    yield from score_store.rows(quick=quick)
