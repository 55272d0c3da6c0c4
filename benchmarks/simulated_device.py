"""A device that runs out of memory by a law that no search knows: not linear, not smooth, noisy."""

from __future__ import annotations

import numpy as np
import torch

GIB = 2**30
BLOCK_BYTES = 2**21


class SimulatedDevice:
    """Memory of a training step, drawn anew for each seed.

    A part that is always taken (2 to 55 %), and one that grows with the rows to a power of .97 to 1.04 and with the
    length to a power of .95 to 1.35, plus a square of any share, plus steps of up to 3 % where a kernel changes; in
    blocks of two MiB, with noise of up to .3 %.
    """

    def __init__(self, seed: int, *, longest: int = 8_000) -> None:
        rng = np.random.default_rng(seed)
        self.capacity_bytes = 80 * GIB
        self._rng = rng
        self._always = rng.uniform(0.02, 0.55) * self.capacity_bytes
        self._rows_power, self._length_power = rng.uniform(0.97, 1.04), rng.uniform(0.95, 1.35)
        self._square, self._steps, self._noise = rng.uniform(0, 1) ** 3, rng.uniform(0, 0.03), rng.uniform(0, 0.003)
        self._scale = (self.capacity_bytes - self._always) / (rng.uniform(4, 400) * self._of_length(longest))
        self._peak = 0

    def __call__(self, examples: int, lengths: tuple[int, ...]) -> None:
        taken = -(-self._bytes(examples, sum(lengths)) // BLOCK_BYTES) * BLOCK_BYTES
        taken *= 1 + self._noise * self._rng.normal()
        if taken > self.capacity_bytes:
            message = "simulated: out of memory"
            raise torch.OutOfMemoryError(message)
        self._peak = int(taken)

    def reset(self) -> None:
        """Begin to look for the peak anew."""
        self._peak = 0

    def peak_bytes(self) -> int:
        """The peak since then."""
        return self._peak

    def most_examples(self, length: int) -> int:
        """The true limit, without noise."""
        low, high = 0, 2**20
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._bytes(middle, length) <= self.capacity_bytes else (low, middle)
        return low

    def _bytes(self, examples: int, length: int) -> float:
        return self._always + self._scale * self._of_length(length) * examples**self._rows_power

    def _of_length(self, length: int) -> float:
        smooth = (length / 1000) ** self._length_power * (1 + self._steps * np.sin(length / 700))
        return float(smooth + self._square * (length / 4000) ** 2)
