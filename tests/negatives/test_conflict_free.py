from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument, BadTable, TooFewIds
from croupier.negatives import dealing_apart


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
        ({"batch_size": 4, "also": ["mined"]}, r"also must be a column's name, or None, got \['mined'\]; pass"),
        (
            {"batch_size": 4, "over_ranks": "no"},
            "over_ranks must be True or False, got 'no'; pass True for a loss over",
        ),
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


@st.composite
def rows_with_frequent_items(draw):
    """Queries, items and further items, of which one kind or two come in up to every other row."""
    number = st.one_of(st.integers(0, 30), st.integers(0, 1))
    rows = draw(st.lists(st.tuples(st.integers(0, 12), number, number), min_size=2, max_size=80))
    return np.array(rows).T


@given(
    rows_with_frequent_items(), st.integers(2, 9), st.sampled_from([1, 2, 3]), st.sampled_from([None, "more"]),
    st.sampled_from([2**27, 128]),
)  # fmt: skip
def test_with_frequent_items_too_every_id_is_dealt_once_and_apart(columns, batch_size, world_size, also, most_bytes):
    """By the definition, row against row; in one window, and where bits of few bytes are cut into many."""
    query, item, more = columns
    table = cr.Table(query=query, item=item, more=more)
    right = set(zip(query.tolist(), item.tolist(), strict=True))
    stage = cr.ConflictFree(batch_size, also=also)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dealing_apart, "MOST_BYTES", most_bytes)
        try:
            ranks = deals_of(stage, table, world_size=world_size)
        except TooFewIds:
            assert world_size > 1
            return
    steps = [np.concatenate([deal.ids for deal in step]) for step in zip(*ranks, strict=True)]
    assert sorted(np.concatenate(steps).tolist()) == list(range(table.size))
    for ids in steps:
        items = [{int(item[row])} | ({int(more[row])} if also else set()) for row in ids]
        for place, row in enumerate(ids):
            others = set().union(*items[:place], *items[place + 1 :])
            assert not any((int(query[row]), other) in right for other in others)
    assert stage.least_batches(table, world_size) <= len(steps) * world_size
    assert all(1 <= len(deal) <= batch_size for deals in ranks for deal in deals)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_one_item_in_many_rows_takes_few_batches_more_than_the_bound(share):
    """Before, every further try had one step in 64 more, of even size: up to twice the bound, in a thousand times as
    long.
    """
    rng = np.random.default_rng(0)
    rows = 16_384
    items = (rng.random(rows) ** 3 * rows / 4).astype(int) + 1
    items[rng.random(rows) < share] = 0
    table = cr.Table(query=rng.integers(0, rows // 6, rows), item=items)
    stage = cr.ConflictFree(256)
    (deals,) = deals_of(stage, table)
    known = cr.Pairs().known_in(table)
    assert sorted(np.concatenate([deal.ids for deal in deals]).tolist()) == list(range(rows))
    assert all(collisions(table, deal.ids, known) == 0 for deal in deals)
    assert stage.least_batches(table) <= len(deals) <= 1.04 * stage.least_batches(table)


def test_batches_beyond_the_fewest_are_alike_where_conflicts_allow_it():
    rng = np.random.default_rng(0)
    table = cr.Table(query=rng.integers(0, 8_000, 20_000), item=rng.integers(0, 8_000, 20_000))
    ranks = deals_of(cr.ConflictFree(256), table, world_size=8)
    sizes = [len(deal) for deals in ranks for deal in deals]
    assert len(sizes) <= 8 * 22
    assert max(sizes) - min(sizes) <= 2


def travelling(query, item):
    @dataclass(frozen=True)
    class Adds:
        name: str = "adds"

        def plan(self, batches, context):
            return batches.with_columns(query=query[batches.indices], item=item[batches.indices])

    return Adds()


def test_pairs_that_travel_are_kept_apart_though_the_table_does_not_know_them():
    """Equal queries, equal items, and an item that the table says is right for another row's query."""
    table = cr.Table(query=np.arange(6), item=np.arange(6) + 10)
    query, item = np.array([90, 90, 70, 71, 0, 80]), np.array([50, 51, 60, 60, 52, 10])
    for seed in range(8):
        plan = cr.chain(cr.Shuffle(), travelling(query, item), cr.ConflictFree(6))
        deals = list(cr.Dealer(plan, table, seed=seed))
        assert sorted(row for deal in deals for row in deal.ids.tolist()) == list(range(6))
        place = {row: number for number, deal in enumerate(deals) for row in deal.ids.tolist()}
        assert len(deals) == 2
        assert all(place[one] != place[two] for one, two in ((0, 1), (2, 3), (4, 5)))


def test_pairs_of_columns_that_only_travel_need_no_column_in_the_table():
    graph_pairs = cr.Pairs(known=cr.KnownPositives.of([0], [1]))
    query, item = np.array([3, 3, 0, 5]), np.array([7, 8, 9, 1])
    plan = cr.chain(cr.Shuffle(), travelling(query, item), cr.ConflictFree(4, graph_pairs))
    deals = list(cr.Dealer(plan, cr.Table(size=4), seed=0))
    place = {row: number for number, deal in enumerate(deals) for row in deal.ids.tolist()}
    assert len(deals) == 2
    assert all(place[one] != place[two] for one, two in ((0, 1), (2, 3)))


@pytest.mark.parametrize(
    ("columns", "text"),
    [
        (
            {"more": np.full(4, 0.5)},
            r"table column 'more' must hold items, whole numbers, .* got dtype float64; number",
        ),
        (
            {"more": np.full(4, -2)},
            r"table column 'more' must hold items below 2\*\*62, and -1 for none, got -2; number",
        ),
        (
            {"more": np.zeros((4, 1, 1), int)},
            r"'more' must hold one item a row, or a list of them, got shape \(4, 1, 1",
        ),
        ({"item": None}, r"table column 'item' must be there, got columns 'query'"),
    ],
)
def test_columns_that_cannot_be_used_are_refused_when_the_dealer_is_made(columns, text):
    facts = {"query": np.arange(4), "item": np.arange(4), **columns}
    table = cr.Table(**{name: values for name, values in facts.items() if values is not None})
    plan = cr.chain(cr.Shuffle(), cr.ConflictFree(2, also="more"))
    with pytest.raises(BadTable, match=text):
        cr.Dealer(plan, table, seed=0)


@pytest.mark.parametrize(
    ("also", "text"),
    [
        (
            [[0.5], [1.0]],
            r"'also' must hold items, whole numbers, and -1 for none, got dtype float64; number the items",
        ),
        ([["a"], ["b"]], r"'also' must hold items, whole numbers, .*, got strings, which are categories of their own"),
        (np.array([[2**64 - 1], [0]], np.uint64), r"'also' must hold items below 2\*\*62, .* got 18446744073709551615"),
    ],
)
def test_further_items_that_are_none_are_refused(also, text):
    """Rounded or wrapped to -1 they would be no items, and their conflicts be overlooked."""
    table = cr.Table(query=[0, 1], item=[0, 1], also=also)
    with pytest.raises(BadTable, match=text):
        deals_of(cr.ConflictFree(2, also="also"), table)


def test_a_batch_size_of_numpy_is_a_number():
    table = cr.Table(query=np.arange(5), item=np.arange(5))
    (deals,) = deals_of(cr.ConflictFree(np.int64(2)), table)
    assert [deal.ids.size for deal in deals] == [2, 2, 1]


def test_a_further_column_that_no_stage_adds_is_refused():
    table = cr.Table(query=np.arange(4), item=np.arange(4))
    dealer = cr.Dealer(cr.chain(cr.Shuffle(), cr.ConflictFree(2, also="negatives")), table, seed=0)
    text = r"'negatives' must be there, or be added by an earlier stage, got columns 'query', 'item'; name anoth"
    with pytest.raises(BadTable, match=text):
        dealer.first()


def test_travelling_pairs_that_are_no_whole_numbers_are_refused():
    table = cr.Table(query=np.arange(4), item=np.arange(4))
    plan = cr.chain(cr.Shuffle(), travelling(np.arange(4) - 1, np.arange(4)), cr.ConflictFree(2))
    with pytest.raises(BadTable, match=r"table column 'query' must hold whole numbers >= 0, one a row, got .* from -1"):
        cr.Dealer(plan, table, seed=0).first()
