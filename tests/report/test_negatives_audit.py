"""Audits of loaders of many kinds: planted leaks are found to the last, and clean ones have none."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import croupier as cr
from croupier.errors import BadArgument

RNG = np.random.default_rng(3)
ROWS, QUERIES, ITEMS = 600, 200, 300
TABLE = cr.Table(query=RNG.integers(0, QUERIES, ROWS), item=RNG.zipf(1.6, ROWS) % ITEMS)
PAIRS = cr.Pairs()
KNOWN = PAIRS.known_in(TABLE)
OWN = cr.AuditScope(cr.Contrast.OWN, items=ITEMS)


def mined(batches=20, rows=30, count=4):
    """Batches with negatives that are none of the known positives."""
    sampler = cr.NegativeSampler(ITEMS, KNOWN)
    for number in range(batches):
        at = np.random.default_rng(number).integers(0, ROWS, rows)
        queries = TABLE.column("query")[at]
        yield queries, TABLE.column("item")[at], sampler.draw(queries, count, key=cr.Key(number)).items


@pytest.mark.parametrize("planted", [0, 1, 17])
def test_planted_leaks_are_found_to_the_last(planted):
    batches = [(queries, items, negatives.copy()) for queries, items, negatives in mined()]
    for place in np.random.default_rng(planted).choice(20 * 30 * 4, planted, replace=False):
        queries, _, negatives = batches[place // 120]
        row, column = divmod(place % 120, 4)
        negatives[row, column] = KNOWN.of_query(int(queries[row]))[-1]
    audit = cr.audit_negatives(iter(batches), KNOWN, scope=OWN)
    assert audit.leaks.explicit_leaks == planted
    assert (audit.leaks.explicit, audit.leaks.in_batch) == (2400, 0)
    assert audit.leaks.rate == planted / 2400
    if audit.leaks.first is not None:
        batch, query, item = audit.leaks.first
        assert item in KNOWN.of_query(query)
        assert query in batches[batch][0]


def test_a_dealer_is_audited_by_its_pairs():
    def dealer():
        plan = cr.chain(cr.Shuffle(), cr.RandomNegatives(3, ITEMS), cr.FixedSize(32))
        return cr.Dealer(plan, TABLE, seed=1)

    audit = cr.audit_negatives(dealer(), PAIRS)
    by_hand = cr.audit_negatives(
        list(dealer()), KNOWN, rows_of=cr.rows_of_deals(TABLE, PAIRS), scope=cr.AuditScope(rows=ROWS)
    )
    assert audit == by_hand
    assert (audit.dealt.batches, audit.dealt.rows, audit.dealt.rows_never_dealt) == (19, ROWS, 0)
    assert (audit.leaks.explicit, audit.leaks.explicit_leaks) == (3 * ROWS, 0)
    assert audit.leaks.in_batch_leaks > 0
    assert audit.dealt.duplicate_items > 0


def test_rows_never_dealt_are_counted():
    plan = cr.chain(cr.Subset(cr.Shuffle(), range(100)), cr.FixedSize(10))
    assert cr.audit_negatives(cr.Dealer(plan, TABLE, seed=1), PAIRS).dealt.rows_never_dealt == ROWS - 100


def test_a_data_loader_is_audited_by_what_a_batch_says():
    examples = [{"user": query, "film": item} for query, item in zip(*KNOWN.pairs, strict=True)]
    loader = DataLoader(examples, batch_size=32, shuffle=True, generator=torch.Generator().manual_seed(0))
    audit = cr.audit_negatives(loader, KNOWN, rows_of=lambda batch: (batch["user"], batch["film"]))
    expected = contrasts = 0
    loader.generator.manual_seed(0)
    for batch in loader:
        users, films = batch["user"].tolist(), batch["film"].tolist()
        contrasts += len(users) * (len(users) - 1)
        expected += sum(
            film in KNOWN.of_query(user) for i, user in enumerate(users) for j, film in enumerate(films) if i != j
        )
    assert (audit.leaks.in_batch, audit.leaks.in_batch_leaks) == (contrasts, expected)
    assert expected > 0


def test_batches_without_duplicate_texts_still_leak():
    """The sampler compares texts alone: it does not know that one row's passage is right for another row's question."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = pytest.importorskip("sentence_transformers.sampler").NoDuplicatesBatchSampler
        queries, items = KNOWN.pairs
        dataset = pytest.importorskip("datasets").Dataset.from_dict(
            {"question": [f"question {query}" for query in queries], "passage": [f"passage {item}" for item in items]}
        )
        batches = list(sampler(dataset, 32, drop_last=False, generator=torch.Generator().manual_seed(0), seed=0))
    audit = cr.audit_negatives(batches, KNOWN, rows_of=lambda rows: (queries[rows], items[rows]))
    assert (audit.dealt.duplicate_queries, audit.dealt.duplicate_items) == (0, 0)
    assert audit.leaks.in_batch_leaks > 0
    # The same texts by content ids, as a user without ids has them.
    questions, passages = cr.content_ids(dataset["question"], dataset["passage"])
    by_text = cr.audit_negatives(
        batches, cr.KnownPositives.of(questions, passages), rows_of=lambda rows: (questions[rows], passages[rows])
    )
    assert by_text.leaks.in_batch_leaks == audit.leaks.in_batch_leaks


