from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
import mined_elsewhere
from croupier.errors import BadArgument

DTYPES = st.sampled_from([np.float32, np.float16])
LIMITS = ("max_score", "min_score", "absolute_margin", "relative_margin")


def by_options(case):
    """Our rules for the options of mine_hard_negatives."""
    window = cr.RankWindow(case.get("range_min", 0), case.get("range_max"))
    limits = cr.ScoreLimits(**{name: case[name] for name in LIMITS if name in case})
    return cr.MiningRules(case.get("num_negatives", 3), window, limits)


def ours(case, search=None):
    queries, corpus = mined_elsewhere.embeddings()
    known = cr.KnownPositives.of(*zip(*mined_elsewhere.pairs(), strict=True))
    rescore = mined_elsewhere.rescored if "rescore" in case else None
    return cr.mine(cr.Queries(np.arange(len(queries)), queries), corpus, known, by_options(case), search, rescore)


def assert_answers(found, wanted):
    for items, scores, (their_items, their_scores) in zip(found.items, found.scores, wanted, strict=True):
        assert items[items >= 0].tolist() == their_items
        np.testing.assert_allclose(scores[items >= 0], their_scores, rtol=0, atol=2e-6)
        assert np.isnan(scores[items < 0]).all()


@pytest.mark.parametrize("name", list(mined_elsewhere.CASES))
def test_the_answers_are_those_recorded_of_sentence_transformers(name):
    wanted = json.loads(mined_elsewhere.RECORD.read_text())[name]
    assert_answers(ours(mined_elsewhere.CASES[name]), wanted)


def test_the_answers_are_those_of_the_sentence_transformers_that_is_installed():
    pytest.importorskip("sentence_transformers", reason="a peer, not needed otherwise")
    for name, wanted in mined_elsewhere.answers().items():
        assert_answers(ours(mined_elsewhere.CASES[name]), wanted)


@pytest.mark.parametrize("name", ["all at once", "rescored, margins", "more than there are"])
def test_flat_index_and_small_blocks_give_the_same(name, monkeypatch):
    pytest.importorskip("faiss", reason="faiss is an extra")
    case = mined_elsewhere.CASES[name]
    whole = ours(case)
    searches = [cr.FlatIndex(), cr.ExactSearch(2**20)]
    from croupier.negatives import exact_search

    monkeypatch.setattr(exact_search, "QUERIES", 5)
    for search in searches:
        found = ours(case, search)
        assert found.items.tolist() == whole.items.tolist()
        assert found.scores.tobytes() == whole.scores.tobytes()
        assert found.positive_scores.tobytes() == whole.positive_scores.tobytes()
        assert found.ledger == whole.ledger


def oracle(query, vector, corpus, positives, rules, width, last_rank):
    """One query, in the order of the sentences of mine's docstring."""
    scores = {item: np.float32(np.dot(corpus[item].astype(float), vector.astype(float))) for item in range(len(corpus))}
    nearest = sorted(scores, key=lambda item: (-scores[item], item))[:width]
    left = [item for item in nearest if item not in positives]
    lowest = min((scores[item] for item in positives), default=np.float32(np.nan))
    for name in ("absolute_margin", "relative_margin", "max_score", "min_score"):
        value = getattr(rules.limits, name)
        if value is not None:
            is_bad = {
                "absolute_margin": lambda s, v: s + v > lowest,
                "relative_margin": lambda s, v: s > lowest - abs(lowest) * v,
                "max_score": lambda s, v: s > v,
                "min_score": lambda s, v: s < v,
            }[name]
            left = [item for item in left if not is_bad(scores[item], np.float32(value))]
    return left[rules.window.range_min : last_rank][: rules.per_query], lowest


