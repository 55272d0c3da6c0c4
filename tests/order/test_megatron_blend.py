from __future__ import annotations

import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core.fingerprint import describe
from croupier.errors import BadArgument, TooFewIds
from croupier.kernels.greedy_blend import greedy_blend
from croupier.order.megatron_blend import MegatronBlend

RECORDED = [
    ([100] * 2, [0.3, 0.7], "10110110110111011011"),
    ([100] * 3, [1, 1, 1], "0120120120120120"),
    ([100] * 3, [30, 60, 10], "101210110110121011011012"),
    ([100] * 3, [0.1, 0.2, 0.7], "212022122202122212220212"),
    ([100] * 3, [4, 1, 1], "010200010200010200010200"),
    ([400] * 9, [3, 1, 4, 1, 5, 9, 2, 6, 5], "574820567154825730458752485670"),
    ([100], [2], "00000"),
    ([7, 20, 13], None, "1201210121210121210121210121210121210121"),
    ([4, 1, 1], None, "012000"),
]
"""Rows of each source, weights, the source of each sample: recorded from BlendedMegatronDatasetBuilder of
megatron-core 0.16.1 with its compiled helper, on x86-64."""


def table_of(rows, seed=0):
    """The rows of the sources, mixed."""
    sources = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(rows)), rows))
    return cr.Table(dataset=sources)


def dealt(order, table, **arguments):
    plan = cr.chain(order, cr.FixedSize(4))
    return [i for deal in cr.Dealer(plan, table, seed=0, **arguments) for i in deal]


@pytest.mark.parametrize(("rows", "weights", "sources"), RECORDED)
def test_the_blend_is_the_one_that_megatron_built(rows, weights, sources):
    table = table_of(rows)
    ids = dealt(MegatronBlend("dataset", weights, epoch_samples=len(sources)), table)
    of = table.column("dataset")[ids]
    assert "".join(map(str, of)) == sources
    for source in range(len(rows)):
        in_table_order = np.flatnonzero(table.column("dataset") == source)
        assert np.array_equal(np.array(ids)[of == source], in_table_order[: (of == source).sum()])


def test_a_long_blend_too():
    """200,000 samples recorded in the same way, by the counts and checksums of Megatron's two indices."""
    weights = np.array([17.3, 0.4, 2.25, 55.0, 1e-3])
    counts = [46163, 1068, 6004, 146762, 3]
    table = cr.Table(dataset=np.repeat(np.arange(5), counts))
    plan = cr.chain(MegatronBlend("dataset", weights, epoch_samples=200_000), cr.FixedSize(200_000))
    ids = cr.Dealer(plan, table, seed=0).first().ids
    of = table.column("dataset")[ids]
    assert np.bincount(of).tolist() == counts
    assert zlib.crc32(of.astype("<i2").tobytes()) == 997087121
    ordinals = ids - (np.cumsum(counts) - counts)[of]
    assert zlib.crc32(ordinals.astype("<i8").tobytes()) == 301610113


@given(st.lists(st.integers(1, 9) | st.floats(0.01, 10), min_size=2, max_size=6), st.integers(1, 300))
def test_the_compiled_helper_agrees_where_it_is_there(weights, samples):
    helpers = pytest.importorskip(
        "megatron.core.datasets.helpers_cpp", reason="megatron-core is not installed; recorded values stand in for it"
    )
    shares = np.array(weights) / np.sum(weights)
    sources, ordinals = np.zeros(samples, np.int16), np.zeros(samples, np.int64)
    helpers.build_blending_indices(sources, ordinals, shares, shares.size, samples, False)
    assert greedy_blend(shares, samples).tolist() == sources.tolist()


def test_weights_are_normalised_twice_and_rows_once():
    """(4, 1, 1) / 6 does not sum to 1 in doubles, and once more moves ties: both were recorded above."""
    table = table_of([24, 24, 24])
    once = greedy_blend(np.array([4.0, 1.0, 1.0]) / 6.0, 24)
    ids = dealt(MegatronBlend("dataset", [4, 1, 1], epoch_samples=24), table)
    assert "".join(map(str, once)) == "012000" * 4  # what the compiled helper made of these shares
    assert table.column("dataset")[ids].tolist() != once.tolist()


def test_names_blend_in_the_order_they_are_given():
    table = cr.Table(dataset=["wiki"] * 9 + ["books"] * 9 + ["code"] * 9)
    column, names = table.column("dataset"), table.categories["dataset"]
    ids = dealt(MegatronBlend("dataset", {"wiki": 1, "code": 1, "books": 0}, epoch_samples=6), table)
    assert [names[code] for code in column[ids]] == ["wiki", "code"] * 3
    first, second = (
        MegatronBlend("dataset", weights, epoch_samples=6)
        for weights in ({"wiki": 1, "code": 1, "books": 0}, {"code": 1, "wiki": 1, "books": 0})
    )
    assert describe(first) != describe(second)
    assert describe(replace(first)) == describe(first)
    deal = cr.Dealer(cr.chain(second, cr.FixedSize(6)), table, seed=0).first()
    assert [names[code] for code in deal.columns["source"]] == ["code", "wiki"] * 3


