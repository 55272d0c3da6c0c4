"""What an example costs to compute: the integers that shares are balanced by."""

from __future__ import annotations

from dataclasses import dataclass

from croupier.core.batches import Int64
from croupier.core.plain_array import whole_numbers
from croupier.errors import BadArgument, checked_int

__all__ = ["Cost"]

MOST = 2**61


@dataclass(frozen=True, slots=True)
class Cost:
    """``linear`` x length + ``quadratic`` x length^2, in any unit.

    The default counts tokens. Of a transformer with hidden size h, attention adds a square for every 6 h tokens of
    length (12 h with a causal mask that skips half): ``Cost(12 * h, 1)``. A fit of measured times gives your model's,
    see :class:`StepTimes`. What all shares have alike, such as the time to start a step, does not matter here.

    Source: forward and backward of a layer take 72 h^2 L operations in its matrices and 12 h L^2 in attention.

    Examples
    --------
    >>> import numpy as np
    >>> Cost(linear=10, quadratic=1).of(np.array([1, 20])).tolist()
    [11, 600]
    """

    linear: int = 1
    quadratic: int = 0

    def __post_init__(self) -> None:
        linear = checked_int(
            "linear", self.linear, at_least=0, at_most=2**40, fix="pass a whole number, StepTimes gives them"
        )
        object.__setattr__(self, "linear", linear)
        quadratic = checked_int("quadratic", self.quadratic, at_least=0, at_most=2**40, fix="pass a whole number")
        object.__setattr__(self, "quadratic", quadratic)
        if not self.linear and not self.quadratic:
            raise BadArgument("linear", "be above 0 where quadratic is 0", self.linear, "pass Cost() to count tokens")

    def of(self, lengths: Int64) -> Int64:
        """The cost of each length, int64 of the same shape.

        Raises
        ------
        BadArgument
            So many or so long examples that the sum would not fit 61 bits.
        """
        lengths = whole_numbers("lengths", lengths, fix="pass lengths as integers")
        if lengths.size:
            longest = int(lengths.max())
            largest = lengths.size * (self.linear * longest + self.quadratic * longest**2)
            if largest > MOST:
                raise BadArgument(
                    "cost", "be in units so coarse that a step costs less than 2**61", f"up to {largest}",
                    "divide linear and quadratic alike",
                )  # fmt: skip
        return (self.linear + self.quadratic * lengths) * lengths
