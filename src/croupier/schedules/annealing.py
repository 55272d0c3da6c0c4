"""Schedules by the names people search for: a warm-up, then one way to fall. All return :class:`Phases`.

``length`` is that of the whole schedule, warm-up included, on any clock; ``floor`` is a fraction of the peak. The peak
is 1, for ``LambdaLR`` and the like, unless it is given. A warm-up or a decay between 0 and 1 is refused where the
length is above 1: it would be over before the first step. On a clock that counts so coarsely, write :class:`Phases`.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from croupier.errors import BadArgument, checked_int
from croupier.schedules.arithmetic import checked_duration, checked_number
from croupier.schedules.phases import Decay, HalfLife, Hold, InverseRoot, Phase, Phases, Warmup
from croupier.schedules.shapes import Cosine, Linear, OneMinusSqrt, Polynomial, Rex, Shape

__all__ = [
    "constant",
    "cosine",
    "cosine_with_restarts",
    "exponential",
    "inverse_sqrt",
    "linear",
    "one_cycle",
    "polynomial",
    "rex",
    "warmup_stable_decay",
    "warmup_then",
]

FASTEST = OneMinusSqrt()


def warmup_then(warmup: Any, phases: list[Phase], peak: float, *, length: Any = None) -> Phases:
    """Phases after a linear warm-up from 0, or without one where it is 0; ``length`` is that of the whole."""
    checked_duration("warmup", warmup, of=length, fix="pass 0 for none")
    return Phases([Warmup(warmup), *phases] if warmup else phases, peak)


def constant(*, warmup: Any = 0, peak: float = 1.0) -> Phases:
    """The peak, after a warm-up.

    Examples
    --------
    >>> [constant(warmup=4)(now) for now in (0, 1, 4, 10**12)]
    [0.0, 0.25, 1.0, 1.0]
    """
    return warmup_then(warmup, [Hold()], peak)


def linear(length: Any, *, warmup: Any = 0, peak: float = 1.0, floor: float = 0.0) -> Phases:
    """A straight line down.

    Examples
    --------
    >>> [linear(10, warmup=2)(now) for now in (0, 1, 2, 6, 10, 11)]
    [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    """
    return _one_decay(length, warmup, Linear(), peak, floor)


def cosine(length: Any, *, warmup: Any = 0, peak: float = 1.0, floor: float = 0.0) -> Phases:
    """Half a cosine down.

    Examples
    --------
    >>> lr = cosine(10_000, warmup=100, peak=3e-4, floor=0.1)
    >>> f"{lr(50):.2e} {lr(100):.2e} {lr(10_000):.2e}"
    '1.50e-04 3.00e-04 3.00e-05'
    """
    return _one_decay(length, warmup, Cosine(), peak, floor)


def polynomial(
    length: Any, *, power: float = 1.0, warmup: Any = 0, peak: float = 1.0, floor: float = 0.0
) -> Phases:  # fmt: skip
    """What is left of the length, to a power."""
    return _one_decay(length, warmup, Polynomial(power), peak, floor)


def rex(length: Any, *, a: float = 0.5, warmup: Any = 0, peak: float = 1.0, floor: float = 0.0) -> Phases:
    """Reflected exponential: higher than a line for longer, see :class:`~croupier.schedules.shapes.Rex` for ``a``."""
    return _one_decay(length, warmup, Rex(a), peak, floor)


def exponential(half_life: Any, *, warmup: Any = 0, peak: float = 1.0, floor: float = 0.0) -> Phases:
    """Half with every half-life, without an end. A factor of ``gamma`` a step is a half-life of log(1/2) / log(gamma).

    Examples
    --------
    >>> [exponential(10)(now) for now in (0, 10, 20)]
    [1.0, 0.5, 0.25]
    """
    return warmup_then(warmup, [HalfLife(half_life, floor)], peak)


def inverse_sqrt(*, warmup: Any, timescale: Any = None, peak: float = 1.0) -> Phases:
    """Fall as the inverse root of the time, without an end; the timescale is the warm-up where none is given.

    Source: Vaswani et al., "Attention is all you need" (2017), section 5.3, up to the peak; with a timescale of its
    own: Zhai et al., "Scaling vision transformers" (2022).

    Examples
    --------
    >>> [inverse_sqrt(warmup=100)(now) for now in (50, 100, 400)]
    [0.5, 1.0, 0.5]
    """
    return warmup_then(warmup, [InverseRoot(warmup if timescale is None else timescale)], peak)


def warmup_stable_decay(
    length: Any, *, decay: Any, shape: Shape = FASTEST, warmup: Any = 0, peak: float = 1.0, floor: float = 0.0
) -> Phases:  # fmt: skip
    """Warm-up, a stable stretch, and a fall over the last ``decay`` of the length: WSD, the trapezoid.

    Libraries differ in how it falls; the shape says it:

    ============================  ========================================================================
    MiniCPM                       ``Exponential(decay / 5000)``, a half-life of 5000 steps; ends above 0
    transformers                  ``Cosine()``, or ``Linear()``, ``OneMinusSqrt()`` for its ``decay_type``
    timm                          ``OneMinusSqrt()``; ``exp`` is ``Exponential(log2(10), to_zero=True)``
    OLMo-core                     ``Linear()``, with ``decay`` a tenth of the length
    ============================  ========================================================================

    To decay at a moment that is not known before, run ``constant`` and then a
    :class:`~croupier.schedules.combined.Cooldown`.

    Source: Hu et al., "MiniCPM" (2024), section 4; 1 - sqrt from Hägele et al., "Scaling laws and compute-optimal
    training beyond fixed training durations" (2024).

    Examples
    --------
    >>> lr = warmup_stable_decay(100, warmup=10, decay=20)
    >>> [round(lr(now), 4) for now in (5, 10, 80, 85, 100)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """
    _rest(length, warmup)
    checked_duration("decay", decay, of=length, fix="pass how long it falls")
    stable = length - warmup - decay
    if not stable >= 0:
        raise BadArgument("decay", f"leave something of length={length} after warmup={warmup}", decay, "shorten it")
    falling = Decay(decay, shape, floor)
    return warmup_then(warmup, [Hold(stable), falling] if stable else [falling], peak, length=length)


def cosine_with_restarts(
    length: Any, *, cycles: int, growth: float = 1, warmup: Any = 0, peak: float = 1.0, floor: float = 0.0
) -> Phases:  # fmt: skip
    """Cosines one after another, each back at the peak; ``growth`` times as long as the one before.

    Source: Loshchilov & Hutter, "SGDR: stochastic gradient descent with warm restarts" (2017); torch's ``T_mult`` is
    the growth, and its ``T_0`` the length over 1 + growth + ... + growth^(cycles - 1).

    Examples
    --------
    >>> [round(cosine_with_restarts(70, cycles=3, growth=2)(now), 2) for now in (0, 5, 9, 10, 20, 30, 70)]
    [1.0, 0.5, 0.02, 1.0, 0.5, 1.0, 0.0]
    """
    cycles = checked_int("cycles", cycles, at_least=1, at_most=1000, fix="pass how often it falls")
    rule, fix = "be a number above 0", "1 keeps cycles of one length"
    growth = checked_number("growth", growth, rule, above=0, up_to=1e3, fix=fix)
    warmup = checked_number("warmup", warmup, "be a number >= 0", above=-math.ulp(0.0), fix="pass 0 for none")
    parts = [growth**cycle for cycle in range(cycles)]
    whole = _rest(length, warmup)
    # Of whole numbers in fractions: a restart that falls on a whole step falls on no other for a rounding.
    share = Fraction(whole) / sum(map(Fraction, parts))
    return warmup_then(warmup, [Decay(share * Fraction(part), Cosine(), floor) for part in parts], peak, length=length)


def one_cycle(
    length: Any, *, rise: float = 0.3, start: float = 1 / 25, floor: float = 4e-6, peak: float = 1.0,
    shape: Shape | None = None,
) -> Phases:  # fmt: skip
    """Rise over the first part of the length, fall over the rest, both as cosines: torch's ``OneCycleLR``.

    Its clock ends at ``total_steps - 1``: that is the length here. ``rise`` is a share of the length, where torch takes
    ``pct_start * total_steps - 1`` steps; pass (pct_start * total_steps - 1) / (total_steps - 1) for the same values.

    Source: Smith & Topin, "Super-convergence" (2018), with torch's two phases.

    Examples
    --------
    >>> [round(one_cycle(100, peak=1.0)(now), 3) for now in (0, 15, 30, 65, 100)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    checked_number("rise", rise, "be a share of the length below 1", above=0, up_to=1 - 1e-9, fix="0.3 is usual")
    _rest(length, 0)
    curve = Cosine() if shape is None else shape
    return Phases([Warmup(rise * length, start, curve), Decay(length - rise * length, curve, floor)], peak)


def _one_decay(length: Any, warmup: Any, shape: Shape, peak: float, floor: float) -> Phases:
    return warmup_then(warmup, [Decay(_rest(length, warmup), shape, floor)], peak, length=length)


def _rest(length: Any, warmup: Any) -> Any:
    checked_number(
        "warmup", warmup, "be a number of at least 0", above=-math.ulp(0.0), up_to=math.inf, fix="pass 0 for none"
    )
    rule = f"be above warmup={warmup}" if warmup else "be a number above 0"
    fix = "it is the whole length, warm-up included, on your clock"
    return checked_number("length", length, rule, above=warmup, fix=fix) - warmup
