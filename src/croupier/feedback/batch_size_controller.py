"""Turn what a policy wants into the batch size of the next step: whole quanta, slowly, and only where it is sure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from croupier.errors import BadArgument, checked_int, checked_kind, checked_real, keep_plain_numbers
from croupier.feedback.batch_size_policies import BatchSizePolicy
from croupier.feedback.batch_size_tests import AsPublished, BatchSizeTest
from croupier.feedback.gradient_noise import GradientNoise
from croupier.feedback.gradient_norms import GradientNorms
from croupier.feedback.noise_estimate import NoiseEstimate

__all__ = ["BatchSizeController", "HeldSize", "ResizePace", "adadagrad", "what_if"]


LONGEST_WAIT = 100
"""Decisions in a row without any estimate before that is taken for a mistake: a loss scale settles in a few."""


class HeldSize(NamedTuple):
    """The batch size in force, and what must be known of the past: three integers, for a checkpoint.

    On one rank begin with two quanta, ``HeldSize(2 * quantum)``: one micro-batch alone has nothing to be compared with.
    """

    size: int
    samples: int = 0
    """Samples dealt at this size."""
    untested_steps: int = 0
    """Steps since the size was last tested."""


@dataclass(frozen=True, slots=True)
class ResizePace:
    """How fast a batch size may change.

    Parameters
    ----------
    growth : float
        At most so many times larger in one decision.
    shrinkage : float
        At most so many times smaller; 1 never shrinks.
    dwell_samples : int
        At least so many samples at one size.
    test_steps : int
        The size is tested every so many steps.
    confidence : float in [0, 1)
        Of the interval around the wanted size. Within it the size stays as it is; outside it moves to the nearer bound,
        so that it never goes further than what is sure. Tested often, some interval is bound to miss: this is a brake
        and no error rate. 0 follows the estimate.
    """

    growth: float = 2.0
    shrinkage: float = 1.0
    dwell_samples: int = 0
    test_steps: int = 1
    confidence: float = 0.95

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        for name in ("growth", "shrinkage"):
            fix = "1 allows no change, 2 a doubling"
            number = checked_real(name, getattr(self, name), "be a number >= 1", at_least=1, at_most=math.inf, fix=fix)
            object.__setattr__(self, name, number)
        dwell_samples = checked_int("dwell_samples", self.dwell_samples, at_least=0, fix="pass a number of samples")
        object.__setattr__(self, "dwell_samples", dwell_samples)
        test_steps = checked_int("test_steps", self.test_steps, at_least=1, fix="pass a number of steps")
        object.__setattr__(self, "test_steps", test_steps)
        rule, fix = "be in [0, 1)", "pass 0.95, or 0 for the estimate alone"
        confidence = checked_real("confidence", self.confidence, rule, at_least=0, at_most=1 - 2**-53, fix=fix)
        object.__setattr__(self, "confidence", confidence)


@dataclass(frozen=True, slots=True)
class BatchSizeController:
    """The batch size of the next step, from what the gradients of the last ones said.

    Parameters
    ----------
    policy : BatchSizePolicy
        ``NoiseScale``, ``NormTest``, ``InnerProductTest``, ``AugmentedTest``, ``LeastEfficiency``, ``CoupledSize``, or
        ``AsPublished`` of a test.
    quantum : int
        Sizes are multiples of it: a rank's micro-batch times the ranks.
    most : int
        The largest size; rounded down to a multiple.
    least : int, optional
        The smallest; by default the quantum. On one rank give two quanta where sizes may shrink: one micro-batch alone
        says nothing of its noise, and the size would stay there.
    pace : ResizePace

    A size is rounded up to quanta, then held within the pace and the bounds. Call :meth:`decide` once an optimizer
    step; on several ranks let one of them decide: ``croupier.torch.agreed_integers``. The size takes effect by
    accumulation, as ``size // quantum`` micro-batches.

    Guarantees: a pure function; the size is a multiple of the quantum within the bounds, and grows by one quantum at
    least where it grows.

    Examples
    --------
    >>> import croupier as cr
    >>> controller = BatchSizeController(cr.NormTest(eta=0.5), quantum=32, most=4096)
    >>> noise, held = cr.GradientNoise(half_life_samples=1e5), HeldSize(64)
    >>> for _ in range(40):
    ...     noise.observe(cr.GradientNorms(groups=1 + 155 / 32, whole=1 + 155 / 64, group_samples=32, samples=64))
    ...     held = controller.decide(noise.estimate, held)
    >>> held.size
    640
    """

    policy: BatchSizePolicy
    quantum: int
    most: int
    least: int | None = None
    pace: ResizePace = ResizePace()

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        if not isinstance(self.policy, BatchSizePolicy) or isinstance(self.policy, type):
            raise BadArgument("policy", "have a method wanted", self.policy, "pass NormTest(eta=0.5), say")
        quantum = checked_int("quantum", self.quantum, at_least=1, fix="pass the micro-batch times the ranks")
        object.__setattr__(self, "quantum", quantum)
        least = checked_int("least", self._least, at_least=1, fix="pass a number of samples")
        lowest = -(-least // self.quantum) * self.quantum
        most = checked_int("most", self.most, at_least=lowest, fix="allow a quantum and the least size")
        object.__setattr__(self, "most", most)
        if not isinstance(self.pace, ResizePace):
            raise BadArgument("pace", "be a ResizePace", self.pace, "pass ResizePace(growth=2.0)")

    def decide(self, estimate: NoiseEstimate | None, held: HeldSize) -> HeldSize:
        """The size to hold after a step of the held size.

        Parameters
        ----------
        estimate : NoiseEstimate, optional
            That of ``GradientNoise``, the step's norms taken in; None before there is one.
        held : HeldSize

        Raises
        ------
        BadArgument
            No estimate at a hundred decisions in a row that asked for one: the size would be held for ever.
        """
        if estimate is not None and not isinstance(estimate, NoiseEstimate):
            fix = "write decide(noise.estimate, held)"
            raise BadArgument("estimate", "be a NoiseEstimate, or None", type(estimate).__name__, fix)
        if not isinstance(held, HeldSize):
            raise BadArgument("held", "be a HeldSize", held, f"begin with HeldSize({2 * self.quantum})")
        lowest = self._up(self._least)
        if held.size % self.quantum or not lowest <= held.size <= self._most:
            raise BadArgument(
                "held.size", f"be a multiple of the quantum {self.quantum}, from {lowest} to {self._most}", held.size,
                f"begin with two on one rank, HeldSize({2 * self.quantum}), and keep the quantum through the run",
            )  # fmt: skip
        is_due, counted = self.is_due(held), self._after_step(held)
        if estimate is None or not is_due:
            if is_due and (waited := self._steps_due(counted)) > LONGEST_WAIT:
                raise BadArgument(
                    "estimate", "be there at times", f"none at {waited} decisions in a row",
                    f"take two micro-batches a step, HeldSize({2 * self.quantum}), and report norms to GradientNoise",
                )  # fmt: skip
            return counted
        size = self._size(estimate, held.size)
        return HeldSize(size) if size != held.size else HeldSize(size, counted.samples)

    def is_due(self, held: HeldSize) -> bool:
        """Whether the next step's gradients will be tested, so that what is dear to measure is measured then alone.

        Never again once the size is the largest and does not shrink.
        """
        checked_kind("held", held, HeldSize, fix="pass what decide() returned, or HeldSize(size)")
        after = self._after_step(held)
        is_final = held.size >= self._most and self.pace.shrinkage == 1
        rested = after.samples >= self.pace.dwell_samples
        return rested and not is_final and after.untested_steps >= self.pace.test_steps

    def _steps_due(self, after: HeldSize) -> int:
        """For how many steps in a row, this one too, the size has been due for a test."""
        rested = (after.samples - self.pace.dwell_samples) // after.size
        return min(after.untested_steps - self.pace.test_steps, rested) + 1

    def _size(self, estimate: NoiseEstimate, held: int) -> int:
        wanted = self.policy.wanted(estimate, self.pace.confidence)
        if wanted.low > held:
            most = min(float(self._most), held * self.pace.growth)
            # A quantum more, where the cap would allow nothing.
            bounded = max(min(self._up(wanted.low), self._down(most)), min(held + self.quantum, self._most))
            return max(bounded, held) if self.pace.growth > 1 else held
        if wanted.high < held and self.pace.shrinkage > 1:
            least = max(float(self._least), held / self.pace.shrinkage)
            return min(held, max(self._up(wanted.high), self._up(least)))
        return held

    @property
    def _least(self) -> int:
        return self.quantum if self.least is None else self.least

    @property
    def _most(self) -> int:
        return self._down(float(self.most))

    def _up(self, size: float) -> int:
        # What is above the largest size is all the same, and infinity is no integer.
        return math.ceil(min(size, float(self.most)) / self.quantum) * self.quantum

    def _down(self, size: float) -> int:
        return math.floor(size / self.quantum) * self.quantum

    @staticmethod
    def _after_step(held: HeldSize) -> HeldSize:
        return HeldSize(held.size, held.samples + held.size, held.untested_steps + 1)


def adadagrad(test: BatchSizeTest, *, quantum: int, most: int, test_steps: int = 1) -> BatchSizeController:
    """The controller of AdAdaGrad as published: at once to what the last batch's test says, never down, done at most.

    Parameters
    ----------
    test : BatchSizeTest
        ``NormTest(eta)``, ``InnerProductTest(theta)`` or ``AugmentedTest(theta, nu)``.
    quantum, most : int
        As for :class:`BatchSizeController`.
    test_steps : int
        The test interval.

    The published code rounds the size to its micro-batches by a rule of its own; here it is rounded up to quanta.

    Source: Lau, Liu and Kolar, "AdAdaGrad: adaptive batch size schemes for adaptive gradient methods" (2024, arXiv
    2402.11215) and its published code.
    """
    pace = ResizePace(growth=math.inf, test_steps=test_steps, confidence=0.0)
    return BatchSizeController(AsPublished(test), quantum, most, pace=pace)


def what_if(
    log: Iterable[GradientNorms],
    controllers: Mapping[str, BatchSizeController],
    *,
    start: int,
    half_life_samples: float,
) -> dict[str, npt.NDArray[np.int64]]:
    """The sizes that controllers would have chosen, on what a run has logged.

    Parameters
    ----------
    log : iterable of GradientNorms
        Of the steps of a run, in order: ``GradientNorms.from_dict`` of each line.
    controllers : mapping of name to BatchSizeController
    start : int
        The size before the first step.
    half_life_samples : float
        As for :class:`GradientNoise`.

    Returns for each name an int64 array of shape (steps,): the size held after each step. The clock of the pace is that
    of the sizes chosen. The gradients are those of the run as it was: at other sizes its weights would have gone
    another way, so trust differences between policies early in the run more than late.

    Examples
    --------
    >>> import croupier as cr
    >>> log = [cr.GradientNorms(groups=1 + 155 / 8, whole=1 + 155 / 32, group_samples=8, samples=32)] * 6
    >>> policies = {"corrected": cr.NormTest(0.5), "published": cr.AsPublished(cr.NormTest(0.5))}
    >>> controllers = {name: BatchSizeController(each, quantum=4, most=4096) for name, each in policies.items()}
    >>> sizes = what_if(log, controllers, start=32, half_life_samples=1e5)
    >>> sizes["corrected"].tolist(), sizes["published"].tolist()
    ([32, 64, 128, 256, 512, 620], [64, 108, 108, 108, 108, 108])
    """
    checked_kind("controllers", controllers, Mapping, fix='write {"mine": controller}')
    checked_kind("log", log, Sequence, fix="pass a list of GradientNorms")
    start = checked_int("start", start, at_least=1, fix="pass the size before the first step")
    for name, controller in controllers.items():
        if not isinstance(controller, BatchSizeController):
            raise BadArgument(
                f"controllers[{name!r}]", "be a BatchSizeController", controller, "make one of the policy"
            )
    noise = GradientNoise(half_life_samples)
    held = {name: HeldSize(start) for name in controllers}
    sizes: dict[str, list[int]] = {name: [] for name in controllers}
    for norms in log:
        noise.observe(norms)
        estimate = noise.estimate
        for name, controller in controllers.items():
            held[name] = controller.decide(estimate, held[name])
            sizes[name].append(held[name].size)
    return {name: np.array(chosen, dtype=np.int64) for name, chosen in sizes.items()}
