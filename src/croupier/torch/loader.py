"""A DataLoader that knows what the training loop has received."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import numpy.typing as npt
import torch
from torch.utils.data import DataLoader

from croupier.core.cursor import Cursor
from croupier.core.key import Key
from croupier.core.ledger import Ledger
from croupier.errors import BadArgument, checked_kind
from croupier.run.choices import Choices, choice_key
from croupier.run.deal import Deal
from croupier.run.dealer import Dealer
from croupier.run.standing import Standing
from croupier.run.state import with_entries
from croupier.torch.batch_sampler import BatchSampler
from croupier.torch.dense_tensors import on_host
from croupier.torch.hard_examples import BiasedChoice, WeightedChoice
from croupier.torch.with_facts import WithFacts

__all__ = ["Loader"]

DECIDED_BY_THE_PLAN = ("batch_size", "shuffle", "sampler", "batch_sampler", "drop_last")


class Loader:
    """Wrap a torch DataLoader: exact state with workers and prefetch, and each batch with its :class:`croupier.Deal`.

    Parameters
    ----------
    dataset : torch Dataset
        Map-style; wrap it in :class:`croupier.torch.WithFacts` to see facts in ``__getitem__``.
    batch_sampler : BatchSampler
    **dataloader_arguments
        Any argument of torch's DataLoader but those the plan decides (batch_size, shuffle, sampler, drop_last).

    Attributes
    ----------
    deal : Deal
        That of the batch the loop received last: ids, weights, loss scale, negatives.

    Guarantees: ``state_dict()`` is the state after the batch that the loop received last, whatever the workers have
    prefetched; a new process that loads it deals the rest bit for bit.

    It wraps rather than subclasses, because frameworks rebuild subclasses of DataLoader with samplers of their own.

    Examples
    --------
    >>> import croupier as cr
    >>> sampler = BatchSampler(cr.chain(cr.Shuffle(), cr.FixedSize(4)), cr.Table(size=10), seed=7)
    >>> loader = Loader(range(10), sampler)
    >>> for batch in loader:
    ...     print(batch.tolist(), loader.deal.loss_scale, loader.state_dict()["cursor"]["samples"])
    [3, 5, 2, 8] 1.0 4
    [9, 7, 0, 4] 1.0 8
    [1, 6] 1.0 10
    """

    def __init__(self, dataset: Any, batch_sampler: BatchSampler, **dataloader_arguments: Any) -> None:
        if not isinstance(batch_sampler, BatchSampler):
            raise BadArgument(
                "batch_sampler",
                "be a croupier.torch.BatchSampler",
                batch_sampler,
                "write BatchSampler(plan, table, ...)",
            )
        for name in DECIDED_BY_THE_PLAN:
            if name in dataloader_arguments:
                raise BadArgument(name, "be left to the plan", dataloader_arguments[name], "put it into the chain")
        if dataloader_arguments.get("in_order", True) is not True:
            raise BadArgument("in_order", "be True", False, "batches that overtake others cannot be resumed")
        rows = batch_sampler.dealer.program.table.size
        if hasattr(dataset, "__len__") and len(dataset) < rows:
            raise BadArgument(
                "dataset", f"have the {rows} rows of the table", f"{len(dataset)} rows", "pass its own table"
            )
        self.batch_sampler = batch_sampler
        self._feed = _Feed(batch_sampler.dealer, with_facts=isinstance(dataset, WithFacts))
        self._dataloader: DataLoader[Any] = DataLoader(dataset, batch_sampler=self._feed, **dataloader_arguments)
        self._deal: Deal | None = None
        self._choices = Choices()

    def __iter__(self) -> Iterator[Any]:
        """Batches of one epoch, or of what is left of it after a state was loaded."""
        for place, batch in enumerate(self._dataloader):
            if place == 0:
                self._choices.begin_pass(self.cursor.steps)
            self._deal = self._feed.ahead.popleft()
            self.batch_sampler.dealer.receive(self._deal)
            yield batch
        self.batch_sampler.dealer.complete()

    def __len__(self) -> int:
        """Batches of this rank in the epoch; exact."""
        return len(self.batch_sampler)

    @property
    def deal(self) -> Deal:
        """What was decided about the batch the loop received last."""
        if self._deal is None:
            raise BadArgument("deal", "be read after the first batch", "no batch yet", "read it inside the loop")
        return self._deal

    def column(self, name: str, default: float | None = None) -> torch.Tensor:
        """A fact of the batch received last, as a tensor: its weight, probability, source, negatives...

        Floats become float32. Where the plan gives no such column, a tensor of ``default`` if one is given: with
        ``loader.column("weight", 1.0)`` a loop serves plans with weights and without.
        """
        deal = self.deal
        checked_kind("name", name, str, fix='pass "weight", say')
        if name not in deal.columns:
            if default is None:
                there = ", ".join(map(repr, deal.columns)) or "none"
                raise BadArgument("name", f"be a column of the plan: {there}", name, "or pass a default")
            return torch.full((len(deal),), default)
        values = torch.tensor(deal.columns[name])
        return values.float() if values.is_floating_point() else values

    @property
    def dealer(self) -> Dealer:
        """The run behind the batches: ``skip_steps``, ``seen_before``, ``position_of``, ``steps_per_epoch``."""
        return self.batch_sampler.dealer

    @property
    def dataset(self) -> Any:
        """The dataset."""
        return self._dataloader.dataset

    @property
    def ledger(self) -> Ledger:
        """What was dropped, cut or repeated so far, and what :meth:`chose` was told."""
        return self.batch_sampler.ledger + self._choices.ledger(self.cursor.steps)

    @property
    def cursor(self) -> Cursor:
        """Where the run stands after the batch received last: the samples, tokens and steps that schedules read."""
        return self.dealer.cursor

    def observe(
        self,
        losses: torch.Tensor | npt.ArrayLike | Mapping[str, torch.Tensor | npt.ArrayLike],
        deal: Deal | None = None,
    ) -> None:
        """Report a loss for each example of the batch received last, or an earlier deal; stages that learn use it.

        Or several signals by name, ``{"loss": losses, "margin": margins}``, for stages that keep them.
        """
        self.batch_sampler.dealer.observe(self.deal if deal is None else deal, _on_host(losses))

    def choice_key(self, deal: Deal | None = None) -> Key:
        """The random stream for a choice within the batch received last, or an earlier deal; a resume repeats it."""
        return choice_key(self.dealer.program.seed, self.deal if deal is None else deal)

    def chose(self, choice: BiasedChoice | WeightedChoice, deal: Deal | None = None) -> None:
        """Record which examples of the batch received last, or of an earlier deal, the loop goes on to train on.

        ``deal.chosen`` holds their places, and the ledger, that of a state too, counts candidates and chosen over all
        ranks. Every rank must choose as many, once a batch; which ones, each decides for itself.
        """
        if not isinstance(choice, (BiasedChoice, WeightedChoice)):
            what, fix = type(choice).__name__, "pass what hardest or importance_sample returned, not its places"
            raise BadArgument("choice", "be a choice among the candidates", what, fix)
        of = self.deal if deal is None else checked_kind("deal", deal, Deal, fix="pass loader.deal")
        if choice.candidates != len(of):
            raise BadArgument("choice", f"be among the {len(of)} ids of the deal", choice.candidates, "pass its deal")
        if of.chosen is not None:
            raise BadArgument("chose", "be called once for a deal", "a second choice", "join the two before")
        of.chosen = choice.places.cpu().numpy()
        self._choices.add(of, choice.places.numel(), self.dealer.world_size)

    @property
    def place(self) -> tuple[Deal | None, Standing]:
        """Where the loop stands: the deal received last, and the run after it."""
        return self._deal, self.dealer.standing

    def stand_back(self, place: tuple[Deal | None, Standing]) -> None:
        """Stand where the loop stood while the workers go on ahead, as :class:`croupier.torch.Rewindable` does."""
        self._deal, standing = place
        self.dealer.stand_back(standing)

    def set_epoch(self, epoch: int) -> None:
        """Deal this epoch next, from its start; a no-op for the epoch that would be dealt next anyway."""
        self.batch_sampler.set_epoch(epoch)

    def state_dict(self) -> dict[str, Any]:
        """The state after the batch the loop received last."""
        return with_entries(self.batch_sampler.state_dict(), self._choices.ledger(self.cursor.steps))

    def load_state_dict(self, state: Mapping[str, Any], *, accept: Sequence[str] = ()) -> None:
        """Go on where the state was taken, on this number of ranks and workers; ``accept`` as for BatchSampler."""
        self.batch_sampler.load_state_dict(state, accept=accept)
        self._choices = Choices()


def _on_host(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: _on_host(one) for name, one in cast("Mapping[str, Any]", values).items()}
    return on_host("losses", values).float().numpy() if isinstance(values, torch.Tensor) else values


class _Feed:
    """What the inner DataLoader draws from: hands out deals and keeps those that are under way."""

    def __init__(self, dealer: Dealer, *, with_facts: bool) -> None:
        self.ahead: deque[Deal] = deque()
        self._dealer = dealer
        self._with_facts = with_facts

    def __iter__(self) -> Iterator[list[int]]:
        self.ahead.clear()
        for deal in self._dealer.run_ahead():
            self.ahead.append(deal)
            # Facts cross to the workers only where a dataset asks for them: pickling arrays costs more than the ids.
            yield deal if self._with_facts else list(deal)

    def __len__(self) -> int:
        return len(self._dealer)
