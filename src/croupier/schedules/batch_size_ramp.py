"""A batch size that changes at given numbers of samples, and the steps it makes of them, in closed form."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple, Self, cast

import numpy as np

from croupier.errors import BadArgument, checked_int, keep_plain_numbers, plain_scalar
from croupier.schedules.arithmetic import arithmetic, is_number

__all__ = ["BatchSizeRamp", "Stretch"]


class Stretch(NamedTuple):
    """Steps of one size: the samples and steps before the first of them, and the size."""

    samples: int
    steps: int
    size: int


@dataclass(frozen=True, slots=True)
class BatchSizeRamp:
    """From which sample on a step has how many samples, over all ranks.

    A step that begins before a change keeps its size; the last size holds for the rest of the run.

    Parameters
    ----------
    changes : sequence of (samples, size)
        Samples dealt before the change, and the global batch size of every step that begins from then on. The first at
        0, strictly ascending; sizes may rise and fall.

    Guarantees
    ----------
    A function of the samples dealt and of nothing else, so a resumed run goes on as it would have. Integers are exact,
    however large; every answer takes O(log changes), and nothing is summed over samples or steps.
    ``steps_at(samples_at(n)) == n``, and ``samples_at(steps_at(s)) <= s < samples_at(steps_at(s) + 1)``.
    Of NumPy integers the answers are int64 arrays; of JAX arrays, traced ones too, they are its floats.

    Raises
    ------
    BadArgument
        No pairs of integers, a size below 1, a first change that is not at 0, changes that do not ascend.

    Examples
    --------
    >>> ramp = BatchSizeRamp([(0, 256), (1_000, 512)])
    >>> ramp.size_at(999), ramp.size_at(1_000)
    (256, 512)
    >>> [ramp.samples_at(steps) for steps in range(7)]
    [0, 256, 512, 768, 1024, 1536, 2048]
    >>> ramp.steps_at(10**18)
    1953125000000002
    """

    changes: Sequence[tuple[int, int]]
    stretches: tuple[Stretch, ...] = field(init=False, repr=False, compare=False)
    """The steps of each size in turn, as they come out: changes wait for the end of a step."""

    def __post_init__(self) -> None:
        keep_plain_numbers(self)
        changes = _checked(self.changes)
        stretches = [Stretch(0, 0, changes[0][1])]
        for change, size in changes[1:]:
            before = stretches[-1]
            steps = max(0, -(-(change - before.samples) // before.size))
            if not steps:  # its change still waited for the end of a step
                stretches.pop()
            stretches.append(Stretch(before.samples + steps * before.size, before.steps + steps, size))
        object.__setattr__(self, "changes", changes)
        object.__setattr__(self, "stretches", tuple(stretches))

    @classmethod
    def linear(cls, start: int, stop: int, increment: int, over_samples: int) -> Self:
        """From ``start`` to ``stop`` by equal increments, each after an equal share of ``over_samples``.

        What ``--rampup-batch-size start increment over_samples`` of Megatron-LM does on the way to its
        ``--global-batch-size``, at every number of consumed samples; a negative increment goes down.

        Raises
        ------
        BadArgument
            ``stop`` is not reached from ``start`` by whole increments, or there are more of them than samples.

        Examples
        --------
        >>> BatchSizeRamp.linear(16, 64, increment=16, over_samples=1_000).changes
        ((0, 16), (334, 32), (667, 48), (1000, 64))
        """
        start = checked_int("start", start, at_least=1, fix="pass the first batch size")
        stop = checked_int("stop", stop, at_least=1, fix="pass the last batch size")
        step = checked_int("increment", increment, at_least=-(2**62) + 1, fix="pass what each change adds")
        if not step or (stop - start) % step or (stop - start) // step < 0:
            raise BadArgument(
                "increment", f"divide stop - start = {stop - start}, with its sign", increment,
                f"pass a divisor of {stop - start}, or another stop",
            )  # fmt: skip
        return cls._spread([*range(start, stop, step), stop], over_samples)

    @classmethod
    def geometric(cls, start: int, stop: int, factor: int, over_samples: int) -> Self:
        """From ``start`` to ``stop``, ``factor`` times as large after each equal share of ``over_samples``.

        Raises
        ------
        BadArgument
            ``stop`` is not ``start`` times a power of ``factor``, or there are more changes than samples.

        Examples
        --------
        >>> BatchSizeRamp.geometric(64, 512, factor=2, over_samples=3_000).changes
        ((0, 64), (1000, 128), (2000, 256), (3000, 512))
        """
        start = checked_int("start", start, at_least=1, fix="pass the first batch size")
        stop = checked_int("stop", stop, at_least=1, fix="pass the last batch size")
        factor = checked_int("factor", factor, at_least=2, fix="pass 2 to double")
        sizes = [start]
        while sizes[-1] < stop:
            sizes.append(sizes[-1] * factor)
        if sizes[-1] != stop:
            raise BadArgument(
                "stop", f"be start={start} times a power of factor={factor}", stop, f"pass {sizes[-1]}, for instance"
            )
        return cls._spread(sizes, over_samples)

    @classmethod
    def _spread(cls, sizes: Sequence[int], over_samples: int) -> Self:
        count = len(sizes) - 1
        samples = checked_int(
            "over_samples", over_samples, at_least=count, fix="the ramp needs a sample for each change"
        )
        return cls([(-(-at * samples // max(count, 1)), size) for at, size in enumerate(sizes)])

    def size_at(self, samples: Any) -> Any:
        """The size of a step that begins when so many samples have been dealt."""
        if is_number(samples):
            at = bisect_right(self.changes, _count("samples", samples), key=lambda change: change[0])
            return self.changes[at - 1][1]
        _, columns, at = _among(self.changes, "samples", samples)
        return columns[1][at]

    def steps_at(self, samples: Any) -> Any:
        """How many whole steps the first ``samples`` of a run hold."""
        if is_number(samples):
            samples = _count("samples", samples)
            begin, steps, size = self.stretches[
                bisect_right(self.stretches, samples, key=lambda each: each.samples) - 1
            ]
            return steps + (samples - begin) // size
        now, (begins, steps, sizes), at = _among(self.stretches, "samples", samples)
        return steps[at] + (now - begins[at]) // sizes[at]

    def samples_at(self, steps: Any) -> Any:
        """How many samples so many steps deal: where the next one begins."""
        if is_number(steps):
            steps = _count("steps", steps)
            begin, first, size = self.stretches[bisect_right(self.stretches, steps, key=lambda each: each.steps) - 1]
            return begin + (steps - first) * size
        now, (begins, firsts, sizes), at = _among(self.stretches, "steps", steps)
        return begins[at] + (now - firsts[at]) * sizes[at]


def _among(rows: Sequence[tuple[int, ...]], counted: str, now: Any) -> tuple[Any, Any, Any]:
    """An array of counts, columns of the rows to calculate with, and which row each count falls on."""
    namespace, numbers = arithmetic(now)
    # What is traced, a kind of array of its own, cannot be looked at.
    if type(numbers) is np.ndarray and not np.all((numbers >= 0) & (numbers < 2.0**63)):
        bad = numbers[~((numbers >= 0) & (numbers < 2.0**63))][0]
        raise BadArgument(counted, "be numbers of at least 0, below 2**63", bad, "count from the start of the run")
    if namespace is np and np.asarray(now).dtype.kind in "iu":
        numbers = np.asarray(now).astype(np.int64)
        columns = np.array(rows, np.int64).T
    else:
        columns = namespace.asarray(rows, dtype=float).T
    at = namespace.searchsorted(columns[1 if counted == "steps" else 0], numbers, side="right") - 1
    return numbers, columns, namespace.maximum(at, 0)


def _checked(changes: object) -> tuple[tuple[int, int], ...]:
    pairs = cast("Sequence[Any]", changes)  # what they are is checked next
    if not isinstance(changes, (list, tuple)) or not all(
        isinstance(change, (list, tuple)) and len(cast("Sequence[Any]", change)) == 2 for change in pairs
    ):
        raise BadArgument("changes", "be pairs of samples and size", pairs, "write [(0, 256), (1_000_000, 512)]")
    checked = tuple(
        (
            checked_int("samples of a change", samples, at_least=0, fix="pass the samples dealt before it"),
            checked_int("size", size, at_least=1, fix="pass the global batch size from then on"),
        )
        for samples, size in pairs
    )
    starts = [samples for samples, _ in checked]
    if not starts or starts[0] != 0 or any(later <= earlier for earlier, later in pairwise(starts)):
        raise BadArgument("samples of the changes", "begin at 0 and ascend", starts, "sort them, one size for each")
    return checked


def _count(argument: str, value: Any) -> int:
    value = plain_scalar(value)
    if isinstance(value, bool) or not 0 <= value < 2**63 or int(value) != value:
        raise BadArgument(argument, "be a whole number of at least 0", value, "count from the start of the run")
    return int(value)
