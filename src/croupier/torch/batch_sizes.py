"""Find the largest batch of each shape that a training step can take, in little more than one try for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch

from croupier.batch.shapes import Shapes
from croupier.core.facts import checked_names
from croupier.core.progress import with_progress
from croupier.errors import BadArgument, check_function, checked_fraction, checked_int
from croupier.feedback.memory_model import MemoryModel, Probe
from croupier.torch.batch_size_search import BatchSizeSearch, MemoryReading, TrainingStep

__all__ = ["BatchSizes", "CudaMemory", "find_batch_sizes"]


@dataclass(frozen=True, slots=True)
class CudaMemory:
    """The peak that CUDA's allocator reports, against a share of the device's memory.

    The rest is for what the allocator does not count: fragments, the libraries' workspaces, communication.
    """

    device: int | None = None
    share: float = 0.9

    def __post_init__(self) -> None:
        if self.device is not None:
            device = checked_int("device", self.device, at_least=0, at_most=2**15, fix="pass its number, or None")
            object.__setattr__(self, "device", device)
        share = checked_fraction("share", self.share, fix="pass what part of the memory may be taken")
        object.__setattr__(self, "share", share)

    @property
    def capacity_bytes(self) -> int:
        """The share of what this process could have."""
        free, _ = torch.cuda.mem_get_info(self.device)
        return int(self.share * (free + torch.cuda.memory_reserved(self.device)))

    def reset(self) -> None:
        """Begin anew."""
        torch.cuda.reset_peak_memory_stats(self.device)

    def peak_bytes(self) -> int:
        """The peak since then."""
        torch.cuda.synchronize(self.device)
        return torch.cuda.max_memory_allocated(self.device)


@dataclass(frozen=True, slots=True)
class BatchSizes:
    """What was found: ``shapes`` for a plan, and every step that was tried."""

    shapes: Shapes
    probes: tuple[Probe, ...]

    @property
    def memory(self) -> MemoryModel | None:
        """The memory model that the tried steps fit, where peaks were read."""
        return MemoryModel.fit(self.probes) if any(probe.peak_bytes is not None for probe in self.probes) else None

    def __str__(self) -> str:
        return f"{self.shapes}\nfound with {len(self.probes)} steps"


def find_batch_sizes(
    step: TrainingStep,
    lengths: Iterable[tuple[int, ...] | int],
    *,
    columns: str | tuple[str, ...] = "length",
    memory: MemoryReading | None = None,
    most_examples: int = 2**16,
    margin: float = 0.0,
) -> BatchSizes:
    """The largest number of rows of each shape that a training step can take.

    Parameters
    ----------
    step : callable of (examples, lengths)
        Runs one whole training step (forward, backward, ``optimizer.step()``) on made-up rows of these padded lengths,
        and lets running out of memory be raised. The first call should leave the optimizer's state allocated. Where
        torch.distributed is up, it must not communicate: step the bare module, or under ``no_sync()``.
    lengths : sequence of int or of tuples of int
        The padded lengths of each shape: ``Shapes.within_budget(...).lengths``, or bounds of your own.
    columns : str or tuple of str
        The table's columns that they are of.
    memory : MemoryReading, optional
        What reads the peak of a step; ``CudaMemory()`` where there is CUDA. Without one, the search knows only whether
        a step fitted, and takes about half as many steps again.
    most_examples : int
        No more rows than this, whatever fits.
    margin : float
        Take so much fewer rows than were found. ``CudaMemory`` keeps a tenth free already; where there is no reading,
        memory that fragments in a long run asks for 0.05 or 0.1.

    Longest shapes first. Each size is one that ran, or smaller by the margin. With a reading, it is within five percent
    (or one row) of what its peak predicts for a little less than the capacity; without, of a size that did not run,
    except for shapes at which earlier predictions had proven right. Under DDP every rank tries the same, against the
    least capacity of all; one that runs out makes a size too large for all, told after the step, so no rank waits for
    another within it.

    Raises
    ------
    BadArgument
        A shape of which not one row fits.
    RuntimeError
        Another rank's step failed for some other reason.

    Source: bracketing and bisection as in NeMo's OOMptimizer (6 to 8 steps a shape); the prediction is our own.

    Examples
    --------
    >>> def step(examples, lengths):
    ...     if examples * lengths[0] > 10_000:
    ...         raise torch.OutOfMemoryError
    >>> print(find_batch_sizes(step, [100, 200, 400]).shapes)
    length  rows  tokens
       100   100  10,000
       200    50  10,000
       400    25  10,000
    """
    check_function("step", step, "be a function of rows and lengths", fix="pass one training step")
    if memory is not None and not hasattr(memory, "peak_bytes"):
        raise BadArgument("memory", "be a MemoryReading or None", memory, "pass CudaMemory()")
    if isinstance(lengths, str) or not hasattr(lengths, "__iter__") or getattr(lengths, "ndim", 1) == 0:
        raise BadArgument("lengths", "be a list of lengths", lengths, "pass [128, 512], or tuples of them")
    names = checked_names(columns)
    shapes = [tuple(cap) if isinstance(cap, (tuple, list)) else (cap,) for cap in lengths]
    fix = "pass padded lengths, or tuples of them"
    shapes = [tuple(checked_int("lengths", cap, at_least=0, at_most=2**40, fix=fix) for cap in caps) for caps in shapes]
    if not shapes or any(len(caps) != len(names) for caps in shapes):
        raise BadArgument(
            "lengths", f"have a length for each of {names}, of at least one shape", lengths, "pass bounds"
        )
    most_examples = checked_int("most_examples", most_examples, at_least=1, fix="pass the most rows that make sense")
    if memory is None and torch.cuda.is_available():
        memory = CudaMemory()
    if not isinstance(margin, (int, float)) or not 0.0 <= margin < 1.0:
        raise BadArgument("margin", "be a share from 0 to below 1", margin, "pass 0.05 for a twentieth fewer rows")
    search = BatchSizeSearch(step, memory, most_examples)
    order = sorted(range(len(shapes)), key=lambda number: (-sum(shapes[number]), shapes[number]))
    search.begin(shapes[order[-1]])
    found: dict[int, int] = {}
    for number in with_progress(order, len(order), "finding batch sizes"):
        found[number] = max(1, int(search.largest(shapes[number]) * (1.0 - margin)))
    return BatchSizes(
        Shapes(tuple(shapes), tuple(found[number] for number in range(len(shapes))), names), tuple(search.probes)
    )
