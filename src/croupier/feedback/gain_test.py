"""Whether choosing among candidates by a score pays for scoring them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument, checked_int, checked_real, keep_plain_numbers

__all__ = ["GainTest", "importance_gain"]


@dataclass(frozen=True, slots=True)
class GainTest:
    """A switch: is drawing ``chosen`` of ``candidates`` by their gradient norms worth a forward pass over them all?

    Its state is one number, so ``dataclasses.asdict(test)`` goes into a checkpoint and ``GainTest(**saved)`` goes on.

    Parameters
    ----------
    candidates, chosen : int
        B that are scored, and b that are trained on.
    momentum : float in [0, 1)
        Of the running mean of the gain. The published code: 0.9.
    gain : float
        The running mean so far. It begins at 0, as published: off, until some steps agree.

    With a backward pass at twice the price of a forward pass, B + 3 b forward passes pay for (B + 3 b) / 3 uniform
    examples in place of b. The rule: on where the gain tau exceeds that, ``tau > (B + 3 b) / (3 b)``. It is a cautious
    one: tau is the ratio of root mean squares, and draws of a mean square smaller by tau**2 do for tau**2 times as
    many.

    Source: Katharopoulos and Fleuret, "Not all samples are created equal: deep learning with importance sampling"
    (2018), equation 29 and the gain before it, as the authors' code has them.

    Examples
    --------
    >>> test = GainTest(candidates=96, chosen=32)
    >>> test.threshold, test.is_on
    (2.0, False)
    >>> few_matter = [50.0] * 2 + [0.5] * 94
    >>> for step in range(10):
    ...     test = test.after(importance_gain(few_matter))
    >>> round(test.gain, 2), test.is_on
    (3.08, True)
    """

    candidates: int
    chosen: int
    momentum: float = 0.9
    gain: float = 0.0

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        chosen = checked_int("chosen", self.chosen, at_least=1, fix="pass the examples that are trained on")
        object.__setattr__(self, "chosen", chosen)
        candidates = checked_int(
            "candidates", self.candidates, at_least=int(self.chosen), fix="score more than are trained on"
        )
        object.__setattr__(self, "candidates", candidates)
        rule, fix = "be in [0, 1)", "the published code has 0.9"
        momentum = checked_real("momentum", self.momentum, rule, at_least=0, at_most=1 - 2**-53, fix=fix)
        object.__setattr__(self, "momentum", momentum)
        gain = checked_real("gain", self.gain, "be a number >= 0", at_least=0, fix="begin at 0")
        object.__setattr__(self, "gain", gain)

    @property
    def threshold(self) -> float:
        """(B + 3 b) / (3 b)."""
        return (self.candidates + 3 * self.chosen) / (3 * self.chosen)

    @property
    def is_on(self) -> bool:
        """Whether to choose by importance at the next step; else train on uniform ones."""
        return self.gain > self.threshold

    def after(self, gain: float) -> GainTest:
        """The test after a step at which :func:`importance_gain` was so much.

        While off, take it of the scores of the examples trained on, which cost nothing. Ranks may each have their own
        test; for one decision give them the mean of their gains.
        """
        given = plain_array("gain", gain)
        if given.ndim or given.dtype.kind not in "iuf" or not 1.0 - 1e-9 <= float(given) < float("inf"):
            what = gain if not given.ndim else f"an array of shape {given.shape}"
            raise BadArgument("gain", "be a number >= 1", what, "pass importance_gain(scores)")
        return replace(self, gain=self.momentum * self.gain + (1.0 - self.momentum) * float(given))


def importance_gain(scores: npt.ArrayLike) -> float:
    """By how much draws in proportion to gradient norms shrink the weighted gradient, root mean square: tau.

    ``1 / sqrt(1 - |p - u|**2 / |p|**2)``, with p the scores over their sum and u uniform. That is ``sqrt(n) |p|``: from
    1, where all are equal, to ``sqrt(n)``, where one alone is above 0. Uniform draws have gradients of mean square
    ``mean(score**2)``; draws by p, each weighted by 1 / (n p), of ``mean(score)**2``; the ratio is tau**2.

    Parameters
    ----------
    scores : array of shape (n,)
        0 or more. Where all are 0 the gain is 1.

    Source: as :class:`GainTest`.

    Examples
    --------
    >>> importance_gain([2.0, 2.0]), importance_gain([0.0, 5.0, 0.0, 0.0])
    (1.0, 2.0)
    """
    given = plain_array("scores", scores)
    if given.ndim != 1 or not given.size or given.dtype.kind not in "biuf":
        what = f"dtype {given.dtype} of shape {given.shape}"
        raise BadArgument("scores", "be a list of numbers", what, "pass one for each candidate")
    values = given.astype(np.float64)
    if not (np.isfinite(values).all() and values.min() >= 0):
        raise BadArgument("scores", "be finite and >= 0", f"{float(values.min())} among them", "pass gradient norms")
    largest = float(values.max())
    if largest == 0:
        return 1.0
    shares = values / largest
    return max(1.0, float(np.sqrt(shares.size * (shares**2).sum()) / shares.sum()))
