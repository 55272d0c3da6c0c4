"""How much memory a training step takes, from a few steps that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument
from croupier.feedback.not_negative import not_negative

__all__ = ["MemoryModel", "Probe"]

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Probe:
    """A step that was tried: its rows, their padded lengths, whether it fitted, and its peak if that was read."""

    examples: int
    lengths: tuple[int, ...]
    fits: bool
    peak_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class MemoryModel:
    """Peak bytes = fixed + examples x (sum over columns of per_length x length + per_square x length^2).

    ``fixed`` is what does not depend on the batch: weights, gradients, optimizer. The logits of a vocabulary are linear
    in the output length, attention that keeps its matrix is quadratic; what is not there gets 0.

    Examples
    --------
    >>> probes = [Probe(n, (length,), True, 1000 + n * 3 * length) for n, length in [(1, 10), (4, 10), (2, 50)]]
    >>> model = MemoryModel.fit(probes)
    >>> round(model.fixed), round(model.most_examples((100,), 4000))
    (1000, 10)
    """

    fixed: float
    per_length: tuple[float, ...]
    per_square: tuple[float, ...]

    @classmethod
    def fit(cls, probes: Sequence[Probe]) -> Self:
        """The least relative squares of the probes that fitted and were read.

        Raises
        ------
        BadArgument
            No such probe.
        """
        read = [probe for probe in probes if probe.fits and probe.peak_bytes]
        if not read:
            raise BadArgument("probes", "hold a step that fitted, with its peak", len(probes), "probe one example")
        lengths = np.array([probe.lengths for probe in read], dtype=np.float64)
        peaks = np.array([probe.peak_bytes for probe in read], dtype=np.float64)
        examples = np.array([[probe.examples] for probe in read], dtype=np.float64)
        features = np.concatenate([np.ones((peaks.size, 1)), examples * lengths, examples * lengths**2], axis=1)
        scale = np.maximum(features.max(axis=0), 1e-300)
        ones = np.ones(peaks.size)
        solution = not_negative(features / scale / peaks[:, None], ones, ones) / scale
        columns = lengths.shape[1]
        return cls(
            float(solution[0]), tuple(solution[1 : columns + 1].tolist()), tuple(solution[columns + 1 :].tolist())
        )

    def per_example(self, lengths: tuple[int, ...]) -> float:
        """Bytes of one more example of these lengths."""
        return sum(
            linear * length + square * length**2
            for linear, square, length in zip(self.per_length, self.per_square, lengths, strict=True)
        )

    def most_examples(self, lengths: tuple[int, ...], capacity_bytes: int) -> float:
        """How many examples of these lengths fit, as a real number; infinity where they take nothing."""
        each = self.per_example(lengths)
        return max(0.0, (capacity_bytes - self.fixed) / each) if each > 0 else float("inf")
