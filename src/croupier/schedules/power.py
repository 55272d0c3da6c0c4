"""A learning rate that depends on tokens and batch size alone, whatever the budget: the Power scheduler."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from croupier.errors import BadArgument, checked_int, keep_plain_numbers
from croupier.schedules.arithmetic import arithmetic, checked_duration, checked_number, checked_peak, is_number
from croupier.schedules.batch_size_ramp import BatchSizeRamp
from croupier.schedules.combined import Cooldown, Warmed
from croupier.schedules.shapes import Exponential, Shape

__all__ = ["PowerLaw", "power"]

EXPONENTIAL = Exponential(10, to_zero=True)


@dataclass(frozen=True, slots=True, weakref_slot=True)
class PowerLaw:
    """min(peak, batch size x a n ** b) after n tokens, with the batch size of that moment.

    Parameters
    ----------
    batch_size : BatchSizeRamp or int
        Sequences of a step. The only learning rate here that reads it: where the ramp doubles, so does the rate.
    tokens_per_sample : int
        Of a sequence: by it a ramp over samples is read at a number of tokens.
    peak, a, b : float
        The paper's choice (section 4): 0.02, 4 and -0.51, under muP. Its fit of the best constant rates (equation 5)
        was a = 4.6; what matters is b, between -0.49 and -0.53.

    Others of the name have another formula: timm's ``power`` and OLMo-core's ``PowerLR`` know no batch size and no
    minimum, and count updates or steps; those are :class:`~croupier.schedules.phases.InverseRoot`.

    Source: Shen et al., "Power scheduler: a batch size and token number agnostic learning rate scheduler" (2024),
    equation 7.

    Examples
    --------
    >>> rate = PowerLaw(1024, tokens_per_sample=4096)
    >>> [f"{rate(tokens):.2e}" for tokens in (0, 10**9, 10**12)]
    ['2.00e-02', '2.00e-02', '3.11e-03']
    """

    batch_size: BatchSizeRamp | int
    tokens_per_sample: int
    peak: float = 0.02
    a: float = 4.0
    b: float = -0.51

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        if not isinstance(self.batch_size, BatchSizeRamp):
            batch_size = checked_int(
                "batch_size", self.batch_size, at_least=1, fix="pass a BatchSizeRamp, or sequences of a step"
            )
            object.__setattr__(self, "batch_size", batch_size)
        tokens_per_sample = checked_int(
            "tokens_per_sample", self.tokens_per_sample, at_least=1, fix="pass the length of a sequence"
        )
        object.__setattr__(self, "tokens_per_sample", tokens_per_sample)
        object.__setattr__(self, "peak", checked_peak(self.peak))
        checked_number("a", self.a, "be a number above 0", above=0, up_to=1e9, fix="the paper's is 4")
        below = -math.ulp(0.0)
        checked_number("b", self.b, "be a number below 0", above=-10.01, up_to=below, fix="the paper's is -0.51")

    def __call__(self, now: Any) -> Any:
        """The rate after ``now`` tokens."""
        namespace, tokens = arithmetic(now)
        size = self.batch_size
        if isinstance(size, BatchSizeRamp):
            size = size.size_at(namespace.maximum(tokens, 0) // self.tokens_per_sample)
        rate = namespace.minimum(size * self.a * namespace.maximum(tokens, 1) ** self.b, self.peak)
        return float(rate) if is_number(tokens) else rate


def power(
    law: PowerLaw, length: Any, *, warmup: Any, decay: Any, shape: Shape = EXPONENTIAL
) -> Cooldown:  # fmt: skip
    """The whole Power scheduler on a clock of tokens: a linear warm-up to the law, the law, a decay of its last value.

    The paper warms up over 1e9 tokens and decays exponentially to 0; the half-life is ours, a tenth of the decay.
    Without the decay, to be appended when it is due: ``Warmed(law, warmup)``.

    Source: as above, equation 8.

    Examples
    --------
    >>> lr = power(PowerLaw(1024, 4096), 10**12, warmup=10**9, decay=10**11)
    >>> [f"{lr(tokens):.2e}" for tokens in (10**8, 10**9, 9 * 10**11, 10**12)]
    ['2.00e-03', '2.00e-02', '3.28e-03', '0.00e+00']
    """
    if not isinstance(law, PowerLaw):
        raise BadArgument("law", "be a PowerLaw", law, "write PowerLaw(1024, tokens_per_sample=4096)")
    checked_number("length", length, "be a number above 0", above=0, fix="it is the whole length, in tokens")
    for argument, part in (("warmup", warmup), ("decay", decay)):
        checked_duration(argument, part, of=length, fix="pass its tokens")
    if not warmup + decay <= length:
        raise BadArgument(
            "length", f"hold warmup={warmup} and decay={decay}", length, "it is the whole length, in tokens"
        )
    return Cooldown(Warmed(law, warmup), begins=length - decay, length=decay, shape=shape)
