from __future__ import annotations

import warnings

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadTable
from croupier.kernels.simon_shuffle import index_shuffle
from croupier.order.grain_shuffle import GrainShuffle

INDEX_SHUFFLE = [
    (1, 0, 4, [0], [0]),
    (2, 0, 4, [0, 1], [0, 1]),
    (2, 5, 4, [0, 1], [1, 0]),
    (3, 0, 4, [0, 1, 2], [0, 2, 1]),
    (3, 4294967295, 4, [0, 1, 2], [2, 1, 0]),
    (10, 7, 4, range(10), [4, 0, 3, 7, 2, 9, 6, 8, 1, 5]),
    (10, 7, 6, range(10), [7, 6, 2, 8, 4, 1, 0, 3, 5, 9]),
    (10, 7, 8, range(10), [3, 1, 9, 8, 5, 0, 6, 7, 2, 4]),
    (100, 1, 4, [0, 1, 2, 3, 33, 50, 98, 99], [35, 7, 50, 32, 93, 15, 3, 30]),
    (1000, 3, 10, [0, 1, 2, 3, 333, 500, 998, 999], [487, 531, 489, 720, 290, 221, 504, 710]),
    (65535, 11, 4, [0, 1, 2, 21845, 32767, 65533, 65534], [25795, 2607, 42670, 20340, 16233, 20942, 60370]),
    (65536, 11, 4, [0, 1, 2, 21845, 32768, 65534, 65535], [25795, 2607, 42670, 20340, 26736, 60370, 46928]),
    (65537, 11, 4, [0, 1, 2, 21845, 32768, 65535, 65536], [25795, 2607, 42670, 20340, 26736, 46928, 25795]),
    (65538, 11, 4, [0, 1, 2, 21846, 32769, 65536, 65537], [32754, 42607, 60181, 28223, 26525, 29413, 43386]),
    (262145, 2, 4, [0, 1, 131072, 262143, 262144], [82740, 261864, 122271, 123692, 82740]),
    (1000003, 42, 4, [0, 1, 2, 333334, 1000001, 1000002], [42268, 341132, 759687, 137662, 116297, 909093]),
    (1000003, 42, 40, [0, 1, 2, 333334, 1000001, 1000002], [179202, 988792, 1682, 32757, 990739, 233226]),
    (4294967299, 9, 4, [0, 1, 1431655766, 4294967298], [1674297786, 1091560491, 3084804659, 3693298096]),
    (10**12, 2**31, 68, [0, 1, 333333333333, 10**12 - 1], [242331057301, 395063754260, 964122139464, 524318810644]),
    (2**48, 1, 4, [0, 1, 2, 2**48 - 1], [102747657224769, 102677862957904, 102608005760379, 188465001331927]),
]
"""Size, seed, rounds, positions, ids; recorded from index_shuffle of grain 0.2.18."""

MAP_DATASET = [
    (1, 0, 0, [0]),
    (1, 0, 1, [0]),
    (2, 3, 0, [0, 1]),
    (2, 3, 1, [1, 0]),
    (2, 3, 2, [1, 0]),
    (3, 4294967295, 0, [2, 1, 0]),
    (3, 4294967295, 1, [0, 2, 1]),
    (3, 4294967295, 2, [1, 2, 0]),
    (12, 5, 0, [4, 0, 5, 3, 7, 9, 8, 10, 11, 6, 1, 2]),
    (12, 5, 1, [2, 7, 0, 11, 8, 9, 10, 5, 1, 4, 6, 3]),
    (12, 5, 2, [4, 11, 3, 7, 2, 9, 6, 10, 1, 5, 8, 0]),
    (65537, 0, 0, [31105, 2851, 35587, 53747, 58419, 44751, 20079, 13493, 3026, 18628, 35297, 58006]),
    (65537, 0, 1, [46990, 60688, 19298, 16276, 37481, 53497, 5701, 27375, 48213, 55134, 12357, 29963]),
    (65537, 0, 2, [54538, 39603, 21939, 9839, 22761, 6103, 45132, 49971, 55019, 41123, 9874, 27874]),
]
"""Rows, seed, epoch, first ids; recorded from MapDataset.range(rows).shuffle(seed).repeat(3) of grain 0.2.18."""


def dealer_of(rows, seed, *, world_size=1, rank=0, batch_size=4):
    plan = cr.chain(GrainShuffle(seed), cr.FixedSize(batch_size))
    return cr.Dealer(plan, cr.Table(size=rows), seed=0, world_size=world_size, rank=rank)


