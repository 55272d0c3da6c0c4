"""A stream with a way back: any sequence of steps equals that of a list with an index."""

from __future__ import annotations

from functools import cache
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import Dataset

import croupier as cr
from croupier.errors import BadArgument, BadState, FeedbackTooLate
from croupier.torch import BatchSampler, BiasedChoice, Loader, Rewindable

ROWS, EPOCHS = 22, 4
SPLITS = {"lockstep": None, "balanced": cr.Balanced(micro_batches=2, few_ids=cr.FewIds.PAD)}


class Counted(Dataset):
    """Rows that count how often they are fetched."""

    def __init__(self):
        self.fetched = 0

    def __getitem__(self, row):
        self.fetched += 1
        return torch.tensor(row)

    def __len__(self):
        return ROWS


def loader(split="lockstep", workers=0, plan=None, rows=ROWS, **ranks):
    plan = plan or cr.chain(cr.Shuffle(), cr.SortedWindows(8), cr.TokenBudget(24), segment_ids=8)
    lengths = np.random.default_rng(0).integers(1, 12, rows)
    sampler = BatchSampler(plan, cr.Table(length=lengths), seed=3, split=SPLITS[split], **ranks)
    return Loader(Counted() if rows == ROWS else range(rows), sampler, num_workers=workers)


@cache
def straight(split):
    """What a loader deals that never looks ahead: after each batch its ids, the facts of the deal and the state."""
    whole = loader(split)
    received = [(None, None, whole.state_dict())]
    for _ in range(EPOCHS):
        received += [(batch.tolist(), place_of(whole.deal), whole.state_dict()) for batch in whole]
    return received


def place_of(deal):
    return deal.epoch, deal.step, deal.micro_batch, deal.loss_scale, deal.cursor


def play(stream, received, choices):
    """Do what is chosen to a stream and to a list with an index; compare at every step."""
    at, marks = 0, []
    for choice in choices:
        action, which = choice % 7, choice // 7
        if action < 3 and at + 1 < len(received):
            batch, at = next(stream), at + 1
            assert (batch.tolist(), place_of(stream.deal)) == received[at][:2]
            assert list(stream.loader.deal) == received[at][0]
        elif action == 3:
            marks.append((stream.mark(), at))
        elif action < 6 and marks:
            mark, at = marks[which % len(marks)]
            stream.rewind(mark)
        elif action == 6 and marks:
            stream.release(marks.pop(which % len(marks))[0])
        assert stream.state_dict() == received[at][2]
        assert stream.cursor.samples == received[at][2]["cursor"]["samples"]
    return at


@settings(max_examples=40)
@given(st.sampled_from(list(SPLITS)), st.lists(st.integers(0, 27), max_size=60))
def test_any_sequence_equals_a_list_with_an_index(split, choices):
    play(Rewindable(loader(split)), straight(split), choices)


@pytest.mark.parametrize("split", SPLITS)
def test_the_same_with_workers_and_over_the_end_of_epochs(split):
    received = straight(split)
    choices = np.random.default_rng(1).choice(28, size=150, p=np.repeat([14, 14, 14, 2, 1, 1, 1], 4) / 188)
    assert play(Rewindable(loader(split, workers=2)), received, choices.tolist()) > len(received) // EPOCHS


def test_the_comparison_tells_a_state_that_was_run_ahead():
    """Planted: a stream whose loader is not stood back deals alike, but its states are those of the front."""

    class Careless(Rewindable):
        def rewind(self, mark):
            front = self.loader.place
            super().rewind(mark)
            self.loader.stand_back(front)

    with pytest.raises(AssertionError):
        play(Careless(loader()), straight("lockstep"), [0, 3, 0, 0, 4])


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("at", [3, 6, 13])
def test_it_goes_on_where_a_state_was_taken_also_one_of_a_replay(split, at):
    received = straight(split)
    stream = Rewindable(loader(split))
    mark = stream.mark()
    list(islice(stream, at + 4))
    stream.rewind(mark)
    list(islice(stream, at))
    state = stream.state_dict()
    step_begins = next(i for i in range(at + 1) if received[i][2] == received[at][2])
    for resumed in (loader(split), Rewindable(loader(split)), stream):
        resumed.load_state_dict(state)
        rest = [batch.tolist() for batch in islice(resumed, 2)]
        assert rest == [ids for ids, _, _ in received[step_begins + 1 : step_begins + 3]]
    with pytest.raises(BadArgument, match=r"mark must be open, and of this stream"):
        stream.rewind(mark)


def test_a_fork_is_independent():
    stream = Rewindable(loader())
    list(islice(stream, 4))
    other = stream.fork(loader())
    assert [b.tolist() for b in islice(other, 9)] == [ids for ids, _, _ in straight("lockstep")[5:14]]
    assert next(stream).tolist() == straight("lockstep")[5][0]
    with pytest.raises(BadArgument, match=r"loader must be another one"):
        stream.fork(stream.loader)


