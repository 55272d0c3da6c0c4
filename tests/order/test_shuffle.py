from __future__ import annotations

import numpy as np
import pytest

import croupier as cr


@pytest.mark.parametrize("rows", [1, 5, 5000])
def test_position_of_is_the_inverse_in_every_epoch(rows):
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(16)), cr.Table(size=rows), seed=1)
    for epoch in range(3):
        dealt = [i for deal in dealer for i in deal]
        assert dealer.position_of(dealt, epoch=epoch).tolist() == list(range(rows))


def test_nothing_is_stored_at_any_size():
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(4)), cr.Table(size=2**62), seed=1)
    deal = dealer.first()
    assert all(0 <= i < 2**62 for i in deal)
    assert dealer.position_of(deal.ids).tolist() == [0, 1, 2, 3]


def test_epochs_and_seeds_share_nothing():
    """torch's DistributedSampler deals seed 0, epoch 1 and seed 1, epoch 0 alike."""
    orders = set()
    for seed in range(4):
        dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(64)), cr.Table(size=64), seed=seed)
        orders.update(tuple(next(iter(list(dealer)))) for _ in range(4))
    assert len(orders) == 16


def test_neighbouring_epochs_are_uncorrelated():
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(20_000)), cr.Table(size=20_000), seed=0)
    first, second = (np.array([i for deal in dealer for i in deal], dtype=float) for _ in range(2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.035  # 5 sigma of 20,000
