from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core.fingerprint import describe
from croupier.errors import BadArgument, BadTable
from statistics_of_draws import discrepancy

SHARES = [cr.Uniform(), cr.Proportional(), cr.Temperature(3.0), cr.EffectiveNumber(0.9), {"0": 0.6, "1": 0.3, "2": 0.1}]


def table_of(sizes, **columns):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    return cr.Table(source=np.random.default_rng(len(sizes)).permutation(codes), **columns)


def stream(plan, table, epochs=1, seed=0):
    """The ids, and the sources dealt, epoch after epoch."""
    program = cr.Dealer(cr.chain(plan, cr.FixedSize(4), segment_ids=64), table, seed=seed).program
    segments = [program.segment(e, s).batches for e in range(epochs) for s in range(program.epochs.segments(e))]
    return np.concatenate([b.indices for b in segments]), np.concatenate([b.columns["source"] for b in segments])


sizes_of_sources = st.lists(st.integers(1, 60), min_size=3, max_size=3)


@given(sizes_of_sources, st.sampled_from(SHARES), st.integers(0, 1000), st.integers(1, 4))
def test_each_source_walks_its_own_passes(sizes, shares, seed, epochs):
    """Over epochs and segments: the n-th run of size-many draws of a source is each of its rows once."""
    table = table_of(sizes)
    ids, sources = stream(cr.Mixture("source", shares), table, epochs, seed)
    assert ids.size == epochs * sum(sizes)
    assert np.array_equal(table.column("source")[ids], sources)
    for source, size in enumerate(sizes):
        mine = ids[sources == source]
        rows = np.flatnonzero(table.column("source") == source)
        for start in range(0, mine.size, size):
            part = mine[start : start + size]
            assert len(set(part.tolist())) == part.size
            assert part.size < size or sorted(part.tolist()) == rows.tolist()


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=30), st.integers(0, 5))
def test_shares_hold_at_every_prefix(weights, epoch):
    """Within four, over 2,000 draws from anywhere in the run."""
    names = [str(i) for i in range(len(weights))]
    plan = cr.Mixture("source", dict(zip(names, weights, strict=True)), epoch_end=2000)
    program = cr.Dealer(cr.chain(plan, cr.FixedSize(4)), table_of([3] * len(weights)), seed=0).program
    sources = np.concatenate([program.segment(e, 0).batches.columns["source"] for e in range(epoch + 1)])
    assert discrepancy(sources, weights) <= 4


def test_the_discrepancy_of_five_sources():
    """The issue's yardstick: 20,000 draws of these shares, at most 2.5; independent draws reach about 100."""
    shares = dict(zip("abcde", [0.6, 0.25, 0.1, 0.04, 0.01], strict=True))
    table = cr.Table(source=list("abcde") * 10)
    _, sources = stream(cr.Mixture("source", shares, epoch_end=20_000), table)
    assert discrepancy(sources, list(shares.values())) <= 2.5


def test_any_position_at_once_far_into_the_run():
    table = table_of([50, 30, 20])
    plan = cr.Mixture("source", {"0": 0.5, "1": 0.25, "2": 0.25}, epoch_end=10**12)
    program = cr.Dealer(cr.chain(plan, cr.FixedSize(4), segment_ids=2**10), table, seed=0).program
    ids = program.segment(3, program.epochs.segments(3) - 1).batches.indices[-100:]
    assert np.bincount(table.column("source")[ids]) == pytest.approx([50, 25, 25], abs=2)


def test_two_ways_to_sort_a_table_give_the_same_shares_and_passes():
    sizes = [40, 10, 5]
    sorted_table = cr.Table(source=np.repeat([0, 1, 2], sizes))
    ids, sources = stream(cr.Mixture("source", cr.Uniform()), sorted_table)
    assert np.array_equal(sorted_table.column("source")[ids], sources)
    program = cr.Dealer(cr.chain(cr.Mixture("source", cr.Uniform()), cr.FixedSize(4)), sorted_table, seed=0).program
    assert "rows" not in program.context(0).prepared["mixture"]["sources"], "a sorted column needs no index"


