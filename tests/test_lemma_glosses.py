"""The task of the retrieval benchmark: what is held out, and how it is measured."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import lemma_glosses, wordnet

import croupier as cr


def test_recall_counts_all_that_is_right():
    asked = lemma_glosses.Asked(np.array([4, 7]), cr.KnownPositives.of([4, 7, 7, 7], [0, 1, 2, 3]))
    found = np.array([[5, 0], [1, 3]])
    assert lemma_glosses.recall_at(2, asked, found) == 1.0
    assert lemma_glosses.recall_at(1, asked, found) == 0.5
    assert lemma_glosses.recall_at(2, asked, np.array([[0, 5], [1, 9]])) == 0.75


def test_features_of_some_texts_are_those_of_each():
    texts = lemma_glosses.featured(["to be sure", "a", "be sure"])
    features, begins = texts.of(np.array([2, 0]))
    assert features[: begins[1]].tolist() == texts.of(np.array([2]))[0].tolist()
    assert set(features[: begins[1]]) < set(features[begins[1] :])
    assert int(features.max()) < lemma_glosses.FEATURES


def test_words_are_held_out_whole_and_glosses_are_one_where_equal():
    try:
        task = lemma_glosses.read_task()
    except wordnet.NotToBeHad as reason:
        pytest.skip(str(reason))
    assert (task.words.count, task.glosses.count, task.queries.size) == (15_919, 17_168, 24_516)
    parts = set(task.queries.tolist()), set(task.dev.queries.tolist()), set(task.test.queries.tolist())
    assert not parts[0] & parts[1] | parts[0] & parts[2] | parts[1] & parts[2]
    assert len(set.union(*parts)) == task.words.count
    for asked in (task.dev, task.test):
        assert set(asked.known.pairs[0].tolist()) == set(asked.queries.tolist())