def test_nothing_is_fetched_or_planned_twice_and_only_the_window_is_kept():
    source = loader()
    planned = []
    source.dealer.connect(gather=lambda reports: [reports], agree=planned.append)
    stream = Rewindable(source)
    list(islice(stream, 2))
    assert stream.kept_batches == 0
    mark = stream.mark()
    first = list(islice(stream, 4))
    fetched, segments = source.dataset.fetched, len(planned)
    for _ in range(3):
        stream.rewind(mark)
        assert all(a is b for a, b in zip(first, islice(stream, 4), strict=True))
    assert (source.dataset.fetched, len(planned), stream.kept_batches) == (fetched, segments, 4)
    later = stream.mark()
    next(stream)
    stream.release(mark)
    assert stream.kept_batches == 1
    stream.rewind(later)
    stream.release(later)
    assert stream.kept_batches == 1, "it is still to come"
    next(stream)
    assert stream.kept_batches == 0


def learning(rows=24):
    return loader(plan=cr.chain(cr.LossWeighted(), cr.FixedSize(2), segment_ids=8), rows=rows)


def learned(batches, source):
    """Train on a stream: what it deals depends on what it was told."""
    for batch in batches:
        source.observe(batch % 5)
        yield batch.tolist(), source.deal.columns["probability"].tolist()


def test_a_plan_that_learns_is_as_without_probes_and_so_are_its_states():
    """Twelve batches an epoch, four a segment: probes of four, from every place, over ends of segments and epochs."""
    plain, stream = learning(), Rewindable(learning())
    expected = [facts for _ in range(4) for facts in learned(plain, plain)]
    assert len({str(probability) for _, probability in expected}) > 20
    for at in range(36):
        mark = stream.mark()
        for _ in range(4):
            next(stream)
            with pytest.raises(
                BadArgument, match=r"observe must be called where nothing can be taken back, got 1 open"
            ):
                stream.observe(torch.zeros(2))
        stream.rewind(mark)
        stream.release(mark)
        resumed = stream.fork(learning())
        assert list(islice(learned(resumed, resumed), 10)) == expected[at : at + 10]
        assert next(learned(stream, stream)) == expected[at]


def test_a_plan_that_learns_looks_ahead_as_far_as_feedback_allows():
    stream = Rewindable(learning())
    before = stream.state_dict()
    stream.mark()
    with pytest.raises(FeedbackTooLate, match=r"more is prefetched than a segment holds"):
        list(islice(stream, 20))
    with pytest.raises(BadState, match=r"stream must be whole, got a batch failed to come; load a state from before"):
        next(stream)
    stream.load_state_dict(before)
    assert next(stream).tolist() == next(iter(learning())).tolist()


def test_nothing_is_adopted_where_the_stream_has_looked_ahead():
    stream = Rewindable(loader(plan=cr.chain(cr.Shuffle(), cr.RampedSize(2), segment_ids=8)))
    next(stream)
    mark = stream.mark()
    list(islice(stream, 12))
    stream.rewind(mark)
    with pytest.raises(FeedbackTooLate, match=r"a batch size can be adopted from segment 2 on, but segment 2 has been"):
        stream.loader.dealer.adopt_batch_size(4)
    list(islice(stream, 12))
    assert stream.loader.dealer.adopt_batch_size(4) > 2


def test_choices_count_once():
    stream = Rewindable(loader())
    mark = stream.mark()
    batch = next(stream)
    choice = BiasedChoice(torch.tensor([0]), len(batch))
    with pytest.raises(BadArgument, match=r"chose must be called where nothing can be taken back"):
        stream.chose(choice)
    stream.release(mark)
    stream.chose(choice)
    assert [entry.ids for entry in stream.loader.ledger if entry.stage == "loop"] == [1, len(batch)]


def test_an_epoch_on_a_table_that_has_grown_has_no_way_back_before_it():
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(2))
    small, grown = (
        Loader(range(rows), BatchSampler(plan, cr.Table(length=np.ones(rows, int)), seed=3)) for rows in (6, 8)
    )
    next(iter(small))
    stream = Rewindable(grown)
    stream.load_state_dict(small.state_dict())
    mark = stream.mark()
    next(stream)
    stream.rewind(mark)
    list(islice(stream, 2))
    with pytest.raises(BadArgument, match=r"mark must be of the table as it is now, got one of fewer rows"):
        stream.rewind(mark)
    stream.release(mark)
    assert sorted(np.concatenate([next(stream) for _ in range(4)]).tolist()) == list(range(8))


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match=r"loader must be a croupier.torch.Loader, got \[1\]; wrap the dataset"):
        Rewindable([1])
    stream = Rewindable(loader())
    with pytest.raises(BadArgument, match=r"mark must be open, and of this stream, got Mark"):
        stream.release(Rewindable(loader()).mark())
