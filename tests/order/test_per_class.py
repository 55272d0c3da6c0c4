from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable, TooFewIds


@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=9).filter(any),
    samples=st.integers(1, 5),
    segment=st.integers(1, 120),
    world=st.integers(1, 3),
    data=st.data(),
)
def test_p_classes_k_samples_every_row_and_the_ledger_counts_the_rest(counts, samples, segment, world, data):
    there = sum(count > 0 for count in counts)
    classes = data.draw(st.integers(1, there))
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    table = cr.Table(label=labels)
    plan = cr.chain(cr.PerClass("label", classes, samples), segment_ids=segment)
    split = cr.Lockstep(few_ids=cr.FewIds.PAD, lanes=1)
    dealers = [cr.Dealer(plan, table, seed=3, rank=rank, world_size=world, split=split) for rank in range(world)]
    for epoch in range(2):
        steps = list(zip(*map(list, dealers), strict=True))
        deals = [deal for step in steps for deal in step if not deal.is_padding]
        for deal in deals:
            batch = deal.ids.reshape(classes, samples)
            of = labels[batch]
            assert (of == of[:, :1]).all()
            assert len(set(of[:, 0].tolist())) == classes
            for group in batch:
                assert len(set(group.tolist())) == min(samples, counts[labels[group[0]]])
        for deal in (deal for step in steps for deal in step if deal.is_padding):
            assert len(deal) == classes * samples, "a rank that pads gets a whole batch"
        ids = np.concatenate([deal.ids for deal in deals])
        assert set(ids.tolist()) == set(range(labels.size))
        assert dealers[0].ledger.ids("repeated to fill a class") == (epoch + 1) * (ids.size - labels.size)


@given(counts=st.lists(st.integers(1, 40), min_size=2, max_size=8), samples=st.integers(1, 4), data=st.data())
def test_no_fewer_batches_could_hold_every_row(counts, samples, data):
    classes = data.draw(st.integers(1, len(counts)))
    order = cr.PerClass("label", classes, samples)
    table = cr.Table(label=np.repeat(np.arange(len(counts)), counts))
    groups = [-(-count // samples) for count in counts]
    assert order.epoch_size(table, 0) == max(*groups, -(-sum(groups) // classes)) * classes * samples


def test_classes_meet_many_others_within_an_epoch_and_other_ones_in_the_next():
    labels = np.repeat(np.arange(40), 50)
    dealer = cr.Dealer(cr.chain(cr.PerClass("label", 8, 2)), cr.Table(label=labels), seed=0)
    met = [set(), set()]
    for epoch in range(2):
        for deal in dealer:
            of = sorted(set(labels[deal.ids].tolist()))
            met[epoch] |= {(a, b) for a in of for b in of if a < b}
    # Consecutive runs of classes alone would give about 8 * 40 pairs; at random nearly all 780 would meet.
    assert len(met[0]) > 600
    assert len(met[0] ^ met[1]) > 50


def test_a_column_shuffled_for_itself_would_let_a_class_meet_itself(monkeypatch):
    monkeypatch.setattr("croupier.order.per_class._part_from", lambda *_: None)
    labels = np.repeat(np.arange(6), [37, 21, 9, 30, 14, 26])
    dealer = cr.Dealer(cr.chain(cr.PerClass("label", 3, 1)), cr.Table(label=labels), seed=0)
    assert any(len(set(labels[deal.ids].tolist())) < 3 for _ in range(5) for deal in dealer)


def test_batches_stay_whole_on_any_number_of_ranks():
    table = cr.Table(label=np.repeat(np.arange(5), 7))
    plan = cr.chain(cr.PerClass("label", 2, 3))

    def flat(world, split):
        dealers = [cr.Dealer(plan, table, seed=0, rank=rank, world_size=world, split=split) for rank in range(world)]
        return [
            list(deal)
            for _ in range(6)
            for step in zip(*map(list, dealers), strict=True)
            for deal in step
            if not deal.is_padding
        ]

    alone = flat(1, cr.Lockstep(lanes=2))
    assert {len(batch) for batch in alone} == {6}
    assert flat(2, cr.Lockstep(lanes=2)) == alone
    assert flat(3, cr.Lockstep(lanes=2, few_ids=cr.FewIds.PAD)) == alone
    with pytest.raises(TooFewIds, match=r"the epoch ends with 2 batches that may not be cut, for 3 ranks; choose Lock"):
        cr.Dealer(plan, table, seed=0, world_size=3, split=cr.Lockstep(lanes=2))
    dealer = cr.Dealer(plan, table, seed=0, world_size=2)
    state = dealer.state_dict()
    other = cr.Dealer(plan, table, seed=0, world_size=3)
    with pytest.raises(TooFewIds, match=r"batches that may not be cut, for 3 ranks"):
        other.load_state_dict(state)


def test_what_would_break_its_batches_is_refused():
    table = cr.Table(label=[0, 0, 1, 1, 2, 2, 3, 3], length=[1, 9, 2, 8, 3, 7, 4, 6])
    order = cr.PerClass("label", 2, 2)
    for stage in (cr.GroupBy("label"), cr.LengthBuckets(2), cr.SortedWindows(8)):
        with pytest.raises(
            BadArgument, match=r"plan must leave batches as they are that must stay whole, got a stage af"
        ):
            cr.Dealer(cr.chain(order, stage), table, seed=0)
    for made in (lambda: cr.Repeat(order, 2), lambda: cr.Concat([order]), lambda: cr.Mixture({"a": order}, {"a": 1})):
        with pytest.raises(BadArgument, match=r"must not cut batches, got PerClass"):
            made()


def test_a_whole_batch_that_pads_is_counted_by_its_ids():
    table = cr.Table(label=[0, 0, 1, 1, 2, 2, 3, 3])
    split = cr.Lockstep(lanes=1, few_ids=cr.FewIds.PAD)
    figures = cr.preview(cr.chain(cr.PerClass("label", 2, 2)), table, seed=0, world_size=3, split=split)
    assert figures.ledger.ids("repeated as padding") == 4
    assert figures.examples_per_step == (12, 12.0, 12)


def test_what_does_not_fit_is_refused():
    table = cr.Table(label=[0, 0, 2, 2])
    with pytest.raises(
        BadTable, match=r"'label' must have at least 3 classes with rows, for PerClass\(classes=3\), got 2"
    ):
        cr.Dealer(cr.chain(cr.PerClass("label", 3, 1)), table, seed=0)
    with pytest.raises(
        BadArgument, match=r"plan must not cut what 'per_class' has made batches of, got 'fixed_size' af"
    ):
        cr.Dealer(cr.chain(cr.PerClass("label", 2, 1), cr.FixedSize(2)), table, seed=0)
    with pytest.raises(
        BadArgument, match=r"split must keep batches whole on a rank, as the plan asks, got 'Balanced'; ch"
    ):
        cr.Dealer(cr.chain(cr.PerClass("label", 2, 1)), table, seed=0, split=cr.Balanced())
    with pytest.raises(BadArgument, match=r"tail must be Tail.CARRY or Tail.DROP, got"):
        cr.PerClass("label", 2, 1, cr.Tail.SHORT)
    with pytest.raises(BadArgument, match=r"samples must be an integer >= 1, got 0"):
        cr.PerClass("label", 2, 0)
    with pytest.raises(BadArgument, match=r"classes x samples must be an integer >= 1 and <= 16777216"):
        cr.PerClass("label", 1, 2**40)
