"""A batch sampler for any torch DataLoader, and for torchdata's StatefulDataLoader."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Sampler

from croupier.core.ledger import Ledger
from croupier.core.plain_array import plain_array
from croupier.core.split import Split
from croupier.core.stage import Stage
from croupier.core.table import Table
from croupier.run.deal import Deal
from croupier.run.dealer import Dealer
from croupier.torch.distributed import RankAgreement, place_in_world

__all__ = ["BatchSampler"]


class BatchSampler(Sampler[list[int]]):
    """A rank's batches of one epoch, as lists of ints that carry their facts (:class:`croupier.Deal`).

    Parameters
    ----------
    plan : Stage
        What :func:`croupier.chain` returns.
    table : Table
    seed : int
    rank, world_size : int, optional
        Default: those of ``torch.distributed`` where it is initialised, else 0 and 1.
    split : Split, optional
        ``Lockstep()`` (default) or ``Balanced(...)``.

    ``iter()`` after a completed pass is the next epoch; after an abandoned pass the same epoch from its start; the
    first ``iter()`` after ``load_state_dict`` goes on in the middle.

    Under a bare DataLoader with workers ``state_dict()`` counts what was prefetched as dealt: use
    :class:`croupier.torch.Loader`, or torchdata's StatefulDataLoader, to save in the middle of an epoch.

    Where torch.distributed is up, constructing one is collective, and every segment's plan is compared over the ranks:
    a difference in seed, plan, table or library version stops the run with :class:`croupier.errors.RanksDisagree`
    instead of hanging it.

    Examples
    --------
    >>> import croupier as cr
    >>> from torch.utils.data import DataLoader
    >>> sampler = BatchSampler(cr.chain(cr.Shuffle(), cr.FixedSize(4)), cr.Table(size=10), seed=7)
    >>> [batch.tolist() for batch in DataLoader(range(10), batch_sampler=sampler)]
    [[3, 5, 2, 8], [9, 7, 0, 4], [1, 6]]
    """

    def __init__(
        self,
        plan: Stage,
        table: Table,
        *,
        seed: int,
        rank: int | None = None,
        world_size: int | None = None,
        split: Split | None = None,
    ) -> None:
        place = place_in_world(rank, world_size)
        self.dealer = Dealer(plan, table, seed=seed, rank=place.rank, world_size=place.world_size, split=split)
        if place.is_distributed:
            agreement = RankAgreement()
            self.dealer.connect(gather=agreement.gather, agree=agreement.check)

    def __iter__(self) -> Iterator[Deal]:
        """One epoch, or what is left of it after a state was loaded."""
        return iter(self.dealer)

    def __len__(self) -> int:
        """Batches of this rank in the epoch; exact."""
        return len(self.dealer)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in the epoch."""
        return self.dealer.steps_per_epoch

    @property
    def epoch(self) -> int:
        """The epoch that is being dealt, or comes next."""
        return self.dealer.cursor.epoch

    @property
    def ledger(self) -> Ledger:
        """What was dropped, cut or repeated so far."""
        return self.dealer.ledger

    def set_epoch(self, epoch: int) -> None:
        """Deal this epoch next, from its start; a no-op for the epoch that would be dealt next anyway."""
        self.dealer.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """Where the run stands; loads with ``torch.load(weights_only=True)``."""
        return _map_leaves(self.dealer.state_dict(), _to_tensor, np.ndarray)

    def load_state_dict(self, state: Mapping[str, Any], *, accept: Sequence[str] = ()) -> None:
        """Go on where the state was taken, on this number of ranks; raises ``BadState`` where it does not belong.

        ``accept`` names settings that may differ from those it was saved with, as the refusal names them.
        """
        self.dealer.load_state_dict(_map_leaves(state, _to_array, torch.Tensor), accept=accept)


def _map_leaves(value: Any, convert: Callable[[Any], Any], kind: type) -> Any:
    if isinstance(value, kind):
        return convert(value)
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {name: _map_leaves(item, convert, kind) for name, item in items}
    return value


def _to_tensor(values: npt.NDArray[Any]) -> torch.Tensor:
    return torch.as_tensor(values.copy())


def _to_array(values: torch.Tensor) -> npt.NDArray[Any]:
    return plain_array("state", values.cpu() if values.device.type in ("cuda", "mps", "xpu") else values)
