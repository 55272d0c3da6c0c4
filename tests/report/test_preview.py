from __future__ import annotations

import json

import numpy as np
import pytest
import rich

import croupier as cr
from croupier.report import preview as module

LENGTHS = np.minimum(np.random.default_rng(0).lognormal(4, 1, 3000).astype(int) + 1, 500)


def plan(*stages):
    return cr.chain(cr.Shuffle(), *stages, segment_ids=1024)


DEFAULT = (cr.SortedWindows(256), cr.TokenBudget(4000))


@pytest.mark.parametrize("world_size", [1, 3, 8])
def test_the_figures_are_what_is_then_dealt(world_size):
    table = cr.Table(length=LENGTHS, source=np.where(LENGTHS > 60, "long", "short"))
    figures = cr.preview(plan(*DEFAULT), table, seed=1, world_size=world_size)
    dealers = [cr.Dealer(plan(*DEFAULT), table, seed=1, rank=rank, world_size=world_size) for rank in range(world_size)]
    steps = list(zip(*(list(dealer) for dealer in dealers), strict=True))
    deals = [deal for step in steps for deal in step]
    padded = [len(deal) * LENGTHS[deal.ids].max() for deal in deals]
    tokens = [sum(LENGTHS[deal.ids].sum() for deal in step) for step in steps]
    assert figures.is_exact
    assert figures.steps == len(steps)
    assert figures.ids == 3000
    assert figures.tokens_per_step == (min(tokens), pytest.approx(np.mean(tokens)), max(tokens))
    assert figures.tokens_per_rank == (min(padded), pytest.approx(np.mean(padded)), max(padded))
    assert figures.padding == pytest.approx(1 - LENGTHS.sum() / sum(padded))
    assert figures.fill == pytest.approx(np.mean(padded) / 4000)
    assert figures.shapes == len({(len(deal), LENGTHS[deal.ids].max()) for deal in deals})
    assert figures.shares["source"]["long"] == pytest.approx((LENGTHS > 60).mean())
    assert figures.repeats == (1, 1)
    assert figures.rows_not_dealt is None
    assert figures.re_pairing > 2


def test_grouping_shows_in_the_figures():
    table = cr.Table(length=LENGTHS)
    grouped = cr.preview(plan(*DEFAULT), table, seed=1)
    plain = cr.preview(plan(cr.TokenBudget(4000)), table, seed=1)
    sorted_ = cr.preview(
        cr.chain(cr.Sequential(), cr.SortedWindows(3000, shuffle_batches=False), cr.TokenBudget(4000)), table, seed=1
    )
    assert grouped.padding < plain.padding / 3
    assert grouped.steps < plain.steps
    assert plain.re_pairing < 2 < grouped.re_pairing
    assert abs(grouped.adjacent_correlation) < 0.3 < sorted_.adjacent_correlation


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 3), (3, 3)])
def test_a_dry_run_of_resuming_elsewhere(before, after):
    table = cr.Table(length=LENGTHS)
    dealer = cr.Dealer(plan(*DEFAULT), table, seed=1, world_size=before)
    batches = iter(dealer)
    for _ in range(5):
        next(batches)
    state = dealer.state_dict()
    dry = cr.preview(plan(*DEFAULT), table, seed=1, world_size=after, resume=state)
    resumed = cr.Dealer(plan(*DEFAULT), table, seed=1, world_size=after)
    resumed.load_state_dict(state)
    assert dry.steps == len(list(resumed))
    assert dry.ids == 3000 - state["cursor"]["samples"]
    assert dry.repeats == (1, 1)
    assert dealer.state_dict() == state