@given(
    st.integers(1, 8),
    st.integers(1, 30),
    st.integers(1, 4),
    st.integers(0, 3),
    st.tuples(*[st.none() | st.sampled_from([-1.0, 0.0, 0.5, 2.0])] * 4),
    DTYPES,
    st.integers(0, 2**31),
)
def test_it_does_what_its_sentences_say_ties_too(queries, items, per_query, range_min, limits, dtype, seed):
    generator = np.random.default_rng(seed)
    asked = generator.integers(-2, 3, (queries, 2)).astype(dtype)  # whole numbers: scores are exact, ties many
    corpus = generator.integers(-2, 3, (items, 2)).astype(dtype)
    ids = generator.permutation(100)[:queries]
    positives = {int(one): set(generator.integers(0, items, generator.integers(1, 4)).tolist()) for one in ids}
    known = cr.KnownPositives.of(*zip(*[(q, item) for q, found in positives.items() for item in found], strict=True))
    rules = cr.MiningRules(per_query, cr.RankWindow(range_min), cr.ScoreLimits(*limits), cosine=False)
    found = cr.mine(cr.Queries(ids, asked), corpus, known, rules)
    most = max(map(len, positives.values()))
    last = rules.ranks(most_positives=most, is_rescored=False)
    short = 0
    for row, query in enumerate(ids.tolist()):
        wanted, lowest = oracle(query, asked[row], corpus, positives[query], rules, last + most, last)
        assert found.items[row].tolist() == wanted + [-1] * (per_query - len(wanted))
        assert found.positive_scores[row] == lowest
        short += len(wanted) < per_query
    assert found.ledger.ids("queries with fewer negatives than asked for") == short
    assert found.item_count == items


def test_the_ledger_counts_what_each_filter_took():
    corpus = np.array([[1.0], [0.9], [0.8], [0.7], [0.6], [0.5], [0.4]], np.float32)
    rules = cr.MiningRules(
        1, cr.RankWindow(1, 7), cr.ScoreLimits(max_score=0.85, min_score=0.45, absolute_margin=0.05), cosine=False
    )
    found = cr.mine(cr.Queries([3], np.ones((1, 1), np.float32)), corpus, cr.KnownPositives.of([3], [1]), rules)
    assert str(found.ledger).splitlines() == [
        "mining: 1 ids left out: absolute_margin",
        "mining: 1 ids left out: known positive",
        "mining: 1 ids left out: min_score",
        "mining: 1 ids passed over: below range_min",
    ]
    assert found.items.tolist() == [[3]]


def test_random_negatives_of_the_window_come_in_order_of_their_score():
    generator = np.random.default_rng(0)
    vectors = generator.standard_normal((60, 6)).astype(np.float32)
    known = cr.KnownPositives.of(np.arange(20), np.arange(20))
    rules = cr.MiningRules(4, cr.RankWindow(5, 25), choice=cr.RandomOfWindow(1), cosine=False)
    all_in_window = cr.MiningRules(20, cr.RankWindow(5, 25), cosine=False)
    queries = cr.Queries(np.arange(20), vectors[:20])
    found, window = cr.mine(queries, vectors, known, rules), cr.mine(queries, vectors, known, all_in_window)
    assert all(set(one) <= set(other) for one, other in zip(found.items.tolist(), window.items.tolist(), strict=True))
    assert (np.diff(found.scores, axis=1) <= 0).all()
    assert not (np.diff(found.items, axis=1) == 0).any()
    assert found.items.tolist() != window.items[:, :4].tolist()


def test_a_query_without_positives_is_mined_where_no_margin_asks_for_one():
    corpus = np.eye(4, dtype=np.float32)
    known = cr.KnownPositives.of([8], [0])
    found = cr.mine(cr.Queries([9, 8], corpus[:2]), corpus, known, cr.MiningRules(1))
    assert found.items.tolist() == [[0], [1]]
    assert np.isnan(found.positive_scores[0])
    text = r"known must have a positive to measure a margin from, got none for query 9 \(1 such queries\); leave these"
    with pytest.raises(BadArgument, match=text):
        cr.mine(
            cr.Queries([9, 8], corpus[:2]), corpus, known, cr.MiningRules(1, limits=cr.ScoreLimits(relative_margin=0.1))
        )


