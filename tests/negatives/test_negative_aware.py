from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadTable

ROWS = 240


def clusters_of(size, seed=0):
    members = np.random.default_rng(seed).permutation(ROWS)
    return cr.Clusters(members, np.append(np.arange(0, ROWS, size), ROWS))


def run(rank=0, world=1):
    plan = cr.chain(cr.NegativeAware(), cr.FixedSize(12), segment_ids=60)
    return cr.Dealer(plan, cr.Table(size=ROWS), seed=3, rank=rank, world_size=world)


def test_each_epoch_deals_every_row_once_and_clusters_side_by_side(tmp_path):
    dealer = run()
    plain = np.concatenate([deal.ids for deal in dealer])
    clusters_of(4).save(tmp_path / "four")
    clusters_of(7, seed=1).save(tmp_path / "seven")
    dealer.adopt("negative_aware", tmp_path / "four")
    early = np.concatenate([deal.ids for deal in dealer])  # epoch 1 was too near: clusters hold from epoch 2 on
    four = []
    for number, deal in enumerate(dealer):
        four.append(deal.ids)
        if number == 0:
            dealer.adopt("negative_aware", tmp_path / "seven")
    seven = np.concatenate([deal.ids for deal in dealer])
    for number, epoch in enumerate((plain, early, np.concatenate(four), seven)):
        assert sorted(epoch.tolist()) == list(range(ROWS))
        assert dealer.position_of(epoch, epoch=number).tolist() == list(range(ROWS))
    of_row = clusters_of(4).of_row
    assert all(len(set(of_row[ids].tolist())) == 3 for ids in four)
    later = clusters_of(7, seed=1).of_row
    assert (np.diff(later[seven]) != 0).sum() == np.unique(later).size - 1


def test_clusters_come_in_another_order_each_epoch_and_resume_within_one(tmp_path):
    clusters_of(6).save(tmp_path / "six")
    dealer = run()
    next(iter(dealer))
    dealer.adopt("negative_aware", tmp_path / "six")
    orders = []
    for _ in range(3):
        orders.append([deal.ids.tolist() for deal in dealer])
    assert orders[1] != orders[2]
    passes = iter(dealer)
    for _ in range(7):
        next(passes)
    state = dealer.state_dict()
    rest = [deal.ids.tolist() for deal in passes]
    resumed = run()
    resumed.load_state_dict(state)
    assert [deal.ids.tolist() for deal in resumed] == rest
    both = [run(rank, 2) for rank in range(2)]
    for other in both:
        other.load_state_dict(state)
    dealt = sorted(row for other in both for deal in other for row in deal.ids.tolist())
    assert dealt == sorted(row for ids in rest for row in ids)


def test_clusters_of_other_rows_are_refused(tmp_path):
    cr.Clusters(np.arange(5), np.array([0, 5])).save(tmp_path / "five")
    with pytest.raises(BadTable, match=r"'clusters' must have the 240 rows of the table, got 5; make them of its rows"):
        run().adopt("negative_aware", tmp_path / "five")