def test_balanced_steps_and_policies_are_counted():
    figures = cr.preview(
        plan(cr.FixedSize(256)), cr.Table(length=LENGTHS), seed=1, world_size=4, split=cr.Balanced(4000)
    )
    assert figures.steps == 12
    assert figures.micro_batches_per_step > 1
    assert figures.tokens_per_rank[2] <= 4000
    assert figures.rank_imbalance < 1.1
    dropped = cr.preview(plan(cr.TokenBudget(300, too_long=cr.TooLong.DROP)), cr.Table(length=LENGTHS), seed=1)
    assert dropped.rows_not_dealt == (LENGTHS > 300).sum()
    assert "ids dropped as too long" in str(dropped)


def test_long_epochs_are_sampled_and_say_so(monkeypatch):
    exact = cr.preview(plan(*DEFAULT), cr.Table(length=np.tile(LENGTHS, 20)), seed=1, world_size=2)
    monkeypatch.setattr(module, "EXACT_IDS", 8192)
    sample = cr.preview(plan(*DEFAULT), cr.Table(length=np.tile(LENGTHS, 20)), seed=1, world_size=2)
    assert exact.is_exact
    assert not sample.is_exact
    assert "(sample)" in str(sample)
    assert sample.ids == exact.ids == 60_000
    assert sample.steps == pytest.approx(exact.steps, rel=0.05)
    assert sample.padding == pytest.approx(exact.padding, abs=0.01)
    assert sample.re_pairing == pytest.approx(exact.re_pairing, rel=0.3)


def test_it_prints_as_a_table_everywhere(capsys):
    figures = cr.preview(plan(*DEFAULT), cr.Table(length=LENGTHS), seed=1, world_size=2)
    text = str(figures)
    assert "padding" in text
    assert "fill of the budget" in text
    assert len({line.index("  ") for line in text.splitlines() if "  " in line}) >= 1
    rich.print(figures)
    assert "croupier preview" in capsys.readouterr().out
    assert json.loads(figures.to_json())["steps"] == figures.steps


def test_repeats_and_tables_without_lengths():
    figures = cr.preview(cr.chain(cr.Repeat(cr.Shuffle(), 3), cr.FixedSize(4)), cr.Table(size=10), seed=0)
    assert figures.repeats == (3, 3)
    assert (figures.padding, figures.fill, figures.tokens_per_step) == (None, None, None)
    assert "times a row is dealt" in str(figures)


def test_only_the_budgets_multiple_counts_as_padding_and_an_end_is_said():
    table = cr.Table(length=[3, 1, 4, 1, 5, 9, 2, 6])
    figures = cr.preview(cr.chain(cr.Evaluation(multiple_of=64), cr.FixedSize(64)), table, seed=0)
    assert figures.padding == pytest.approx(1 - 8 * 31 / (64 * 9))
    dropping = cr.chain(cr.Sequential(), cr.TokenBudget(1, too_long=cr.TooLong.DROP), segment_ids=4)
    with pytest.raises(ValueError, match="nothing is left to deal in epoch 0 on 1 ranks"):
        cr.preview(dropping, cr.Table(length=[5, 5]), seed=0)


def test_batches_far_smaller_than_asked_for_are_said():
    """Every row has the same item, so that none may be with another."""
    table = cr.Table(query=np.arange(8), item=np.zeros(8, int))
    figures = cr.preview(cr.chain(cr.Sequential(), cr.ConflictFree(4)), table, seed=0)
    assert (figures.asked_examples, figures.examples_per_step) == (4, (1, 1.0, 1))
    assert ("... asked for", "4") in figures.rows()
    as_asked = cr.preview(cr.chain(cr.Sequential(), cr.FixedSize(2)), table, seed=0, world_size=2)
    assert as_asked.asked_examples == 4
    assert "asked for" not in str(as_asked)
    assert cr.preview(plan(*DEFAULT), cr.Table(length=LENGTHS), seed=1).asked_examples is None


def test_numbers_of_other_libraries_are_numbers():
    table = cr.Table(length=LENGTHS)
    one, other = (cr.preview(plan(), table, seed=0, world_size=size) for size in (np.array(2), 2))
    assert (one.world_size, one.steps, one.padding) == (2, other.steps, other.padding)
    assert type(one.world_size) is int