@pytest.mark.parametrize("sizes", [[7, 30, 12], [1, 1, 1], [20, 3, 1]])
@pytest.mark.parametrize("shares", SHARES[:3])
def test_the_end_of_an_epoch_is_what_its_name_says(sizes, shares):
    table = table_of(sizes)

    def counts(end, epochs=1):
        ids, sources = stream(cr.Mixture("source", shares, epoch_end=end), table, epochs)
        return Counter(ids.tolist()), np.bincount(sources, minlength=3)

    for end in cr.EpochEnd:
        first, second = (counts(end, epochs)[0] for epochs in (1, 2))
        assert second.total() == 2 * first.total(), "epochs are of one size"
    rows, by_source = counts(cr.EpochEnd.FIRST_RUNS_OUT)
    assert max(rows.values()) == 1
    assert (by_source == sizes).any()
    rows, by_source = counts(cr.EpochEnd.LAST_RUNS_OUT)
    assert set(rows) == set(range(sum(sizes)))
    assert np.all(by_source >= sizes)
    assert (by_source == sizes).any()
    assert counts(cr.EpochEnd.ALL_RUN_OUT)[0] == dict.fromkeys(range(sum(sizes)), 1)
    assert counts(cr.EpochEnd.ROWS)[0].total() == sum(sizes)
    assert counts(77)[0].total() == 77


