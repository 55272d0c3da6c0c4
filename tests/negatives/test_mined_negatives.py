from __future__ import annotations

import json

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument, BadState
from croupier.negatives import mined_negatives

ROWS, ITEMS = 240, 50


def table():
    rng = np.random.default_rng(0)
    return cr.Table(query=np.arange(ROWS) // 4, item=rng.integers(0, ITEMS, ROWS))


def mined(seed, width=12):
    """For every query but 7: items and scores that say which version they are of; known positives among them."""
    rng = np.random.default_rng(seed)
    queries = np.setdiff1d(np.arange(ROWS // 4), [7])[rng.permutation(ROWS // 4 - 1)]
    items = np.stack([rng.permutation(ITEMS)[:width] for _ in queries])
    return cr.Mined(queries, items, seed + items / 100, np.ones(queries.size), item_count=ITEMS)


def run(stage=None, rank=0, world=1):
    plan = cr.chain(cr.Shuffle(), stage or cr.MinedNegatives(2, mined(0)), cr.FixedSize(6), segment_ids=48)
    return cr.Dealer(plan, table(), seed=5, rank=rank, world_size=world)


def check(deal, seed, version, pick=cr.Pick.AT_RANDOM):
    """Items are those of the version, none known, with their scores."""
    source, facts = mined(seed), table()
    known = cr.Pairs().known_in(facts)
    for row, items, scores, versions in zip(
        deal.ids, *(deal.columns[f"negative{name}"] for name in ("s", "_score", "_version")), strict=True
    ):
        query = int(facts.column("query")[row])
        place = np.flatnonzero(source.query_ids == query)
        lists = source.items[place[0]] if place.size else np.empty(0, int)
        usable = [item for item in lists.tolist() if not known.contains([query], [item])[0]]
        found = [item for item in items.tolist() if item >= 0]
        assert len(set(found)) == len(found) == min(2, len(usable))
        assert set(found) <= set(usable)
        assert versions.tolist() == [version] * 2
        assert scores[: len(found)] == pytest.approx(seed + np.array(found) / 100)
        if pick is cr.Pick.TOP:
            assert found == usable[:2]


@pytest.mark.parametrize("pick", list(cr.Pick))
def test_negatives_are_those_mined_for_the_query_and_not_known(pick):
    dealer = run(cr.MinedNegatives(2, mined(0), pick))
    for deal in dealer:
        check(deal, 0, 0, pick)
    assert dealer.ledger.ids("dealt with fewer negatives") == 4  # the rows of query 7


def test_a_version_that_is_adopted_is_drawn_from_and_a_resume_in_the_middle_draws_the_same(tmp_path):
    mined(3).save(tmp_path / "three")
    dealer = run()
    deals = iter(dealer)
    for _ in range(3):
        check(next(deals), 0, 0)
    dealer.adopt("mined_negatives", tmp_path / "three")
    for _ in range(13):
        check(next(deals), 0, 0)
    for _ in range(6):
        check(next(deals), 3, 1)
    state = json.loads(json.dumps(dealer.state_dict()))
    assert [entry[:4] for entry in state["refreshes"]] == [[["mined_negatives"], 2, 1, str(tmp_path / "three")]]
    rest = [(deal.ids.tolist(), deal.columns["negatives"].tolist()) for deal in [*deals, *dealer]]
    resumed = run()
    resumed.load_state_dict(state)
    assert [(deal.ids.tolist(), deal.columns["negatives"].tolist()) for deal in [*resumed, *resumed]] == rest
    mined(4).save(tmp_path / "four")
    (tmp_path / "three").rename(tmp_path / "old")
    (tmp_path / "four").rename(tmp_path / "three")
    with pytest.raises(BadState, match=r"must hold the version [0-9a-f]+ that the run used, got .*; keep"):
        run().load_state_dict(state)


def test_until_the_first_version_comes_there_are_none(tmp_path):
    dealer = run(cr.MinedNegatives(2))
    deals = iter(dealer)
    first = next(deals)
    assert first.columns["negatives"].tolist() == [[-1, -1]] * 6
    assert first.columns["negative_weight"].tolist() == [[0, 0]] * 6
    mined(3).save(tmp_path / "three")
    dealer.adopt("mined_negatives", tmp_path / "three")
    later = list(deals)
    check(later[-1], 3, 1)


def test_ranks_draw_what_one_process_draws(tmp_path):
    mined(3).save(tmp_path / "three")
    dealers = [run(rank=rank, world=2) for rank in range(2)]
    alone, both = run(), []
    passes, single = [iter(dealer) for dealer in dealers], iter(alone)
    for step in range(20):
        if step == 1:
            for dealer in (*dealers, alone):
                dealer.adopt("mined_negatives", tmp_path / "three")
        both += [next(deal_pass) for deal_pass in passes]
    one = list(single)
    drawn = {
        row: items for deal in both for row, items in zip(deal.ids, deal.columns["negatives"].tolist(), strict=True)
    }
    for deal in one[2 * 8 :]:  # from the segment on in which both have the version
        for row, items in zip(deal.ids, deal.columns["negatives"].tolist(), strict=True):
            assert drawn[row] == items


def test_bad_arguments_are_refused():
    with pytest.raises(BadArgument, match=r"mined must be Mined, got 'folder'; pass what mine\(\) or Mined.load"):
        cr.MinedNegatives(1, "folder")
    width = mined(0).items.shape[1]
    text = rf"per_example must be at most {width}, the length of the lists, got {width + 1}; mine more, MiningRules\("
    with pytest.raises(BadArgument, match=text):
        cr.MinedNegatives(width + 1, mined(0))
    with pytest.raises(BadArgument, match="pick must be a Pick"):
        cr.MinedNegatives(1, pick="top")


@pytest.mark.parametrize(("width", "dtype"), [(1, "uint8"), (256, "uint8"), (257, "uint16")])
def test_lists_hold_places_in_as_few_bytes_as_they_take(monkeypatch, width, dtype):
    monkeypatch.setattr(mined_negatives, "CHUNK_ROWS", 7)
    rng = np.random.default_rng(0)
    items = np.stack([rng.permutation(300)[:width] for _ in range(20)])
    items[rng.random(items.shape) < 0.2] = -1
    facts = cr.Table(query=np.arange(20), item=items[np.arange(20), 0].clip(0))
    found = cr.Mined(np.arange(20), items, np.zeros(items.shape), np.ones(20), item_count=300)
    lists = cr.MinedNegatives(1, found).prepare(facts, cr.Key(0), 0)["lists"]
    assert lists.places.dtype == dtype
    usable = (items >= 0) & (items != facts.column("item")[:, None])
    for row in range(20):
        have = int(lists.have[row])
        assert have == usable[row].sum()
        ranks = np.arange(have)
        assert lists.at(np.array([row]), ranks[None])[0][0].tolist() == items[row][usable[row]].tolist()


def test_an_item_that_was_mined_twice_counts_once():
    found = cr.Mined([0], [[5, 5, 6]], np.ones((1, 3)), [1.0], item_count=7)
    plan = cr.chain(cr.Sequential(), cr.MinedNegatives(2, found), cr.FixedSize(1))
    dealer = cr.Dealer(plan, cr.Table(query=[0], item=[0]), seed=0)
    assert {tuple(sorted(deal.columns["negatives"][0].tolist())) for _ in range(9) for deal in dealer} == {(5, 6)}
