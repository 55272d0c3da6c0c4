"""Anything a training may do, in any order, against a reference that writes everything down.

Ranks draw, observe, prefetch, save, load on other numbers of ranks, abandon a pass, skip, adopt batch sizes, meet a
grown table. The reference is the same plan dealt by one rank from the first step, that never saves, loads or looks
ahead; and plain lists of what was dealt.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import note, settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import croupier as cr
from croupier.errors import BadArgument
from croupier.run.adopted_numbers import AdoptedNumbers
from rank_games import Ranks

ROWS, MOST_ROWS, SEGMENT_IDS = 216, 400, 72
WORLDS = st.sampled_from([1, 2, 3, 8])


def chained(*stages):
    return cr.chain(*stages, segment_ids=SEGMENT_IDS)


@dataclass(frozen=True)
class Kind:
    """A plan, and what may be done with it."""

    plan: cr.Chain
    each_id_once: bool = True
    learns: bool = False
    cuts: tuple[int, ...] = ()
    """Batch sizes that it may adopt."""
    split: object = None
    may_grow: bool = False
    can_be_asked: bool = False
    """Whether the past is planned again to say what was dealt."""

    def split_of(self, lanes):
        return cr.Lockstep(lanes=lanes, few_ids=cr.FewIds.PAD) if self.split is None else self.split


KINDS = {
    "budget": Kind(chained(cr.Shuffle(), cr.SortedWindows(20), cr.TokenBudget(48)), may_grow=True, can_be_asked=True),
    "mixture": Kind(chained(cr.Mixture("source", cr.Temperature(2.0)), cr.FixedSize(3)), each_id_once=False),
    "balanced": Kind(
        chained(cr.Shuffle(), cr.FixedSize(16)), split=cr.Balanced(max_tokens=60, few_ids=cr.FewIds.PAD), may_grow=True
    ),
    "growing": Kind(
        chained(cr.Shuffle(), cr.RampedSize(16)),
        cuts=(8, 16, 24),
        split=cr.Balanced(few_ids=cr.FewIds.PAD),
        may_grow=True,
    ),
    "learning": Kind(chained(cr.LossWeighted(), cr.FixedSize(2)), each_id_once=False, learns=True),
    "keeping": Kind(
        chained(cr.ScoreWeighted(cr.Variance()), cr.KeepScores((cr.Variance(),)), cr.FixedSize(2)),
        each_id_once=False,
        learns=True,
    ),
}


def table(rows=ROWS):
    lengths = np.minimum(np.random.default_rng(2).lognormal(2.0, 0.8, MOST_ROWS).astype(int) + 1, 40)
    return cr.Table(length=lengths[:rows], source=np.arange(rows) % 3)


def skipped_of(dealer):
    return sum(entry.ids for entry in dealer.ledger if entry.event == "skipped on request")


def loss_of(ids, epoch):
    return (0.5 + (ids * 7 % 11) / 4 + epoch / 8).astype(np.float32)


@dataclass
class Written:
    """What was dealt, in plain lists: by epoch, the place of each id in the flat order."""

    at: dict[int, dict[tuple[int, int], int]] = field(default_factory=dict)
    adopted: list[tuple[int, int]] = field(default_factory=list)
    """Batch sizes, and the segment of the run from which each holds."""
    sizes: list[tuple[int, int]] = field(default_factory=lambda: [(0, ROWS)])
    """Rows of the table, and the epoch from which it has so many."""
    skipped: dict[int, int] = field(default_factory=dict)
    """Ids passed over on request, by epoch."""
    samples_not_counted: int = 0
    """Dealt in a pass that was abandoned: totals go on, as those of the optimizer do."""

    def copy(self):
        at = {epoch: dict(at) for epoch, at in self.at.items()}
        return replace(self, at=at, adopted=list(self.adopted), sizes=list(self.sizes), skipped=dict(self.skipped))

    def rows_in(self, epoch):
        return [rows for first, rows in self.sizes if first <= epoch][-1]

    def grow(self, epoch, rows):
        """An epoch that has begun is finished on the rows it began with."""
        if rows > self.sizes[-1][1]:
            self.sizes.append((epoch + bool(self.at.get(epoch) or self.skipped.get(epoch)), rows))

    @property
    def dealt(self):
        return sum(map(len, self.at.values()))


class Training(RuleBasedStateMachine):
    """One training, however often it is interrupted."""

    kind: Kind
    states = Bundle("states")

    @initialize(lanes=st.sampled_from([1, 2, 4]), world_size=WORLDS)
    def begin(self, lanes, world_size):
        self.lanes, self.table, self.written = lanes, table(), Written()
        self.start(world_size)

    def start(self, world_size, state=None):
        """Processes anew: nothing is left of the old ones but the state."""
        place = {"seed": 4, "world_size": world_size, "split": self.kind.split_of(self.lanes)}
        ranks = Ranks(world_size, lambda rank: cr.Dealer(self.kind.plan, self.table, rank=rank, **place))
        self.dealers, self.passes = ranks.dealers, None
        if state is not None:
            for dealer in self.dealers:
                dealer.load_state_dict(state)

    @property
    def epoch(self):
        return self.dealers[0].cursor.epoch

    # What a training does.

    @rule(steps=st.integers(1, 6), ahead=st.integers(0, 3))
    def draw(self, steps, ahead):
        """Deal some steps, as loaders do that ask ahead of the loop."""
        if self.passes is None:
            self.passes = [(dealer.run_ahead(), deque()) for dealer in self.dealers]
        for _ in range(steps):
            if not self.one_step(self.allowed(ahead)):
                self.check_epoch()
                self.passes = None
                return

    @precondition(lambda self: self.dealers[0].cursor.epoch_steps)
    @rule()
    def draw_to_the_end(self):
        epoch = self.epoch
        while self.epoch == epoch:
            self.draw(steps=50, ahead=0)

    def allowed(self, ahead):
        """What is learned or adopted has to be there before the segment after next is planned."""
        a_step = 24 if self.kind.cuts else 2 * len(self.dealers)
        return max(0, min(ahead, SEGMENT_IDS // a_step - 2)) if self.kind.learns or self.kind.cuts else ahead

    def one_step(self, ahead):
        """One step of all ranks; False where the epoch is over."""
        mine = [self.received(d, *stream, ahead) for d, stream in zip(self.dealers, self.passes, strict=True)]
        assert len({len(deals) for deals in mine}) == 1, "every rank has as many micro-batches"
        if not mine[0]:
            for dealer in self.dealers:
                dealer.complete()
            return False
        assert len({(deals[0].start, deals[0].cursor) for deals in mine}) == 1, "ranks stand at one place"
        for dealer, deals in zip(self.dealers, mine, strict=True):
            for deal in deals:
                self.write(deal)
                if self.kind.learns:
                    dealer.observe(deal, loss_of(deal.ids, deal.epoch))
        real = [deal for deals in mine for deal in deals if not deal.is_padding]
        truth = np.concatenate([deal.ids for deal in real]).mean()
        scaled = sum(deal.ids.mean() * deal.loss_scale for deals in mine for deal in deals) / len(self.dealers)
        assert scaled == pytest.approx(truth), "the scales give the true mean"
        return True

    def received(self, dealer, stream, queue, ahead):
        """A rank's micro-batches of a step; between two of them the run still stands at the step's beginning."""
        deals = []
        while not deals or not deals[-1].ends_step:
            while len(queue) <= ahead and (fresh := next(stream, None)) is not None:
                queue.append(fresh)
            if not queue:
                break
            deals.append(queue.popleft())
            dealer.receive(deals[-1])
            assert dealer.cursor == (deals[-1].cursor if deals[-1].ends_step else deals[-1].start)
        return deals

    def write(self, deal):
        if deal.is_padding:
            return
        at = self.written.at.setdefault(deal.epoch, {})
        for place, id_ in zip(deal.places.tolist(), deal, strict=True):
            assert (deal.segment, place) not in at, f"dealt twice: {deal.epoch, deal.segment, place}"
            at[deal.segment, place] = id_

    @rule(target=states, to_file=st.booleans())
    def save(self, to_file):
        return self.saved(to_file=to_file)

    def saved(self, *, to_file):
        states = [dealer.state_dict() for dealer in self.dealers]  # every rank must be asked
        state = states[0]
        assert state["cursor"]["samples"] - self.written.samples_not_counted == self.written.dealt
        if to_file or self.kind.learns:
            with TemporaryDirectory() as folder:
                cr.save_state(state, Path(folder, "state"))
                state = cr.load_state(Path(folder, "state"))
        return json.dumps(state) if not self.kind.learns else state, self.written.copy(), self.lanes

    @rule(saved=states, world_size=WORLDS)
    def load(self, saved, world_size):
        """Go back to an older state, on any number of ranks."""
        state, written, self.lanes = saved
        state = json.loads(state) if isinstance(state, str) else state
        self.written = written.copy()
        self.written.grow(state["cursor"]["epoch"], self.table.size)
        note(f"load {state['cursor']} on {world_size} ranks")
        self.start(world_size, state)
        assert self.dealers[0].state_dict()["cursor"] == state["cursor"]

    @rule(steps=st.integers(1, 6), ahead=st.integers(0, 3), world_size=WORLDS, to_file=st.booleans())
    def restart(self, steps, ahead, world_size, to_file):
        """Where the run stands a few steps later."""
        self.draw(steps=steps, ahead=ahead)
        self.load(self.saved(to_file=to_file), world_size)

    @precondition(lambda self: self.kind.may_grow and self.table.size < MOST_ROWS)
    @rule(rows=st.integers(1, 60), steps=st.integers(0, 6), world_size=WORLDS)
    def grow(self, rows, steps, world_size):
        """Rows are added, and the run goes on from a checkpoint."""
        if steps:
            self.draw(steps=steps, ahead=0)
        saved = self.saved(to_file=False)
        self.table = table(min(MOST_ROWS, self.table.size + rows))
        self.load(saved, world_size)

    @precondition(lambda self: not self.kind.learns)
    @rule(steps=st.integers(1, 4), world_size=WORLDS)
    def skip(self, steps, world_size):
        """After a restart, pass over what comes next."""
        self.load(self.saved(to_file=False), world_size)
        epoch, before = self.epoch, skipped_of(self.dealers[0])
        for dealer in self.dealers:
            with suppress(BadArgument):  # fewer are left of the epoch
                dealer.skip_steps(steps)
        assert len({skipped_of(dealer) for dealer in self.dealers}) == 1, "the same on every rank"
        passed = skipped_of(self.dealers[0]) - before
        self.written.skipped[epoch] = self.written.skipped.get(epoch, 0) + passed
        note(f"skipped {passed} ids of epoch {epoch}")

    @precondition(lambda self: not self.kind.learns)
    @rule()
    def abandon(self):
        """Break out of the loop and begin the epoch again."""
        if self.passes is None or not self.dealers[0].cursor.epoch_steps:
            return
        gone = self.written.at.pop(self.epoch, {})
        self.written.skipped.pop(self.epoch, None)
        self.written.sizes = [(min(first, self.epoch), rows) for first, rows in self.written.sizes]
        for dealer in self.dealers:
            next(dealer.run_ahead())
        self.written.samples_not_counted = self.dealers[0].cursor.samples - self.written.dealt
        self.passes = [(dealer.run_ahead(), deque()) for dealer in self.dealers]
        note(f"abandoned {len(gone)} ids of epoch {self.epoch}")

    @precondition(lambda self: bool(self.kind.cuts))
    @rule(size=st.sampled_from([8, 16, 24]))
    def adopt(self, size):
        held = {dealer.adopt_batch_size(size) for dealer in self.dealers}
        assert len(held) == 1, "the same on every rank"
        (segment,) = held
        self.written.adopted = [*(known for known in self.written.adopted if known[0] < segment), (segment, size)]

    # What must hold.

    @precondition(lambda self: self.kind.can_be_asked and self.table.size == ROWS)
    @rule(ids=st.lists(st.integers(0, ROWS - 1), min_size=1, max_size=8))
    def ask(self, ids):
        dealt = set().union(*(at.values() for at in self.written.at.values())) if self.written.at else set()
        assert self.dealers[0].seen_before(ids).tolist() == [id_ in dealt for id_ in ids]

    def check_epoch(self):
        epoch = self.epoch - 1
        ids = Counter(self.written.at.get(epoch, {}).values())
        if self.kind.each_id_once:
            rows, skipped = self.written.rows_in(epoch), self.written.skipped.get(epoch, 0)
            assert set(ids) <= set(range(rows)), "rows that the epoch began with"
            assert len(ids) == rows - skipped, "each id, but those skipped"
            assert set(ids.values()) <= {1}, "once"

    def teardown(self):
        alone = self.played_alone()
        for epoch, at in self.written.at.items():
            for place, id_ in at.items():
                assert alone[epoch][place] == id_, f"epoch {epoch}, place {place}"

    def played_alone(self):
        """The same epochs by one rank without a stop."""
        rows, dealer, alone = 0, None, dict[int, dict[tuple[int, int], int]]()
        for epoch in range(max(self.written.at, default=-1) + 1):
            if self.written.rows_in(epoch) != rows:
                state = None if dealer is None else dealer.state_dict()
                rows = self.written.rows_in(epoch)
                dealer = cr.Dealer(self.kind.plan, table(rows), seed=4, split=self.kind.split_of(self.lanes))
                if state is not None:
                    dealer.load_state_dict(state)
                adopted = tuple((at, (size,)) for at, size in self.written.adopted)
                dealer.program.batch_sizes = AdoptedNumbers(adopted)
            for deal in dealer:
                at = alone.setdefault(deal.epoch, {})
                if not deal.is_padding:
                    at.update(zip([(deal.segment, place) for place in deal.places.tolist()], deal, strict=True))
                if self.kind.learns:
                    dealer.observe(deal, loss_of(deal.ids, deal.epoch))
        return alone


@pytest.mark.parametrize("name", KINDS)
def test_anything_in_any_order_is_what_one_rank_deals_without_a_stop(name):
    machine = type(name, (Training,), {"kind": KINDS[name]})
    run_state_machine_as_test(machine, settings=settings(max_examples=15, stateful_step_count=30, deadline=None))