def test_ranks_get_megatrons_micro_batches_and_the_run_goes_on_on_others():
    """What MegatronPretrainingSampler does: slices of micro_batch x ranks consecutive samples; the last is dropped."""
    table = table_of([200, 300])
    order = MegatronBlend("dataset", [0.35, 0.65], epoch_samples=403)
    flat = dealt(order, table)
    plan = cr.chain(order, cr.FixedSize(5, cr.Tail.DROP))
    ranks = [cr.Dealer(plan, table, seed=1, rank=rank, world_size=4) for rank in range(4)]
    for rank, dealer in enumerate(ranks):
        expected = [flat[begin + rank * 5 : begin + rank * 5 + 5] for begin in range(0, 400, 20)]
        deals = iter(dealer)
        assert [next(deals).ids.tolist() for _ in range(7)] == expected[:7]
    resumed = [cr.Dealer(plan, table, seed=1, rank=rank, world_size=2) for rank in range(2)]
    for dealer in resumed:
        dealer.load_state_dict(ranks[0].state_dict())
    rest = zip(*resumed, strict=True)
    assert [i for step in rest for deal in step for i in deal] == flat[140:400]


def test_a_preview_shows_the_shares_of_the_blend():
    table = cr.Table(dataset=["wiki"] * 60 + ["web"] * 90 + ["none"])
    order = MegatronBlend("dataset", {"wiki": 30, "none": 0, "web": 70}, epoch_samples=100)
    figures = cr.preview(cr.chain(order, cr.FixedSize(10)), table, seed=0)
    assert [(each.name, each.dealt) for each in figures.sources] == [("web", 0.7), ("wiki", 0.3)]
    assert figures.sources[0].asked == pytest.approx((0.7, 0.7))


def test_position_of_is_the_inverse():
    table = table_of([30, 50])
    order = MegatronBlend("dataset", [1, 2], epoch_samples=60)
    dealer = cr.Dealer(cr.chain(order, cr.FixedSize(4)), table, seed=0)
    ids = [i for deal in dealer for i in deal]
    assert dealer.position_of(ids, epoch=1).tolist() == list(range(60))
    left_out = sorted(set(range(80)) - set(ids))
    assert dealer.position_of(left_out).tolist() == [-1] * 20
    assert dealer.position_of([left_out[0], ids[7], ids[7]]).tolist() == [-1, 7, 7]
    assert dealer.position_of([]).tolist() == []


def test_what_megatron_refuses_is_refused():
    table = table_of([5, 20])
    with pytest.raises(TooFewIds, match=r"deals 6 samples of source '0', which has 5 rows, and Megatron deals none"):
        dealt(MegatronBlend("dataset", [0.3, 0.7], epoch_samples=20), table)
    with pytest.raises(TooFewIds, match=r"epoch_samples=26 are more than the table's 25 rows, and Megatron deals none"):
        dealt(MegatronBlend("dataset", None, epoch_samples=26), table)
    with pytest.raises(TooFewIds, match=r"deals . samples of source '2', which has 0 rows"):
        dealt(MegatronBlend("dataset", [1, 1, 1], epoch_samples=18), cr.Table(dataset=[0] * 9 + [1] * 9))
    assert dealt(MegatronBlend("dataset", [1, 1, 1e-9], epoch_samples=2), cr.Table(dataset=[0, 1] * 9)) == [0, 1]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.5], r"weights must have one for each of 2 sources, got 1; give 0 to leave one out"),
        ([1.0, -1.0], r"weight 1 must be a finite number >= 0, got -1.0"),
        ({"0": float("nan"), "1": 1}, r"weight of '0' must be a finite number >= 0, got nan"),
        ([0, 0], r"weights must have one above 0, got \[0.0, 0.0\]"),
        ({"0": 1}, r"weights must name the sources 0, 1, got no weight for '1'"),
        ({"0": 1, "1": 1, "2": 1}, r"weights must name the sources 0, 1, got no source named '2'"),
        ("uniform", r"weights must be a mapping or a list, got 'uniform'"),
        (3, r"weights must be a mapping or a list, got 3"),
    ],
)
def test_bad_weights_are_refused(weights, message):
    with pytest.raises(BadArgument, match=message):
        dealt(MegatronBlend("dataset", weights, epoch_samples=4), table_of([5, 5]))


def test_bad_sources_and_sizes_are_refused():
    with pytest.raises(BadArgument, match=r"sources must be a column, got \['a'\]"):
        MegatronBlend(["a"], [1], 4)
    with pytest.raises(BadArgument, match=r"epoch_samples must be an integer >= 1, got 0"):
        MegatronBlend("dataset", [1], 0)
    with pytest.raises(BadArgument, match=r"weights must blend at most 32766 sources, got 32767"):
        dealt(MegatronBlend("dataset", None, 4), cr.Table(dataset=np.arange(32_767)))
