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
    four = []
    for number, deal in enumerate(dealer):  # between epochs: clusters hold in the one that begins
        four.append(deal.ids)
        if number == 19:
            dealer.adopt("negative_aware", tmp_path / "seven")
    seven = np.concatenate([deal.ids for deal in dealer])
    for number, epoch in enumerate((plain, np.concatenate(four), seven)):
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
    orders = [[deal.ids.tolist() for deal in dealer] for _ in range(3)]
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


def grown(rows, segment_ids=60):
    plan = cr.chain(cr.NegativeAware(), cr.FixedSize(12), segment_ids=segment_ids)
    return cr.Dealer(plan, cr.Table(fact=np.arange(rows)), seed=3)


@pytest.mark.parametrize("stop", [4, 20])
def test_a_table_that_grows_is_dealt_whole_until_clusters_of_it_are_adopted(tmp_path, stop):
    """In the middle of an epoch, which ends on its old rows, and at the end of one."""
    clusters_of(4).save(tmp_path / "four")
    members = np.random.default_rng(1).permutation(300)
    cr.Clusters(members, np.arange(0, 301, 6)).save(tmp_path / "six")
    before = grown(ROWS)
    before.adopt("negative_aware", tmp_path / "four")
    deals = iter(before)
    for _ in range(stop):
        next(deals)
    state = before.state_dict()
    dealer, resumed = grown(300), grown(300)
    dealer.load_state_dict(state)
    if stop == 4:
        assert [deal.ids.tolist() for deal in dealer] == [deal.ids.tolist() for deal in deals]
    epoch = list(dealer)
    ids = np.concatenate([deal.ids for deal in epoch])
    assert sorted(ids.tolist()) == list(range(300))
    assert dealer.position_of(ids, epoch=1).tolist() == list(range(300))
    of_row = np.append(clusters_of(4).of_row, np.arange(60, 120))
    assert (np.diff(of_row[ids]) != 0).sum() == 120 - 1  # old clusters side by side, each new row one of its own
    assert np.flatnonzero(ids >= ROWS).min() < 100  # among the old ones, not after them
    assert np.flatnonzero(ids >= ROWS).max() > 200
    assert dealer.adopt("negative_aware", tmp_path / "six") == 9  # four segments of the old table, five of the new
    resumed.load_state_dict(dealer.state_dict())
    for run_on in (dealer, resumed):
        ids = np.concatenate([deal.ids for deal in run_on])
        assert (np.diff(np.argsort(members)[ids] // 6) != 0).sum() == 49


def test_clusters_are_measured_by_the_table_they_will_hold_for(tmp_path):
    clusters_of(4).save(tmp_path / "old")
    cr.Clusters(np.arange(300), np.arange(0, 301, 6)).save(tmp_path / "new")
    before = grown(ROWS)
    next(iter(before))
    dealer, resumed = grown(300), grown(300)
    dealer.load_state_dict(before.state_dict())
    with pytest.raises(BadTable, match=r"'clusters' must have the 300 rows of the table, got 240; make them of its"):
        dealer.adopt("negative_aware", tmp_path / "old")
    dealer.adopt("negative_aware", tmp_path / "new")
    resumed.load_state_dict(dealer.state_dict())
    for run_on in (dealer, resumed):
        assert sorted(row for deal in run_on for row in deal.ids.tolist()) == sorted(
            row for deal in list(grown(ROWS))[1:] for row in deal.ids.tolist()
        )
        ids = np.concatenate([deal.ids for deal in run_on])
        assert (np.diff(ids // 6) != 0).sum() == 49


def test_clusters_of_more_rows_than_there_are_cannot_be_resumed(tmp_path):
    cr.Clusters(np.arange(300), np.arange(0, 301, 6)).save(tmp_path / "new")
    before, dealer, small = grown(ROWS), grown(300), grown(ROWS)
    next(iter(before))
    dealer.load_state_dict(before.state_dict())
    dealer.adopt("negative_aware", tmp_path / "new")
    small.load_state_dict(dealer.state_dict())
    assert len(list(small)) == 19
    with pytest.raises(BadTable, match=r"'clusters' must have the 240 rows of the table, got 300; make them of its"):
        list(small)


def test_ids_carried_over_keep_the_clusters_of_their_epoch_after_a_resume(tmp_path):
    for number in range(3):
        clusters_of(4, seed=number).save(tmp_path / str(number))

    def fresh():
        plan = cr.chain(cr.NegativeAware(), cr.FixedSize(22, cr.Tail.CARRY), segment_ids=66)
        return cr.Dealer(plan, cr.Table(size=ROWS), seed=3)

    dealer, dealt, states = fresh(), [], []
    dealer.adopt("negative_aware", tmp_path / "0")
    for number in (1, 2, 2, 2):
        for deal in dealer:
            dealt.append((deal.epoch, deal.ids.tolist()))
            if deal.step == 1:
                dealer.adopt("negative_aware", tmp_path / str(number))
            states.append((dealer.cursor.epoch, len(dealt), dealer.state_dict()))
    for epoch, count, state in states[:-1]:
        resumed = fresh()
        resumed.load_state_dict(state)
        assert [deal.ids.tolist() for deal in resumed] == [ids for e, ids in dealt[count:] if e == epoch]
