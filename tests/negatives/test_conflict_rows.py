from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.core.stage import Context
from croupier.negatives.conflict_rows import ConflictRows, prepare_rows

PAIRS = cr.Pairs()
ids = st.integers(0, 6)


def asks(found, row):
    query = int(found.queries[row])
    return set(found.right[found.offsets[query] : found.offsets[query + 1]].tolist()) if query >= 0 else set()


def conflicting(rows, count):
    found = rows.conflicts(0, count)
    return {(one, two) for one in range(count) for two in range(count)
            if one != two and asks(found, one) & set(found.items[two].tolist())}  # fmt: skip


def expected(query, items, right):
    count = len(query)
    return {(one, two) for one in range(count) for two in range(count)
            if one != two and any((query[one], item) in right for item in items[two])}  # fmt: skip


@given(st.lists(st.tuples(ids, ids, st.integers(-1, 6)), min_size=2, max_size=20), st.sets(st.tuples(ids, ids)),
       st.booleans(), st.sampled_from([None, "more"]), st.randoms(use_true_random=False))  # fmt: skip
def test_conflicts_are_those_of_the_definition_whether_columns_travel_or_not(rows, known, travels, also, random):
    """Rows may be dealt twice; travelling pairs count as right besides what the table and the pairs know."""
    query, item, more = np.array(rows).T
    beyond = cr.KnownPositives.of([one for one, _ in known], [one for _, one in known]) if known else None
    pairs = cr.Pairs(known=beyond)
    table = cr.Table(query=query, item=item, more=more)
    chosen = np.array([random.randrange(len(rows)) for _ in rows])
    batches = cr.Batches.of(chosen)
    right = {*known, *zip(query.tolist(), item.tolist(), strict=True)}
    query, item, more = query[chosen], item[chosen], more[chosen]
    if travels:
        item = (item * 3 + 1) % 9
        batches = batches.with_columns(item=item)
        right |= set(zip(query.tolist(), item.tolist(), strict=True))
    found = ConflictRows.of(batches, Context(table, cr.Key(0), prepared=prepare_rows(table, pairs, also)), pairs, also)
    items = [(one, two) if also and two >= 0 else (one,) for one, two in zip(item.tolist(), more.tolist(), strict=True)]
    assert conflicting(found, len(rows)) == expected(query.tolist(), items, right)


def test_rows_that_share_nothing_have_no_number_where_each_is_dealt_once():
    table = cr.Table(query=[0, 1, 2, 3], item=[5, 5, 6, 7])
    prepared = prepare_rows(table, PAIRS, None)
    assert ((prepared["queries"] >= 0) & (prepared["items"] >= 0)).tolist() == [True, True, False, False]
    twice = ConflictRows.of(cr.Batches.of([2, 2, 3]), Context(table, cr.Key(0), prepared=prepared), PAIRS, None)
    assert conflicting(twice, 3) == {(0, 1), (1, 0)}
