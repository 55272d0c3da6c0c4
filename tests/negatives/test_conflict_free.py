from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, TooFewIds


def collisions(table, ids, known):
    one, two = known.pairs_among(table.column("query")[ids], table.column("item")[ids])
    return int((one != two).sum()) + len(ids) - len(set(ids))


def table_of(rows=3_000, queries=2_000, items=1_500, seed=0):
    rng = np.random.default_rng(seed)
    return cr.Table(query=rng.integers(0, queries, rows), item=rng.integers(0, items, rows))


def deals_of(stage, table, *, split=None, world_size=1, order=None, **options):
    plan = cr.chain(cr.Shuffle() if order is None else order, stage, **options)
    return [list(cr.Dealer(plan, table, seed=1, rank=rank, world_size=world_size, split=split))
            for rank in range(world_size)]  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=60),
    st.integers(2, 9),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=9),
)
def test_every_id_once_and_no_conflict_in_any_batch(rows, batch_size, more):
    table = cr.Table(query=[query for query, _ in rows], item=[item for _, item in rows])
    beyond = cr.KnownPositives.of([query for query, _ in more], [item for _, item in more])
    pairs = cr.Pairs(known=beyond)
    stage = cr.ConflictFree(batch_size, pairs)
    (deals,) = deals_of(stage, table)
    known = pairs.known_in(table)
    assert sorted(row for deal in deals for row in deal.ids.tolist()) == list(range(len(rows)))
    assert all(collisions(table, deal.ids, known) == 0 for deal in deals)
    assert stage.least_batches(table) <= len(deals)


@pytest.mark.parametrize("world_size", [2, 3])
@pytest.mark.parametrize("over_ranks", [True, False])
def test_ranks_that_gather_items_have_no_conflict_in_a_step(world_size, over_ranks):
    table = table_of()
    known = cr.Pairs().known_in(table)
    ranks = deals_of(cr.ConflictFree(50, over_ranks=over_ranks), table, world_size=world_size)
    steps = [np.concatenate([deal.ids for deal in step]) for step in zip(*ranks, strict=True)]
    assert sorted(np.concatenate(steps).tolist()) == list(range(table.size))
    assert all(collisions(table, deal.ids, known) == 0 for deals in ranks for deal in deals)
    assert (sum(collisions(table, step, known) for step in steps) == 0) == over_ranks


def test_balanced_cuts_one_global_batch_that_has_no_conflict():
    table = table_of()
    known = cr.Pairs().known_in(table)
    ranks = deals_of(cr.ConflictFree(100), table, world_size=4, split=cr.Balanced())
    steps = [np.concatenate([deal.ids for deal in step]) for step in zip(*ranks, strict=True)]
    assert {step.size for step in steps[:-1]} == {100}
    assert all(collisions(table, step, known) == 0 for step in steps)


def planted(batches, batch_size, seed=0):
    """Rows that some cover deals in full batches, most queries and items coming in many of them."""
    rng = np.random.default_rng(seed)
    queries = np.concatenate([rng.permutation(batch_size * 3)[:batch_size] for _ in range(batches)])
    items = queries + batch_size * 3 * rng.integers(0, 2, queries.size)
    table = cr.Table(query=queries, item=items)
    known = cr.Pairs().known_in(table)
    cover = np.arange(queries.size).reshape(batches, batch_size)
    assert all(collisions(table, ids, known) == 0 for ids in cover)
    return table


@pytest.mark.parametrize(("batches", "batch_size"), [(40, 32), (100, 16), (12, 256)])
def test_where_a_full_cover_exists_none_is_dropped_and_every_batch_is_full(batches, batch_size):
    for seed in range(3):
        table = planted(batches, batch_size, seed)
        (deals,) = deals_of(cr.ConflictFree(batch_size), table)
        assert [len(deal) for deal in deals] == [batch_size] * batches


def test_one_item_in_every_batch_of_a_full_cover_is_found():
    """A class that comes as often as there are batches leaves no freedom at all."""
    batches, size = 64, 8
    items = np.concatenate([np.zeros(batches, int), np.arange(1, batches * (size - 1) + 1)])
    table = cr.Table(query=np.arange(items.size), item=items)
    (deals,) = deals_of(cr.ConflictFree(size), table)
    assert [len(deal) for deal in deals] == [size] * batches
    assert all((items[deal.ids] == 0).sum() == 1 for deal in deals)


def test_where_no_full_cover_exists_batches_are_as_many_as_the_bound_and_alike():
    items = np.concatenate([np.zeros(100, int), np.arange(1, 301)])
    table = cr.Table(query=np.arange(400), item=items)
    stage = cr.ConflictFree(10)
    (deals,) = deals_of(stage, table)
    assert stage.least_batches(table) == len(deals) == 100
    assert {len(deal) for deal in deals} == {4}
    assert stage.least_batches(table, world_size=4) == 400
    (fewer,) = deals_of(cr.ConflictFree(10, tail=cr.Tail.DROP), table)
    assert len(fewer) == 40
    assert fewer[-1].ledger.ids("left out: conflicts") == 60 == 400 - sum(len(deal) for deal in fewer)