def test_suspected_false_negatives_are_those_that_were_hidden():
    """Items right for a query lie beside it; a third of the pairs is hidden from what is known."""
    vectors = np.random.default_rng(0).normal(size=(QUERIES, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    right = np.arange(2 * QUERIES)
    embedded = cr.Embedded(
        vectors, np.repeat(vectors, 2, axis=0) + 1e-3 * np.random.default_rng(1).normal(size=(400, 16))
    )
    shown = cr.KnownPositives.of(right[::2] // 2, right[::2])
    hidden = np.arange(0, QUERIES, 3)
    negatives = np.where(np.isin(np.arange(QUERIES), hidden), 2 * np.arange(QUERIES) + 1, (right[::2] + 8) % 400)
    audit = cr.audit_negatives(
        [(np.arange(QUERIES), right[::2], negatives)], shown,
        scope=cr.AuditScope(cr.Contrast.OWN, margin=0.05), embedded=embedded,
    )  # fmt: skip
    assert audit.leaks.explicit_leaks == 0
    assert audit.hardness.suspected == pytest.approx(hidden.size / QUERIES)
    assert 0 < audit.hardness.above_positive < audit.hardness.suspected


FINE = [([0, 1], [2, 3])]
FINE_ROW = {"queries": [0], "items": [1], "rows": [9]}
VECTORS = cr.Embedded(np.eye(2), np.eye(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cr.audit_negatives(7, KNOWN), r"batches must be iterable, got 7; pass a loader, or a list of"),
        (lambda: cr.audit_negatives(FINE, {0: [2]}), r"known must be KnownPositives, got \{0: \[2\]\}; pass Pairs"),
        (lambda: cr.audit_negatives(FINE, PAIRS), r"known must be KnownPositives, got Pairs\(.*; pass Pairs with"),
        (lambda: cr.audit_negatives(FINE, KNOWN, rows_of="film"), r"rows_of must be callable, got 'film'; pass lambda"),
        (lambda: cr.audit_negatives(FINE, KNOWN, scope=OWN.contrast), r"scope must be an AuditScope, got <Contrast.O"),
        (
            lambda: cr.audit_negatives(FINE, KNOWN, embedded=np.eye(2)),
            r"embedded must be Embedded, got 'ndarray'; pass",
        ),
        (lambda: cr.audit_negatives(FINE, KNOWN, mined_with=VECTORS), r"mined_with must come with embedded, got no em"),
        (lambda: cr.audit_negatives([], KNOWN), r"batches must have negatives, got 0 batches with nothing to contrast"),
        (lambda: cr.audit_negatives([([0], [1])], KNOWN), r"got 1 batches with nothing to contrast; give negatives, m"),
        (lambda: cr.audit_negatives([3], KNOWN), r"batch 0 must be a mapping or a tuple \(queries, items\[, negatives"),
        (
            lambda: cr.audit_negatives([FINE_ROW], KNOWN, scope=cr.AuditScope(rows=9)),
            r"rows of batch 0 must be below 9, got 9; mend scope.rows",
        ),
        (
            lambda: cr.audit_negatives(cr.Dealer(cr.chain(cr.Shuffle(), cr.FixedSize(4)), TABLE, seed=0), KNOWN),
            r"batch 0 must be .* got 'Deal'; audit a Dealer with its Pairs, or pass rows_of=rows_of_deals",
        ),
    ],
)
def test_first_users_are_told_what_to_do(call, message):
    with pytest.raises(BadArgument, match=message):
        call()


def test_a_number_is_no_batches_and_a_class_no_function():
    with pytest.raises(BadArgument, match=r"batches must be iterable, got array\(3\)"):
        cr.audit_negatives(np.array(3), KNOWN, scope=OWN)
    with pytest.raises(BadArgument, match=r"rows_of must be callable, got <class 'dict'>"):
        cr.audit_negatives(FINE, KNOWN, rows_of=dict, scope=OWN)