def test_rescoring_sees_each_candidate_once_and_never_a_known_positive_as_candidate():
    seen = []

    def rescore(queries, items):
        seen.extend(zip(queries.tolist(), items.tolist(), strict=True))
        return mined_elsewhere.rescored(queries, items)

    corpus = np.eye(5, dtype=np.float32)
    known = cr.KnownPositives.of([1, 2], [0, 1])
    cr.mine(cr.Queries([1, 2], corpus[:2]), corpus, known, cr.MiningRules(2), rescore=rescore)
    assert sorted(seen) == [(query, item) for query in (1, 2) for item in range(5)]


@pytest.mark.parametrize(
    "scores", [lambda _, items: np.zeros(items.size + 1), lambda _, items: np.full(items.size, np.nan)]
)
def test_scores_that_are_none_are_refused(scores):
    corpus = np.eye(5, dtype=np.float32)
    known = cr.KnownPositives.of([1, 1], [0, 1])
    with pytest.raises(
        BadArgument, match=r"rescore must return a finite score for each pair, got shape \(\d,\), \d not f"
    ):
        cr.mine(cr.Queries([1], corpus[:1]), corpus, known, rescore=scores)


CORPUS = np.eye(3, dtype=np.float32)
KNOWN = cr.KnownPositives.of([0], [1])
QUERIES = cr.Queries([0], CORPUS[:1])


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((CORPUS, CORPUS, KNOWN), r"queries must be Queries, got array(.|\n)*; see the example of mine"),
        ((QUERIES, CORPUS, [(0, 1)]), r"known must be KnownPositives, got \[\(0, 1\)\]"),
        ((QUERIES, CORPUS, KNOWN, 0), r"rules must be MiningRules, got 0"),
        ((QUERIES, CORPUS, KNOWN, None, None, 3), r"rescore must be a function of query ids and items, or None, got 3"),
        (
            (QUERIES, CORPUS, KNOWN, None, None, lambda *_: "a"),
            r"rescore must return numbers, got dtype <U1; mend the m",
        ),
        (
            (QUERIES, CORPUS, KNOWN, None, None, lambda *_: [[1], [1, 2]]),
            r"rescore must be an array, got a list that Nu",
        ),
        (
            (QUERIES, CORPUS, KNOWN, None, None, lambda ids, _: np.full(ids.size, 1e300)),
            r"rescore must return a finite score for each pair, got shape",
        ),
        ((QUERIES, CORPUS, KNOWN, 5), r"rules must be MiningRules, got 5"),
        ((QUERIES, CORPUS, KNOWN, None, "flat"), r"search must be Search, got 'flat'"),
        (
            (QUERIES, CORPUS.tolist(), KNOWN),
            r"corpus must be a 2-D float32 or float16 array, or one mapped from a file",
        ),
        (
            (QUERIES, 2 * CORPUS, KNOWN),
            r"corpus must have rows of length 1 where scores are cosines, got length 2 in row 0",
        ),
        ((QUERIES, CORPUS[:, :2], KNOWN), r"queries must have 2 numbers a row, as items have, got shape \(1, 3\)"),
        ((QUERIES, CORPUS[:1], KNOWN), r"known must have items below the 1 of the corpus, got item 1; embed every pos"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, text):
    with pytest.raises(BadArgument, match=text):
        cr.mine(*arguments)


def test_queries_are_ids_and_rows():
    with pytest.raises(BadArgument, match=r"embeddings must have a row for each id, got 2 rows for 1 ids; pass both"):
        cr.Queries([0], CORPUS[:2])
    with pytest.raises(BadArgument, match=r"embeddings must be a 2-D array, .*, got 'Tensor'; write .detach\(\).cpu"):
        cr.Queries([0, 1], torch.ones(2, 2))
    with pytest.raises(BadArgument, match=r"ids must hold each query once, got query 4 again; mine for it once"):
        cr.Queries([4, 1, 4], CORPUS)
    with pytest.raises(BadArgument, match=r"ids must be a 1-D array of whole numbers"):
        cr.Queries([0.5], CORPUS[:1])
