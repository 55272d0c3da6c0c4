from __future__ import annotations

import numpy as np

from croupier.demo.corpus import MAX_TOKENS, VOCABULARY, load_corpus


def test_it_is_real_text_with_a_heavy_tail_and_unequal_domains(library):
    lengths = library.lengths
    assert len(library) == 2000
    assert 2 <= lengths.min() <= lengths.max() <= MAX_TOKENS
    assert lengths.mean() > 1.5 * np.median(lengths)
    counts = np.unique(library.domains, return_counts=True)[1]
    assert counts.max() > 20 * np.median(counts)
    assert 0 < library.tokens.min() <= library.tokens.max() < VOCABULARY


def test_no_text_is_on_both_sides(library):
    train, held_out = library.split(0.1)
    assert len(train) + len(held_out) == len(library)
    assert 100 < len(held_out) < 350
    texts = {train[i].tobytes() for i in range(len(train))}
    assert not any(held_out[i].tobytes() in texts for i in range(len(held_out)))


def test_another_process_reads_the_same(library, tmp_path):
    library.save(tmp_path / "corpus.npz")
    again = load_corpus(tmp_path / "corpus.npz")
    assert np.array_equal(again.tokens, library.tokens)
    assert np.array_equal(again.offsets, library.offsets)
    assert again.domains == library.domains
    assert again.table().size == 2000