def epoch_of(dealer, epoch):
    dealer.set_epoch(epoch)
    return [i for deal in dealer for i in deal]


@pytest.fixture(scope="module")
def grain():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("grain", reason="grain is not installed; golden values stand in for it")


@pytest.mark.parametrize(("size", "seed", "rounds", "positions", "ids"), INDEX_SHUFFLE)
def test_index_shuffle_gives_what_grain_gave(size, seed, rounds, positions, ids):
    assert index_shuffle(np.array(positions), size, seed, rounds).tolist() == ids


@pytest.mark.parametrize(("rows", "seed", "epoch", "ids"), MAP_DATASET)
def test_an_epoch_deals_what_grain_dealt(rows, seed, epoch, ids):
    dealer = dealer_of(rows, seed, batch_size=min(rows, len(ids)))
    dealer.set_epoch(epoch)
    assert dealer.first().ids.tolist() == ids


@pytest.mark.parametrize("seed", [0, 123, 2**32 - 1])
@pytest.mark.parametrize("rows", [1, 2, 3, 1000, 66_000])
def test_every_id_of_three_epochs_is_the_one_that_grain_deals(grain, rows, seed):
    dataset = grain.MapDataset.range(rows).shuffle(seed).repeat(3)
    dealer = dealer_of(rows, seed, batch_size=16)
    for epoch in range(3):
        checked = np.unique(np.linspace(0, rows - 1, 1000).astype(int))
        ours = np.array(epoch_of(dealer, epoch))[checked]
        assert ours.tolist() == [int(dataset[epoch * rows + int(place)]) for place in checked]


def test_a_step_holds_the_ids_of_grains_ranks(grain):
    ranks = [grain.MapDataset.range(96).shuffle(7)[rank::4].batch(8) for rank in range(4)]
    ours = [list(dealer_of(96, 7, world_size=4, rank=rank, batch_size=8)) for rank in range(4)]
    for step in range(3):
        theirs = np.concatenate([ranks[rank][step] for rank in range(4)])
        assert sorted(theirs.tolist()) == sorted(i for rank in range(4) for i in ours[rank][step])


def test_position_of_is_the_inverse_but_for_grains_fault():
    for rows in (1, 5, 5000, 65_536):
        dealer = dealer_of(rows, 11, batch_size=16)
        for epoch in (0, 2):
            assert dealer.position_of(epoch_of(dealer, epoch), epoch=epoch).tolist() == list(range(rows))
    dealer = dealer_of(65_537, 11, batch_size=16)
    ids = epoch_of(dealer, 1)
    assert set(range(65_537)) - set(ids) == {65_536}
    assert ids[0] == ids[-1]
    assert dealer.position_of([ids[0], 65_536, ids[7]], epoch=1).tolist() == [0, -1, 7]


def test_a_run_changes_over_in_the_middle_of_an_epoch_and_goes_on_on_other_ranks():
    whole = dealer_of(1000, 3, batch_size=10)
    expected = epoch_of(whole, 1)
    changed = dealer_of(1000, 3, batch_size=10)
    changed.set_epoch(1)
    deals = iter(changed)
    for _ in range(37):  # what grain dealt before
        next(deals)
    resumed = [dealer_of(1000, 3, world_size=3, rank=rank, batch_size=10) for rank in range(3)]
    for dealer in resumed:
        dealer.load_state_dict(changed.state_dict())
    rest = zip(*resumed, strict=True)
    assert [i for step in rest for deal in step for i in deal] == expected[370:]


def test_the_seed_wraps_and_the_runs_seed_is_not_read():
    last = dealer_of(50, 2**32 - 1)
    assert epoch_of(last, 1) == epoch_of(dealer_of(50, 0), 0)
    plan = cr.chain(GrainShuffle(4), cr.FixedSize(4))
    assert epoch_of(cr.Dealer(plan, cr.Table(size=50), seed=99), 0) == epoch_of(dealer_of(50, 4), 0)


def test_what_grain_refuses_is_refused():
    with pytest.raises(BadArgument, match=r"seed must be an integer >= 0 and <= 4294967295, got 4294967296; pass the"):
        GrainShuffle(2**32)
    with pytest.raises(BadArgument, match=r"rounds must be an integer >= 4 and <= 1024, got 2"):
        GrainShuffle(0, rounds=2)
    with pytest.raises(BadArgument, match=r"rounds must be even, got 5"):
        GrainShuffle(0, rounds=5)
    with pytest.raises(
        BadTable, match=r"must be at most 2\*\*48 for 'grain_shuffle', got 281474976710657; take Shuffle"
    ):
        dealer_of(2**48 + 1, 0)
