"""Deal one rank's batches of a run, epoch by epoch: the sampler, for any framework."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger
from croupier.core.split import Split
from croupier.core.stage import Stage
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int
from croupier.run.deal import Deal, deals_of_step
from croupier.run.memory import Gather, Report
from croupier.run.program import Program
from croupier.run.state import read_state, write_state
from croupier.run.walk import count_steps, walk
from croupier.split.lockstep import Lockstep

__all__ = ["Dealer"]


class Dealer:
    """One rank's batches of a run.

    Parameters
    ----------
    plan : Stage
        What :func:`croupier.chain` returns.
    table : Table
    seed : int
        With the plan and the table it decides every batch.
    rank, world_size : int
        This process, and how many share the run.
    split : Split, optional
        ``Lockstep()`` (default) or ``Balanced(...)``.

    Iterating deals one epoch. ``iter()`` after a completed pass is the next epoch; after an abandoned pass the same
    epoch from its start; the first ``iter()`` after ``load_state_dict`` goes on where the state was taken.

    Guarantees: over all ranks each id is dealt as often as the order gives it, whatever the split, the stops and the
    restarts; every rank gets the same number of batches; the state of one rank loads on any number of ranks.

    Examples
    --------
    >>> import croupier as cr
    >>> dealer = Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(2)), cr.Table(size=6), seed=7)
    >>> deals = iter(dealer)
    >>> first = next(deals)
    >>> state = dealer.state_dict()
    >>> rest = list(deals)
    >>> resumed = Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(2)), cr.Table(size=6), seed=7)
    >>> resumed.load_state_dict(state)
    >>> list(resumed) == rest
    True
    """

    def __init__(
        self,
        plan: Stage,
        table: Table,
        *,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        split: Split | None = None,
    ) -> None:
        self.world_size = checked_int("world_size", world_size, at_least=1, fix="pass the number of ranks")
        self.rank = checked_int(
            "rank", rank, at_least=0, at_most=self.world_size - 1,
            fix=f"ranks of a world of {self.world_size} are 0 to {self.world_size - 1}",
        )  # fmt: skip
        checked_int("seed", seed, at_least=0, at_most=2**64 - 1, fix="pass a whole number; the same on every rank")
        if not isinstance(plan, Stage) or isinstance(plan, type):
            raise BadArgument("plan", "be a stage", plan, "write chain(Shuffle(), FixedSize(32))")
        if not isinstance(table, Table):
            raise BadArgument("table", "be a Table", table, "write Table(size=len(dataset)), or Table(length=...)")
        chosen: Any = Lockstep() if split is None else split
        if not isinstance(chosen, Split) or isinstance(chosen, type):
            raise BadArgument("split", "be a split", chosen, "pass Lockstep() or Balanced(...)")
        self._whole_table = table
        self._program = Program(plan, table, seed=seed, split=chosen, lanes=chosen.lanes_for(self.world_size))
        self._cursor = Cursor(world_size=self.world_size)
        self._last: Deal | None = None
        self._ledger = Ledger()
        self._lengths: dict[tuple[Cursor, int], int] = {}
        if self._program.bounds(0)[1] - self._program.bounds(0)[0] < self.world_size:
            self._program.split.recut(np.ones(self._program.epoch_size(0), np.int64), self.world_size)

    def __iter__(self) -> Iterator[Deal]:
        """Deal the batches of one epoch, or what is left of it after a state was loaded."""
        start = self._cursor
        self._grow(start)
        # An abandoned pass begins again at the start of its epoch.
        self._cursor = start if start.epoch_steps == 0 else start.at_epoch(start.epoch)
        return self._deals(start)

    def __len__(self) -> int:
        """Batches of this rank in the epoch that is dealt next, or is being dealt. Exact; planned once, then cached."""
        name = (self._cursor, self.world_size)
        if name not in self._lengths:
            self._lengths[name] = self._count()
        return self._lengths[name]

    def set_epoch(self, epoch: int) -> None:
        """Deal this epoch next, from its start; the epoch that would be dealt next anyway is left as it is."""
        epoch = checked_int("epoch", epoch, at_least=0, fix="pass the number of the epoch")
        if epoch != self._cursor.epoch:
            self._cursor = self._cursor.at_epoch(epoch)

    def first(self) -> Deal:
        """The first deal of a pass, without starting one: for a look, or to build a model by."""
        return next(self._deals(self._cursor.at_epoch(self._cursor.epoch), keep=False))

    @property
    def cursor(self) -> Cursor:
        """Where the run stands after the last deal that was handed out."""
        return self._cursor if self._last is None else _after(self._last)

    @property
    def ledger(self) -> Ledger:
        """What was dropped, cut or repeated so far."""
        return self._ledger if self._last is None else self._last.ledger

    def observe(self, deal: Deal, signal: npt.ArrayLike) -> None:
        """Report what training observed for each id of a deal, a loss say; it acts two segments later."""
        values = np.asarray(signal, dtype=np.float32)
        if values.shape != (len(deal),):
            raise BadArgument("signal", f"have one number for each of {len(deal)} ids", values.shape, "pass losses")
        if not np.all(np.isfinite(values)):
            raise BadArgument("signal", "be finite", values[~np.isfinite(values)][0], "skip steps that overflowed")
        if not deal.is_padding:
            self._program.memory.report(Report(deal.ordinal, deal.places, deal.ids, values))

    def state_dict(self, after: Deal | None = None) -> dict[str, Any]:
        """The state after a deal (default: the last one handed out). Numbers, strings and arrays; a few hundred bytes
        unless the plan learns. With a plan that learns every rank must call it.
        """
        last = self._last if after is None else after
        cursor = self._cursor if last is None else _after(last)
        ledger = self._ledger if last is None else last.ledger
        return write_state(self._program, cursor, ledger)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the state was taken, on this number of ranks.

        Raises
        ------
        BadState
            The state is damaged, of a newer version, or of another plan, table, seed or split.
        """
        self._program, self._cursor, self._ledger = read_state(
            state, self._program, self._whole_table, keep_reports=self.rank == 0
        )
        self._last = None

    def position_of(self, ids: npt.ArrayLike, epoch: int | None = None) -> npt.NDArray[np.int64]:
        """Where in an epoch's order (before any grouping) each id comes, for orders that have an inverse."""
        wanted = self._cursor.epoch if epoch is None else epoch
        return self._program.position_of(np.asarray(ids, dtype=np.int64), wanted)

    def exchange_reports_by(self, gather: Gather) -> None:
        """Set how ranks exchange observations: a callable that every rank calls at the same boundary."""
        self._program.memory.gather = gather

    def _deals(self, start: Cursor, *, keep: bool = True) -> Iterator[Deal]:
        program, ledger = self._program, self.ledger if start.epoch_steps else self._ledger
        cursor = start
        for step in walk(program, start, self.world_size, self._before_planning):
            ledger += step.ledger
            shares = program.split.share(step.batches, self.world_size, self.rank)
            for deal in deals_of_step(
                step, shares, world_size=self.world_size, start=cursor, length=program.length, ledger=ledger
            ):
                if keep:
                    self._last = deal
                yield deal
            cursor = step.cursor
        if keep:
            self._cursor, self._ledger, self._last = cursor, ledger, None

    def _before_planning(self, ordinal: int) -> None:
        memory = self._program.memory
        memory.advance(ordinal, self._received())
        memory.forget_before(ordinal - 1)

    def _received(self) -> int:
        if self._last is not None:
            return self._last.ordinal
        return self._program.ordinal(self._cursor.epoch, self._cursor.segment)

    def _count(self) -> int:
        return count_steps(self._program, self._cursor, self.world_size)

    def _grow(self, start: Cursor) -> None:
        if start.epoch_steps == 0 and self._program.table is not self._whole_table:
            self._program = self._program.on_table(self._whole_table)


def _after(deal: Deal) -> Cursor:
    """A step is the unit: in the middle of its micro-batches the run still stands at its beginning."""
    return deal.cursor if deal.ends_step else deal.start