def test_further_items_of_a_row_are_kept_from_queries_they_are_right_for():
    rng = np.random.default_rng(2)
    query, item = rng.integers(0, 300, 900), rng.integers(0, 400, 900)
    mined = rng.integers(-1, 400, (900, 3))
    table = cr.Table(query=query, item=item, mined=mined)
    known = cr.Pairs().known_in(table)
    (deals,) = deals_of(cr.ConflictFree(16, also="mined"), table)
    assert sorted(row for deal in deals for row in deal.ids.tolist()) == list(range(900))
    for deal in deals:
        rows, columns = known.pairs_among(query[deal.ids], mined[deal.ids].ravel())
        assert (rows == columns // 3).all()  # a row's own mined items are the miner's business
    (unaware,) = deals_of(cr.ConflictFree(16), table)
    leaks = [known.pairs_among(query[deal.ids], mined[deal.ids].ravel()) for deal in unaware]
    assert any((rows != columns // 3).any() for rows, columns in leaks)


def test_ids_stay_near_their_place_in_the_order():
    table = cr.Table(query=np.arange(4_000), item=np.random.default_rng(0).integers(0, 3_000, 4_000))
    (deals,) = deals_of(cr.ConflictFree(100), table, order=cr.Sequential())
    places = np.concatenate([np.full(len(deal), number) for number, deal in enumerate(deals)])
    moved = np.abs(places - np.concatenate([deal.ids for deal in deals]) // 100)
    assert (moved <= 1).mean() > 0.95


def test_groups_made_before_stay_apart():
    table = cr.Table(query=np.arange(200), item=np.arange(200) // 2, language=np.arange(200) % 3)
    plan = cr.chain(cr.Shuffle(), cr.GroupBy("language"), cr.ConflictFree(8))
    deals = list(cr.Dealer(plan, table, seed=0))
    assert all(len(set((deal.ids % 3).tolist())) == 1 for deal in deals)
    assert sorted(row for deal in deals for row in deal.ids.tolist()) == list(range(200))


def test_a_world_size_that_parts_the_lanes_is_refused_at_construction_and_on_load():
    table = table_of()
    plan = cr.chain(cr.Shuffle(), cr.ConflictFree(50))
    four = cr.Dealer(plan, table, seed=0, world_size=4)
    next(iter(four))
    text = (
        r"world_size must divide the 4 lanes, as a plan of batches that stay with their lanes asks, got 3; choose such"
    )
    with pytest.raises(BadArgument, match=text):
        cr.Dealer(plan, table, seed=0, world_size=3, split=cr.Lockstep(lanes=4))
    with pytest.raises(BadArgument, match=text):
        cr.Dealer(plan, table, seed=0, world_size=3).load_state_dict(four.state_dict())
    two = cr.Dealer(plan, table, seed=0, world_size=2)
    two.load_state_dict(four.state_dict())


def test_a_stage_that_would_cut_a_step_of_several_lanes_is_refused():
    plan = cr.chain(cr.Shuffle(), cr.ConflictFree(50), cr.FixedSize(25))
    text = r"plan must not cut further what shares a step on several lanes, got 'fixed_size'; leave it out"
    with pytest.raises(BadArgument, match=text):
        cr.Dealer(plan, table_of(), seed=0, world_size=2)
    assert {len(deal) for deal in cr.Dealer(plan, table_of(), seed=0)} == {25}


def test_conflicts_that_leave_a_step_fewer_ids_than_ranks_are_refused_or_left_out():
    table = cr.Table(query=np.arange(50), item=np.zeros(50, int))
    with pytest.raises(TooFewIds, match="conflicts leave 1 ids to a step of 2 ranks: 50 ids need 50 steps; choose"):
        deals_of(cr.ConflictFree(5), table, world_size=2)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"batch_size": 1}, "batch_size must be an integer >= 2, got 1"),
        ({"batch_size": 4, "pairs": "query"}, "pairs must be Pairs, got 'query'"),
        ({"batch_size": 4, "tail": "drop"}, "tail must be a Tail, got 'drop'"),
    ],
)
def test_bad_arguments_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.ConflictFree(**arguments)


def test_a_resume_on_more_ranks_between_the_batches_of_the_lanes_is_refused():
    table, plan = table_of(), cr.chain(cr.Shuffle(), cr.ConflictFree(50))
    known = cr.Pairs().known_in(table)
    split = cr.Lockstep(lanes=4)
    two = cr.Dealer(plan, table, seed=0, world_size=2, split=split)
    deals = iter(two)
    next(deals)
    text = (
        "world_size must divide the 2 batches that were dealt of 4 lanes, got 4; save where all lanes have been dealt"
    )
    with pytest.raises(BadArgument, match=text):
        cr.Dealer(plan, table, seed=0, world_size=4, split=split).load_state_dict(two.state_dict())
    next(deals)
    ranks = [cr.Dealer(plan, table, seed=0, rank=rank, world_size=4, split=split) for rank in range(4)]
    for dealer in ranks:
        dealer.load_state_dict(two.state_dict())
    steps = [np.concatenate([deal.ids for deal in step]) for step in zip(*ranks, strict=True)]
    assert all(collisions(table, step, known) == 0 for step in steps)


@pytest.mark.parametrize("rows", [4_095, 4_096, 4_097, 4_098, 6_145])
def test_a_rest_smaller_than_the_lanes_is_dealt_with_the_window_before(rows):
    table = cr.Table(query=np.arange(rows), item=np.arange(rows))
    ranks = deals_of(cr.ConflictFree(2), table, world_size=2)
    assert sorted(row for deals in ranks for deal in deals for row in deal.ids.tolist()) == list(range(rows))
    assert len(ranks[0]) == len(ranks[1])
