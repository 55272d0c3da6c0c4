"""Deal one rank's batches of a run, epoch by epoch: the sampler, for any framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.cost import Cost
from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger
from croupier.core.split import Split
from croupier.core.stage import Stage
from croupier.core.table import Table
from croupier.errors import checked_int
from croupier.run.adoption import Adoption
from croupier.run.audit import Skip, checked_ids, dealt_before, pass_over, place_of, skips_before, with_skip
from croupier.run.checking import checked_run, checked_skip
from croupier.run.counting import count_batches, count_steps
from croupier.run.deal import Deal, deals_of_epoch
from croupier.run.memory import Gather, Memory
from croupier.run.observing import observe
from croupier.run.program import Program, Segment
from croupier.run.standing import Standing
from croupier.run.state import read_state, write_state
from croupier.run.walk import check_end

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
        whole_plan, chosen = checked_run(plan, table, seed, rank, world_size, split)
        self.rank, self.world_size = int(rank), int(world_size)
        self._whole_table = table
        self.program = Program(
            whole_plan, table, seed=int(seed), split=chosen, lanes=chosen.lanes_for(self.world_size),
            # One rank keeps the files of what the run learns; the others keep copies in memory.
            memory=Memory(whole_plan.leaves(), table.size, writes_files=self.rank == 0),
        )  # fmt: skip
        self._counts: dict[tuple[str, Cursor], int] = {}
        self._stand_at(Cursor(world_size=self.world_size))
        self._dealing = 0
        self._ledger = self._undealt = Ledger()
        self._skipped: tuple[Skip, ...] = ()
        self._is_connected = self._is_dealing = self._has_grown = False
        self._agree: Callable[[Segment], None] = lambda _: None
        check_end(self.program, self.world_size)

    def __iter__(self) -> Iterator[Deal]:
        """Deal the batches of one epoch, or what is left of it after a state was loaded."""
        for deal in self.run_ahead():
            self.receive(deal)
            yield deal
        self.complete()

    def run_ahead(self) -> Iterator[Deal]:
        """As iterating, for a loader that asks ahead of the training loop.

        The run stands where the last deal given to :meth:`receive` leaves it, however many were asked for.
        """
        start = self._standing = self._pass_start = self._next_pass
        self._take_grown_table()  # a pass that was abandoned is begun again on all rows, as after a restart
        self.program.memory.begin_pass(self.program.epochs.ordinal(start.epoch, start.segment), start.consumed)
        self._dealing, self._is_dealing = start.epoch, True
        self._skipped = skips_before(self._skipped, place_of(start))
        self._next_pass = start.at_epoch(start.epoch)
        return self._deals(start, self._segment)

    def receive(self, deal: Deal) -> None:
        """Count a deal as received by the training loop."""
        self._received_segment = self.program.epochs.ordinal(deal.epoch, deal.last_segment)
        if not deal.ends_step:
            # A step is the unit: in the middle of its micro-batches the run still stands at its beginning.
            self._standing = deal.start
            return
        self._standing, self._ledger = deal.cursor, deal.ledger
        if deal.cursor.epoch > deal.epoch:
            self._next_pass = self._pass_start = deal.cursor
            self._take_grown_table()

    def complete(self) -> None:
        """Count the pass as received to its end: the next one deals the next epoch."""
        self._is_dealing = False
        if self._standing.epoch == self._dealing:
            # Its last segment dealt nothing, so no deal has said that it was the last.
            self._ledger += self._undealt
            self._stand_at(self._standing.at_epoch(self._dealing + 1))

    def __len__(self) -> int:
        """Batches of this rank in the epoch that a pass deals next, or is dealing; counted once, then cached.

        Exact, but in two cases: where what is learned changes where batches are cut (LossWeighted before TokenBudget),
        and for a memory cap after a change of ranks within the epoch, where it is that of a whole epoch on these ranks.
        """
        return self._counted(count_batches)

    @property
    def steps_per_epoch(self) -> int:
        """Optimizer steps in that epoch: what a learning-rate schedule counts."""
        return self._counted(count_steps)

    def set_epoch(self, epoch: int) -> None:
        """Deal this epoch next, from its start; the epoch that would be dealt next anyway is left as it is."""
        epoch = checked_int("epoch", epoch, at_least=0, fix="pass the number of the epoch")
        if epoch != self._next_pass.epoch:
            self._stand_at(self._next_pass.at_epoch(epoch))

    def first(self) -> Deal:
        """The first deal of the next epoch to be dealt, without dealing it: for a look, or to build a model by."""
        return next(self._deals(self._next_pass.at_epoch(self._next_pass.epoch), self.program.segment))

    @property
    def cursor(self) -> Cursor:
        """Where the run stands after the last deal that was received."""
        return self._standing

    @property
    def standing(self) -> Standing:
        """Where the run stands, with what else it takes to stand here again."""
        return Standing(self._standing, self._ledger, self._received_segment)

    def stand_back(self, standing: Standing) -> None:
        """Stand where the run stood while the pass goes on ahead: for who has kept what it dealt since."""
        self._standing, self._ledger, self._received_segment = standing

    @property
    def skipped(self) -> tuple[Skip, ...]:
        """What was passed over on request so far."""
        return self._skipped

    @property
    def ledger(self) -> Ledger:
        """What was dropped, cut or repeated so far."""
        return self._ledger

    def observe(self, deal: Deal, signal: npt.ArrayLike | Mapping[str, npt.ArrayLike]) -> None:
        """Report a loss for each id of a deal, or signals by name, ``{"loss": ...}``; it acts two segments later."""
        observe(self.program, deal, signal, ranks_alone=1 if self._is_connected else self.world_size)

    def adopt_cost(self, cost: Cost) -> int:
        """Balance shares by this cost, on every rank alike; returns the segment it holds from, as for :meth:`adopt`."""
        return self.program.adopt_cost(cost, self._adoption())

    def adopt_batch_size(self, batch_size: int) -> int:
        """Cut steps of so many ids (RampedSize), on every rank alike; returns the segment it holds from."""
        return self.program.adopt_batch_size(batch_size, self._adoption())

    def adopt(self, stage: str, folder: str | PathLike[str]) -> int:
        """Plan a stage from a version in a folder, on every rank alike; returns the segment of the run it holds from.

        That is the segment after next, or the next epoch if it comes sooner; for an order always the next epoch, which
        between epochs is the one about to begin. ``FeedbackTooLate`` where prefetching has planned it already. Until
        when a folder is needed: see ``moved_folders``.
        """
        return self.program.adopt(stage, folder, self._adoption(), self._whole_table)

    def state_dict(self) -> dict[str, Any]:
        """Where the run stands: numbers and strings, below 4 KB; and arrays where the plan learns.

        With a plan that learns on several ranks, every rank must call it.
        """
        return write_state(self.program, self._standing, self._ledger, self._skipped, has_grown=self._has_grown)

    def load_state_dict(self, state: Mapping[str, Any], *, accept: Sequence[str] = ()) -> None:
        """Go on where the state was taken, on this number of ranks.

        ``accept`` names settings of plan, table or split that may differ from those saved, as the refusal names them:
        ``["plan.stages[0].shares"]``. Exactly once then holds within the epoch for what the change leaves.

        Raises
        ------
        BadState
            Damaged, newer, or of another plan, table, seed or split; ``TooFewIds``: fewer left than ranks. All stays.
        """
        program, cursor, ledger, skipped = read_state(
            state, self.program, self._whole_table, keep_reports=self.rank == 0, accepted=accept
        )
        check_end(program, self.world_size, cursor)
        self.program, self._ledger, self._skipped, self._has_grown = program, ledger, skipped, bool(state["has_grown"])
        self._counts.clear()
        self._stand_at(cursor)

    def position_of(self, ids: npt.ArrayLike, epoch: int | None = None) -> npt.NDArray[np.int64]:
        """Where in an epoch's order (before any grouping) each id comes first, -1 where it does not; or NoInverse."""
        wanted = self._standing.epoch if epoch is None else checked_int("epoch", epoch, at_least=0, fix="pass an epoch")
        return self.program.position_of(checked_ids(ids, self.program.table.size), wanted)

    def seen_before(self, ids: npt.ArrayLike, cursor: Cursor | None = None) -> npt.NDArray[np.bool_]:
        """Whether each id was dealt, to any rank, before the run stood at a cursor: a deal's, or where it stands now.

        Needs no log: segments are planned again, one for an id of an order with an inverse, else all up to the cursor.
        Of a run that dealt its epochs in turn; steps skipped do not count. Not for plans that learn.
        """
        at = self._standing if cursor is None else cursor
        rows = checked_ids(ids, self.program.table.size)
        return dealt_before(self.program, rows, at, self._skipped, has_grown=self._has_grown)

    def skip_steps(self, steps: int) -> None:
        """Pass over the next steps without dealing them, after a spike of the loss say; the ledger counts their ids.

        Call it between passes, as a rule after ``load_state_dict``, on every rank: the next ``iter()`` begins after
        them. Totals of samples, tokens and steps do not count them.
        """
        checked_skip(steps, is_dealing=self._is_dealing)
        after, lost = pass_over(self.program, self._standing, self.world_size, steps)
        self._skipped = with_skip(self._skipped, Skip(place_of(self._standing), place_of(after)))
        self._ledger += lost
        self._stand_at(after)

    def connect(self, gather: Gather, agree: Callable[[Segment], None]) -> None:
        """Join the ranks of a job: ``gather`` exchanges what was observed, ``agree`` sees every segment planned."""
        self.program.memory.gather, self._agree, self._is_connected = gather, agree, True

    def _counted(self, count: Callable[[Program, Cursor, int], int]) -> int:
        name = (count.__name__, self._pass_start)
        if name not in self._counts:
            self._counts[name] = count(self.program, self._pass_start, self.world_size)
        return self._counts[name]

    def _stand_at(self, cursor: Cursor) -> None:
        """Between passes: the next one begins here."""
        self._is_dealing = False
        self._standing = self._next_pass = self._pass_start = cursor
        self._take_grown_table()
        self._received_segment = self.program.epochs.ordinal(cursor.epoch, cursor.segment)
        self._handed_out = self._received_segment - 1

    def _take_grown_table(self) -> None:
        """An epoch begins on all the rows there are, also where the one before had to be finished on fewer."""
        if self._pass_start.epoch_steps == 0 and self.program.table is not self._whole_table:
            self.program = self.program.on_table(self._whole_table, self.program.epochs.at(self._pass_start.epoch))
            self._has_grown = True
            self._counts.clear()

    def _deals(self, start: Cursor, segment_at: Callable[[int, int], Segment]) -> Iterator[Deal]:
        self._undealt, place = Ledger(), (self.rank, self.world_size)
        self._undealt = yield from deals_of_epoch(self.program, start, self._ledger, place, segment_at)

    def _adoption(self) -> Adoption:
        self._counts.clear()  # what is adopted may change how many batches there are
        begun = self._is_dealing and self._dealing == self._standing.epoch
        return Adoption.at(self._standing, self.program.epochs, begun=begun, planned=self._handed_out)

    def _segment(self, epoch: int, number: int) -> Segment:
        memory = self.program.memory
        memory.forget_before(self._received_segment)
        self._handed_out = self.program.epochs.ordinal(epoch, number)
        self.program.refreshes.check_known(self.program.epochs.ordinal(epoch, 0), self._handed_out)
        memory.advance(self._handed_out, self._received_segment)
        segment = self.program.segment(epoch, number)
        self._agree(segment)
        return segment
