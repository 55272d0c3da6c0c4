"""Try training steps of some shapes until the largest that fits is known, predicting from those tried before."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import torch
import torch.distributed as dist

from croupier.errors import BadArgument
from croupier.feedback.memory_model import Probe
from croupier.torch.distributed import place_in_world
from croupier.torch.global_means import device_of_collective

__all__ = ["BatchSizeSearch", "MemoryReading", "TrainingStep"]

Lengths = tuple[int, ...]
TrainingStep = Callable[[int, Lengths], Any]

CLOSE = 0.95
"""A size is taken that is at least this share of one that is known to be too large."""
CLOSE_BY_PEAK = 0.965
"""Or this share of the limit that its peak predicts."""
AIM = 0.985
MARGIN = 0.994
"""Peaks are not the same from one time to the next: the limit is taken to be so much lower than it is."""
LARGEST_STEP = 8
"""While little is known, the next try is at most so many times larger."""
TRUSTED_AFTER, CHECKED_EVERY = 2, 4
"""Without a reading: after so many predictions in a row that held, only every so many are checked from above."""
NEAR, STIFFNESS = 0.05, 0.002

FITTED, TOO_LARGE, FAILED = range(3)
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed", "cufft_internal_error")


class MemoryReading(Protocol):
    """What tells how much memory a step took at its peak."""

    @property
    def capacity_bytes(self) -> int:
        """How much a step may take."""
        ...

    def reset(self) -> None:
        """Begin to look for the peak anew."""
        ...

    def peak_bytes(self) -> int:
        """The peak since then."""
        ...


class BatchSizeSearch:
    """What was tried so far, and what that says of the next shape.

    Attributes
    ----------
    probes : list of Probe
        In the order tried.
    """

    def __init__(self, step: TrainingStep, memory: MemoryReading | None, most_examples: int) -> None:
        self._step, self._memory, self._most = step, memory, most_examples
        self._limits: list[tuple[Lengths, float]] = []
        self._held = self._capacity = 0
        self.probes: list[Probe] = []

    def begin(self, shortest: Lengths) -> None:
        """One row of the shortest shape: nearly all of what that takes, every batch takes."""
        if self._memory is not None:
            self._tried(1, shortest)

    def largest(self, lengths: Lengths) -> int:
        """The rows to take for a shape; shapes are asked for from the longest to the shortest."""
        fits, too_large, tries = 0, self._most + 1, 0
        predicted = self._predicted(lengths)
        rows = 1 if predicted is None else self._most if predicted >= self._most else int(AIM * predicted)
        while True:
            rows = min(max(rows, fits + 1), too_large - 1)
            probe = self._tried(rows, lengths)
            tries += 1
            if probe.fits:
                fits = rows
            else:
                too_large = rows
            if too_large == 1:
                raise BadArgument(
                    "lengths", "fit with one row at least", lengths,
                    "leave that shape out, and drop its rows: FixedShapes(shapes, TooLong.DROP)",
                )  # fmt: skip
            limit = self._limit_by(probe)
            if limit is None:
                limit = math.sqrt(fits * too_large) if fits and too_large <= self._most else None
                if tries == 1 and fits and self._is_trusted():
                    limit = rows / AIM
                    break
            elif fits >= CLOSE_BY_PEAK * limit or fits + 1 > limit:
                # One that ran, but came nearer to the capacity than the margin, is taken a little smaller.
                fits = max(1, min(fits, int(limit)))
                break
            if too_large - fits == 1 or fits >= CLOSE * too_large:
                break
            rows = self._next(fits, too_large, limit if self._memory is not None else None)
        self._held = self._held + 1 if predicted is not None and tries <= 2 else 0
        self._limits.append((lengths, min(float(self._most), max(float(fits), limit or 0.0))))
        return fits

    def _next(self, fits: int, too_large: int, limit: float | None) -> int:
        if too_large <= self._most:
            if not fits:
                return int(too_large * (0.93 if self._limits else 0.5))
            return round(math.sqrt(fits * too_large)) if limit is None else int(AIM * min(limit, too_large))
        if limit is not None:
            return min(int(AIM * limit), fits * LARGEST_STEP)
        # Nothing too large yet: a little above what was predicted, or a leap where nothing was.
        return int(fits / CLOSE) if self._limits else fits * LARGEST_STEP

    def _is_trusted(self) -> bool:
        return self._held >= TRUSTED_AFTER and (self._held + 1) % CHECKED_EVERY != 0

    def _predicted(self, lengths: Lengths) -> float | None:
        """From the limits of other shapes: a power of each length, fitted near by."""
        if not self._limits:
            return None
        known = np.log(np.array([caps for caps, _ in self._limits], dtype=np.float64) + 1)
        here = np.log(np.array(lengths, dtype=np.float64) + 1)
        # To begin with, rows go down as the padded size of one goes up.
        usual = -np.array(lengths, dtype=np.float64) / max(1, sum(lengths))
        apart = known - here
        weights: npt.NDArray[np.float64] = 1 / (NEAR + np.abs(apart).max(axis=1)) ** 2
        left = np.log([limit for _, limit in self._limits]) - apart @ usual
        features = np.concatenate([np.ones((len(left), 1)), apart], axis=1)
        normal = (features * weights[:, None]).T @ features + np.diag(
            [0.0] + [STIFFNESS * weights.max()] * len(lengths)
        )
        return float(min(np.exp(np.linalg.solve(normal, (features * weights[:, None]).T @ left)[0]), self._most))

    def _limit_by(self, probe: Probe) -> float | None:
        """The rows that would fill the memory, by the peak of a step that fitted."""
        if self._memory is None or probe.peak_bytes is None:
            return None
        fixed = min(other.peak_bytes for other in self.probes if other.peak_bytes is not None)
        taken = max(1, probe.peak_bytes - fixed)
        return probe.examples * max(0.0, MARGIN * self._capacity - fixed) / taken

    def _tried(self, rows: int, lengths: Lengths) -> Probe:
        outcome, peak, error = FITTED, 0, None
        if self._memory is not None:
            self._memory.reset()
        try:
            self._step(rows, lengths)
        except Exception as raised:  # whatever it is, the other ranks wait to hear of it
            outcome = TOO_LARGE if _is_out_of_memory(raised) else FAILED
            error = raised if outcome == FAILED else None
        if outcome == FITTED and self._memory is not None:
            peak = self._memory.peak_bytes()
            outcome = FITTED if peak <= self._memory.capacity_bytes else TOO_LARGE
        elif outcome == TOO_LARGE and torch.cuda.is_available():
            gc.collect()  # what a failed step left in cycles
            torch.cuda.empty_cache()
        least_capacity = -self._memory.capacity_bytes if self._memory is not None else 0
        worst, largest, negative_capacity = _most_over_ranks(outcome, peak, least_capacity)
        self._capacity = -negative_capacity
        if error is not None:
            raise error
        if worst == FAILED:
            raise RuntimeError("find_batch_sizes: the step of another rank failed; see its error")
        probe = Probe(rows, lengths, worst == FITTED, largest if self._memory is not None and largest else None)
        self.probes.append(probe)
        return probe


def _is_out_of_memory(error: Exception) -> bool:
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error).lower() for text in OUT_OF_MEMORY)


def _most_over_ranks(*mine: int) -> tuple[int, ...]:
    if not place_in_world(None, None).is_distributed:
        return mine
    device = device_of_collective(torch.device("cpu"), cast(Any, dist).get_backend_config(None))
    everyones = torch.tensor(mine, dtype=torch.int64, device=device)
    cast(Any, dist).all_reduce(everyones, op=dist.ReduceOp.MAX)
    return tuple(int(value) for value in everyones)
