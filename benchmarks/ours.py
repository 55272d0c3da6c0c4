"""Croupier as the rooms call it: the default plan, and whole epochs of it."""

from __future__ import annotations

import numpy as np

import croupier as cr
from benchmarks.lengths import MAX_TOKENS, Int32
from benchmarks.measures import Epoch
from croupier import recipes


def default_plan(max_tokens: int = MAX_TOKENS) -> cr.Chain:
    """Shuffle, three buckets, windows within them, cut by budget: the default where lengths vary."""
    return recipes.length_grouped(max_tokens)


def windows_plan(window_ids: int) -> cr.Chain:
    """Windows over all lengths."""
    return cr.chain(cr.Shuffle(), cr.SortedWindows(window_ids), cr.TokenBudget(max_tokens=MAX_TOKENS))


def buckets_plan(buckets: int) -> cr.Chain:
    return cr.chain(cr.Shuffle(), cr.LengthBuckets(buckets), cr.TokenBudget(max_tokens=MAX_TOKENS))


def dealer_of(plan: cr.Chain, lengths: Int32, *, lanes: int = 1, world_size: int = 1) -> cr.Dealer:
    table = cr.Table(length=lengths)
    return cr.Dealer(plan, table, seed=7, world_size=world_size, split=cr.Lockstep(lanes=lanes))


def plan_epoch(dealer: cr.Dealer, epoch: int) -> int:
    """Plan every segment of an epoch and keep none; the number of ids."""
    program = dealer.program
    return sum(program.segment(epoch, number).batches.indices.size for number in range(program.epochs.segments(epoch)))


def deal_epoch(dealer: cr.Dealer, epoch: int) -> int:
    """Iterate one epoch as a training loop does; the number of ids of this rank."""
    dealer.set_epoch(epoch)
    return sum(len(deal) for deal in dealer)


def planned(dealer: cr.Dealer, epoch: int) -> Epoch:
    """The flat order of an epoch, which any number of ranks shares."""
    program = dealer.program
    batches = [program.segment(epoch, number).batches for number in range(program.epochs.segments(epoch))]
    sizes = np.concatenate([part.sizes for part in batches])
    return Epoch(np.concatenate([part.indices for part in batches]), np.concatenate([[0], np.cumsum(sizes)]))
