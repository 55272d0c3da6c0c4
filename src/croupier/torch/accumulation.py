"""Several micro-batches to an optimizer step, as many as are asked for at the moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch

from croupier.errors import BadArgument, BadState, checked_int
from croupier.run.deal import Deal
from croupier.run.standing import Standing
from croupier.torch.loader import Loader

__all__ = ["Accumulated", "MicroBatch"]


@dataclass(frozen=True, slots=True, eq=False)
class MicroBatch:
    """One part of an optimizer step.

    Attributes
    ----------
    batch
        What the dataset and the collate function made of it.
    deal : Deal
    loss_scale, token_scale : float
        Multiply the mean loss over this micro-batch's examples (tokens) by it: the mean of that over the ranks, summed
        over the micro-batches, is the true mean over the optimizer step. (DistributedDataParallel takes the mean over
        ranks; do not divide by the number of micro-batches.)
    ends_step : bool
        Whether the optimizer steps after it: until then gradients need no exchange (``no_sync()``).
    """

    batch: Any
    deal: Deal
    loss_scale: float
    token_scale: float
    ends_step: bool
    loader: Loader

    def observe(self, losses: torch.Tensor | npt.ArrayLike) -> None:
        """Report a loss for each example, as ``loader.observe`` does for the batch received last."""
        self.loader.observe(losses, self.deal)


class Accumulated:
    """The optimizer steps of an epoch, each a list of micro-batches.

    Parameters
    ----------
    loader : Loader
        Its plan deals micro-batches; under ``Balanced`` a step's micro-batches stay together.
    micro_batches : int or callable
        Loader steps to an optimizer step. A callable is asked once for each optimizer step, before it, so a schedule
        (``lambda: ramp.size_at(loader.cursor.samples) // 256``) or a controller takes effect at once, whatever has been
        prefetched. Every rank must be given the same number: see ``agreed_integer``.

    Guarantees: every id is dealt as often as without; the last optimizer step of an epoch takes what is left; scales
    are those of the true mean however many micro-batches there are. A state taken after ``optimizer.step()`` resumes
    bit for bit. The micro-batches of a step are fetched together and held on the host.

    Attributes
    ----------
    optimizer_steps : int
        Steps yielded since the start of the run: the loader's cursor counts its own.

    Examples
    --------
    >>> import croupier as cr
    >>> from croupier.torch import BatchSampler
    >>> loader = Loader(range(10), BatchSampler(cr.chain(cr.Sequential(), cr.FixedSize(2)), cr.Table(size=10), seed=0))
    >>> for step in Accumulated(loader, 2):
    ...     print([(micro.batch.tolist(), micro.loss_scale) for micro in step])
    [([0, 1], 0.5), ([2, 3], 0.5)]
    [([4, 5], 0.5), ([6, 7], 0.5)]
    [([8, 9], 1.0)]
    """

    def __init__(self, loader: Loader, micro_batches: int | Callable[[], int]) -> None:
        if not isinstance(loader, Loader):
            raise BadArgument("loader", "be a croupier.torch.Loader", loader, "wrap the dataset in one")
        if not callable(micro_batches):
            _checked(micro_batches)
        self.loader = loader
        self.optimizer_steps = 0
        self._micro_batches = micro_batches

    def __iter__(self) -> Iterator[list[MicroBatch]]:
        """Optimizer steps of one epoch, or of what is left of it after a state was loaded."""
        held: list[tuple[Any, Deal]] = []
        steps, wanted, place = 0, 0, self.loader.place
        for batch in self.loader:
            if not held:
                wanted = self._asked(place)
            held.append((batch, self.loader.deal))
            steps += self.loader.deal.ends_step
            if steps == wanted:
                self.optimizer_steps += 1
                yield self._step(held)
                held, steps, place = [], 0, self.loader.place
        if held:
            self.optimizer_steps += 1
            yield self._step(held)

    def state_dict(self) -> dict[str, Any]:
        """The state after the optimizer step yielded last: take it once the optimizer has stepped."""
        return {"loader": self.loader.state_dict(), "optimizer_steps": self.optimizer_steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the state was taken."""
        steps = state.get("optimizer_steps")
        if set(state) != {"loader", "optimizer_steps"} or type(steps) is not int or steps < 0:
            raise BadState(
                "state", "hold the loader's state and a number of optimizer steps", sorted(state),
                "load what Accumulated.state_dict() returned",
            )  # fmt: skip
        self.loader.load_state_dict(state["loader"])
        self.optimizer_steps = steps

    def _asked(self, place: tuple[Deal | None, Standing]) -> int:
        """Once it is known that a step begins, and as the run stood before it: no step begins at an epoch's end."""
        if not callable(self._micro_batches):
            return _checked(self._micro_batches)
        here = self.loader.place
        self.loader.stand_back(place)
        try:
            return _checked(self._micro_batches())
        finally:
            self.loader.stand_back(here)

    def _step(self, held: list[tuple[Any, Deal]]) -> list[MicroBatch]:
        ends = [deal for _, deal in held if deal.ends_step]
        examples, tokens = sum(deal.step_examples for deal in ends), sum(deal.step_tokens for deal in ends)
        return [
            MicroBatch(
                batch, deal,
                deal.loss_scale * deal.step_examples / examples if examples else 0.0,
                deal.token_scale * deal.step_tokens / tokens if tokens else 0.0,
                place == len(held) - 1,
                self.loader,
            )
            for place, (batch, deal) in enumerate(held)
        ]  # fmt: skip


def _checked(micro_batches: Any) -> int:
    return checked_int("micro_batches", micro_batches, at_least=1, fix="pass the loader's steps to an optimizer step")