def test_epochs_that_begin_anew_shuffle_anew():
    plan = cr.Mixture("source", cr.Proportional(), epoch_end=cr.EpochEnd.ALL_RUN_OUT)
    ids, _ = stream(plan, table_of([30, 30]), epochs=2)
    assert ids[:60].tolist() != ids[60:].tolist()
    repeated, _ = stream(cr.Mixture("source", cr.Uniform(), epoch_end=cr.EpochEnd.LAST_RUNS_OUT), table_of([30, 10]))
    mine = repeated[np.isin(repeated, np.flatnonzero(table_of([30, 10]).column("source") == 1))]
    passes = mine[: mine.size // 10 * 10].reshape(-1, 10)
    assert len({tuple(part) for part in passes.tolist()}) == len(passes)


@pytest.mark.parametrize("end", [*cr.EpochEnd, 40, 500])
@pytest.mark.parametrize("epoch", [0, 3])
def test_positions_of_ids_are_where_they_come_first(end, epoch):
    table = table_of([25, 9, 4])
    plan = cr.Mixture("source", cr.Temperature(4.0), epoch_end=end)
    dealer = cr.Dealer(cr.chain(plan, cr.FixedSize(4)), table, seed=3)
    ids = dealer.program.segment(epoch, 0).batches.indices
    expected = [ids.tolist().index(i) if i in ids else -1 for i in range(38)]
    assert dealer.position_of(range(38), epoch).tolist() == expected


def test_shares_of_tokens():
    """Two sources of mean length 10 and 40: half of the tokens each is four samples to one."""
    lengths = np.where(np.arange(400) < 200, 10, 40) + np.arange(400) % 3 - 1
    table = cr.Table(source=np.repeat(["short", "long"], 200), length=lengths)
    plan = cr.Mixture("source", {"short": 0.5, "long": 0.5}, unit="length", epoch_end=5000)
    ids, _ = stream(plan, table)
    tokens = np.bincount(table.column("source")[ids], weights=lengths[ids])
    assert tokens / tokens.sum() == pytest.approx([0.5, 0.5], abs=0.005)
    ids, _ = stream(cr.Mixture("source", cr.Uniform(), epoch_end=5000), table)
    tokens = np.bincount(table.column("source")[ids], weights=lengths[ids])
    assert abs(tokens[0] / tokens.sum() - 0.5) > 0.2, "without the unit, shares are of samples"


def test_orders_as_sources():
    table = cr.Table(size=1000, weight=np.ones(1000), length=np.full(1000, 5))
    sources = {
        "web": cr.Subset(cr.Shuffle(), range(600)),
        "code": cr.chain(cr.Subset(cr.Shuffle(), range(600, 900)), name="code_chain"),
        "few": cr.Subset(cr.Sequential(), range(900, 1000)),
    }
    plan = cr.Mixture(sources, {"web": 0.5, "code": 0.3, "few": 0.2})
    ids, numbers = stream(plan, table, epochs=2)
    assert np.array_equal(np.searchsorted([600, 900, 1000], ids, side="right"), numbers)
    assert discrepancy(numbers, [0.5, 0.3, 0.2]) <= 3
    few = ids[numbers == 2]
    assert few.tolist() == [900 + i % 100 for i in range(few.size)], "passes go on from epoch to epoch"
    dealer = cr.Dealer(cr.chain(plan, cr.FixedSize(4)), table, seed=0)
    first = dealer.program.segment(0, 0).batches.indices
    assert dealer.position_of(first[:200], 0).tolist() == [first.tolist().index(i) for i in first[:200].tolist()]
    tokens = cr.Mixture(sources, {"web": 0.5, "code": 0.3, "few": 0.2}, unit="length")
    assert stream(tokens, table)[1].tolist() == numbers[:1000].tolist()


def test_orders_that_change_with_every_pass_are_prepared_for_each():
    sources = {"a": cr.ShardShuffle(1), "b": cr.WeightedSubset(5)}
    table = cr.Table.from_shards([4, 4, 4], weight=np.ones(12))
    with pytest.raises(BadArgument, match=r"orders joined in one must add the same columns"):
        stream(cr.Mixture(sources, cr.Uniform()), table)
    ids, numbers = stream(cr.Mixture({"a": cr.ShardShuffle(1)}, cr.Uniform(), epoch_end=30), table)
    assert sorted(ids[:12].tolist()) == sorted(ids[12:24].tolist()) == list(range(12))
    assert ids[:12].tolist() != ids[12:24].tolist()
    assert set(numbers.tolist()) == {0}


def test_weights_make_up_for_the_target():
    """Sampling, weighting, or half of each: the weighted share of each source is the target's, in whole cycles."""
    table = table_of([300, 60, 40])
    target = cr.Temperature(5.0)
    for shares in (target, cr.Proportional(), cr.Temperature(2.0), cr.Uniform()):
        program = cr.Dealer(
            cr.chain(cr.Mixture("source", shares, target, epoch_end=40_000), cr.FixedSize(4)), table, seed=0
        ).program
        batches = program.segment(0, 0).batches
        weighted = np.bincount(batches.columns["source"], weights=batches.columns["weight"])
        wanted = np.array([300.0, 60.0, 40.0]) ** 0.2
        assert weighted / weighted.sum() == pytest.approx(wanted / wanted.sum(), abs=1e-3)
        assert batches.columns["weight"].mean() == pytest.approx(1.0, abs=1e-3)
        assert (np.ptp(batches.columns["weight"]) < 1e-6) == (shares is target)


def test_weights_follow_the_stages_of_shares_and_target():
    shares = cr.Stages([(0, {"0": 1, "1": 1}), (50, {"0": 3, "1": 1})])
    target = cr.Stages([(0, {"0": 1, "1": 0}), (80, {"0": 1, "1": 3})])
    plan = cr.Mixture("source", shares, target, epoch_end=200)
    program = cr.Dealer(cr.chain(plan, cr.FixedSize(4)), table_of([10, 10]), seed=0).program
    batches = program.segment(0, 0).batches
    sources, weights = batches.columns["source"], batches.columns["weight"]
    for low, high, expected in ((0, 50, [2.0, 0.0]), (50, 80, [4 / 3, 0.0]), (80, 200, [1 / 3, 3.0])):
        assert weights[low:high] == pytest.approx(np.array(expected)[sources[low:high]])


def test_a_schedule_changes_shares_at_its_samples_and_repeats_no_row():
    """In the middle of a segment and of an epoch; ordinals go on, so passes stay exact."""
    table = table_of([100, 100])
    plan = cr.Mixture("source", cr.Stages([(0, {"0": 0.9, "1": 0.1}), (130, {"0": 0.2, "1": 0.8})]), epoch_end=90)
    ids, sources = stream(plan, table, epochs=3)
    assert np.bincount(sources[:130]) == pytest.approx([117, 13], abs=1)
    assert np.bincount(sources[130:]) == pytest.approx([28, 112], abs=1)
    for source in (0, 1):
        mine = ids[sources == source][:100]
        assert len(set(mine.tolist())) == mine.size


def test_cooldown_changes_the_temperature():
    table = table_of([900, 100])
    _, sources = stream(cr.Mixture("source", cr.Cooldown(switch_samples=500)), table)
    hot = np.array([900, 100]) ** 0.2
    assert np.bincount(sources[:500]) / 500 == pytest.approx(hot / hot.sum(), abs=0.005)
    assert np.bincount(sources[500:]) / 500 == pytest.approx([0.9, 0.1], abs=0.005)


def test_sources_of_no_rows_or_no_share_are_left_out():
    table = cr.Table(source=np.array([0, 0, 2, 2, 3]))
    _, sources = stream(cr.Mixture("source", cr.Uniform(), epoch_end=30), table)
    assert np.bincount(sources).tolist() == [10, 0, 10, 10]
    _, sources = stream(cr.Mixture("source", {"0": 1, "1": 0, "2": 0, "3": 1}, epoch_end=30), table)
    assert np.bincount(sources, minlength=4).tolist() == [15, 0, 0, 15]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (
            ("source", {"a": 1.0}),
            r"shares \(or target\) must name the sources 0, 1, got no source named 'a'; give 0 to leave",
        ),
        (("source", {"0": 1.0}), r"shares \(or target\) must name the sources 0, 1, got no share for '1'"),
        (("source", {"0": 1.0, "1": -1}), r"share of '1' must be a finite number >= 0, got -1; give 0"),
        (("source", {"0": 0.0, "1": 0.0}), r"shares must have one above 0"),
        (("source", {"0": 1e12, "1": 1}), r"share of '1' must be at least one in 1e\+09"),
        (("source", 0.5), r"shares must be a mapping of names to numbers, or a rule, got 0.5; pass"),
        (("source", None), r"shares must be given, got None"),
        ((7, cr.Uniform()), r"sources must be a column or a mapping of names to orders, got 7"),
        (({}, cr.Uniform()), r"sources must be a column or a mapping of names to orders"),
        (({"a": cr.FixedSize(2)}, cr.Uniform()), r"sources\['a'\] must be an order of its own"),
        (
            ({"a": cr.chain(cr.Shuffle(), cr.FixedSize(2))}, cr.Uniform()),
            r"sources\['a'\] must not cut batches, got .*; cut them after the order, in the outer chain",
        ),
        (({"a": cr.LossWeighted()}, cr.Uniform()), r"sources\['a'\] must be an order of its own, that does not learn"),
        (("source", cr.Uniform(), None, 0), r"epoch_end must be an integer >= 1, got 0; pass samples, or one of"),
        (
            ("source", cr.Cooldown(5), None, cr.EpochEnd.FIRST_RUNS_OUT),
            r"epoch_end must be EpochEnd.ROWS or a number of samples, where shares follow a schedule",
        ),
        (
            ("source", {"0": 1, "1": 0}, cr.Uniform()),
            r"target must give 0 to a source that is never dealt, got",
        ),
        (
            ("source", {"0": 1, "1": 1}, None, 9, "zero"),
            r"share of '1' must be 0 for a source without rows, got 1.0",
        ),
        (
            ({"a": cr.Shuffle()}, cr.Uniform(), None, cr.EpochEnd.FIRST_RUNS_OUT, "zero"),
            r"unit must go with sources by column, where an epoch ends with a source",
        ),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        stream(cr.Mixture(*arguments), cr.Table(source=[0, 0, 1], zero=[1, 1, 0]))


def test_bad_columns_are_refused():
    for column, text in (
        ([0.5, 1.0], r"'source' must hold strings or codes 0, 1, 2..., got dtype float64"),
        ([-1, 1], r"'source' must hold codes from 0 to 1048576, got -1 to 1"),
    ):
        with pytest.raises(BadTable, match=text):
            stream(cr.Mixture("source", cr.Uniform()), cr.Table(source=column))


def test_chains_that_regroup_are_refused_before_the_run():
    table = cr.Table(length=np.arange(1, 41))
    sources = {"a": cr.chain(cr.Shuffle(), cr.SortedWindows(8))}
    with pytest.raises(BadArgument, match=r"an order inside another must give one id for each position, uncut"):
        stream(cr.Mixture(sources, cr.Uniform()), table)


def three_sources(names):
    ranges = {"a": range(20), "b": range(20, 40), "c": range(40, 60)}
    return {name: cr.Subset(cr.Shuffle(), ranges[name]) for name in names}


def test_the_order_of_a_mapping_of_sources_is_part_of_the_plan():
    """It numbers the sources; a state must not load into another numbering."""
    dealers = [
        cr.Dealer(cr.chain(cr.Mixture(three_sources(names), cr.Uniform()), cr.FixedSize(4)), cr.Table(size=60), seed=0)
        for names in ("abc", "cba")
    ]
    with pytest.raises(
        ValueError, match=r"plan.stages\[0\].sources\[0\]\[0\] must be 'a' as when it was saved, got 'c'"
    ):
        dealers[1].load_state_dict(dealers[0].state_dict())
    shares = [cr.Mixture("source", {"0": 1, "1": 2}), cr.Mixture("source", {"1": 2, "0": 1})]
    assert shares[0] == shares[1], "shares are by name, in any order"


def test_a_plan_does_not_change_with_the_mappings_it_was_made_of():
    shares, sources = {"a": 0.5, "b": 0.5, "c": 0}, three_sources("abc")
    plan = cr.Mixture(sources, shares)
    shares["a"], sources["a"] = 9.0, cr.Shuffle()
    assert describe(plan) == describe(cr.Mixture(three_sources("abc"), {"a": 0.5, "b": 0.5, "c": 0}))
    assert describe(pickle.loads(pickle.dumps(plan))) == describe(plan)


def test_numbers_beyond_any_run_are_refused():
    sources = {
        "huge": cr.Subset(cr.Shuffle(), range(10**12)),
        "small": cr.Subset(cr.Shuffle(), range(10**12, 10**12 + 10**6)),
    }

    def size(end):
        return cr.Mixture(sources, {"huge": 1e-7, "small": 1}, epoch_end=end).epoch_size(cr.Table(size=2 * 10**12), 0)

    assert size(cr.EpochEnd.FIRST_RUNS_OUT) == pytest.approx(10**6, abs=2)
    with pytest.raises(BadArgument, match=r"samples of an epoch must be an integer >= 1 and <= 4611686018427387904"):
        size(cr.EpochEnd.LAST_RUNS_OUT)
    dealer = cr.Dealer(
        cr.chain(cr.Mixture("source", cr.Uniform(), epoch_end=2**60), cr.FixedSize(4)), table_of([5]), seed=0
    )
    dealer.set_epoch(10)
    with pytest.raises(BadArgument, match=r"epoch must end before sample 4611686018427387904 of the run, got 10"):
        dealer.first()


def test_shares_that_would_vanish_are_refused_and_large_ones_are_no_matter():
    table = table_of([99, 10])
    for shares in (cr.Temperature(0.002), {"0": 1e300, "1": 1e-300}):
        with pytest.raises(BadArgument, match=r"share of '1' must be at least one in 1e\+09"):
            stream(cr.Mixture("source", shares), table)
    assert np.bincount(stream(cr.Mixture("source", {"0": 1e308, "1": 1e308}), table)[1])[0] in (54, 55)


def test_a_source_without_tokens_may_be_left_out():
    table = cr.Table(source=["a", "a", "b"], n=[0, 0, 2])
    _, sources = stream(cr.Mixture("source", {"a": 0, "b": 1}, unit="n"), table)
    assert set(sources.tolist()) == {1}
    with pytest.raises(BadTable, match=r"'source' must hold lengths, got strings, which are categories"):
        stream(cr.Mixture("source", cr.Uniform(), unit="source"), table)


def test_orders_that_sort_inside_are_refused():
    """Their ids would depend on which positions are asked for together."""
    sources = {"a": cr.chain(cr.Subset(cr.Shuffle(), range(20)), cr.SortedWindows(8, shuffle_batches=False))}
    table = cr.Table(length=np.arange(20)[::-1].copy())
    dealer = cr.Dealer(cr.chain(cr.Mixture(sources, {"a": 1}), cr.FixedSize(20)), table, seed=0)
    with pytest.raises(BadArgument, match=r"an order inside another must give one id for each position, uncut"):
        dealer.first()


def test_a_state_takes_a_schedule_that_differs_in_its_future():
    """The change is named; what was dealt before it is what the new plan would have dealt."""
    table = table_of([300, 60])

    def run(*stages):
        return cr.Dealer(
            cr.chain(cr.Mixture("source", cr.Stages([(0, cr.Uniform()), *stages])), cr.FixedSize(4)), table, seed=0
        )

    before, after = run(), run((200, {"0": 0.9, "1": 0.1}))
    deals = iter(before)
    dealt = [i for _ in range(40) for i in next(deals)]
    with pytest.raises(ValueError, match=r"accept the change: accept=\['plan.stages\[0\].shares.changes'\]"):
        after.load_state_dict(before.state_dict())
    after.load_state_dict(before.state_dict(), accept=["plan.stages[0].shares"])
    rest = [i for deal in after for i in deal]
    assert dealt + rest == [i for deal in run((200, {"0": 0.9, "1": 0.1})) for i in deal]
