"""The retrieval task of ``retrieval.py``: words of WordNet's verbs and adverbs, and the glosses they mean.

A query is a word, an item is a gloss; equal texts are one. Words are held out whole, so a query that is measured was
never trained on, though its gloss was where that has another word.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

import croupier as cr
from benchmarks.wordnet import synsets

PARTS = ("verb", "adv")
"""Chosen for their many meanings a word: two of three pairs are of a word with more than one gloss."""
FEATURES = 2**14
GRAMS = (3, 4)

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Texts:
    """Numbers of the features of each text, ``features[offsets[i] : offsets[i + 1]]`` those of text i."""

    features: Int64
    offsets: Int64

    @property
    def count(self) -> int:
        return self.offsets.size - 1

    def of(self, rows: Int64) -> tuple[Int64, Int64]:
        """Features of these texts in turn, and where each begins."""
        sizes = self.offsets[rows + 1] - self.offsets[rows]
        ends = np.cumsum(sizes)
        places = np.arange(ends[-1]) + np.repeat(self.offsets[rows] - (ends - sizes), sizes)
        return self.features[places], ends - sizes


@dataclass(frozen=True)
class Asked:
    """Words that are held out, each once, and the glosses that are right for them."""

    queries: Int64
    known: cr.KnownPositives


@dataclass(frozen=True)
class Task:
    """``queries[i]`` is right answered by ``items[i]`` in training; learning rates are chosen on ``dev`` alone."""

    words: Texts
    glosses: Texts
    queries: Int64
    items: Int64
    dev: Asked
    test: Asked

    @property
    def known(self) -> cr.KnownPositives:
        """What training knows."""
        return cr.KnownPositives.of(self.queries, self.items)


def read_task(share: float = 1.0) -> Task:
    """A tenth of the words for ``dev``, another for ``test``; with ``share`` below 1, so many of the synsets.

    Raises
    ------
    NotToBeHad
        WordNet is not there and cannot be fetched.
    """
    found = [one for one in synsets() if one.part in PARTS]
    limit = np.uint64(min(share, 0.999) * 2**63) * np.uint64(2)
    is_drawn = cr.draws(cr.Key(0).child("synsets").bits, np.arange(len(found))) < limit
    found = [one for one, drawn in zip(found, is_drawn.tolist(), strict=True) if drawn or share >= 1]
    pairs = [(word.lower(), one.gloss.lower()) for one in found for word in one.words]
    (queries,), (items,) = cr.content_ids([word for word, _ in pairs]), cr.content_ids([gloss for _, gloss in pairs])
    words, glosses = (list(dict.fromkeys(texts)) for texts in zip(*pairs, strict=True))
    tenth = cr.draws(cr.Key(0).child("held out").bits, np.arange(len(words))) % np.uint64(10)
    dev, test = (
        Asked(np.flatnonzero(tenth == part), _known(queries, items, tenth[queries] == part)) for part in (0, 1)
    )
    is_train = tenth[queries] > 1
    return Task(featured(words), featured(glosses), queries[is_train], items[is_train], dev, test)


def featured(texts: Sequence[str]) -> Texts:
    """Each token of a text, and its n-grams of 3 and 4 letters with its ends marked, hashed."""
    known: dict[str, Int64] = {}
    rows = [[_token(token, known) for token in text.split()] for text in texts]
    flat = [np.concatenate(row) for row in rows]
    offsets = np.zeros(len(flat) + 1, np.int64)
    np.cumsum([one.size for one in flat], out=offsets[1:])
    return Texts(np.concatenate(flat), offsets)


def recall_at(count: int, asked: Asked, found: Int64) -> float:
    """The share of a word's glosses among the first ``count`` found, at most all that fit; the mean over words.

    ``found`` has shape (words, count).
    """
    is_right = asked.known.contains(np.repeat(asked.queries, count), found[:, :count].ravel()).reshape(-1, count)
    return float((is_right.sum(axis=1) / np.minimum(_positives(asked), count)).mean())


def _positives(asked: Asked) -> Int64:
    return asked.known.counts[asked.known.queries.numbers(asked.queries)]


def _known(queries: Int64, items: Int64, is_wanted: npt.NDArray[np.bool_]) -> cr.KnownPositives:
    return cr.KnownPositives.of(queries[is_wanted], items[is_wanted])


def _token(token: str, known: dict[str, Int64]) -> Int64:
    if token not in known:
        marked = f"<{token.strip('();,.:')}>"
        grams = [marked[i : i + n] for n in GRAMS for i in range(len(marked) - n + 1)]
        known[token] = np.array(sorted({zlib.crc32(gram.encode()) % FEATURES for gram in (*grams, marked)}), np.int64)
    return known[token]
