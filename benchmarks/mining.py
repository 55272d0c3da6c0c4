"""Mining hard negatives on WordNet: the words of a synset ask for its gloss among all glosses.

Needs `tokenizers` for the embeddings, and `sentence-transformers`, `datasets` and `faiss` for the peers; encoding is in
nobody's time. Every contender runs in a process of its own, whose memory beyond the embeddings is measured.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import croupier as cr
from benchmarks.child import Cost, in_child
from benchmarks.harness import OURS, Reach, Row, row, say
from benchmarks.wordllama import embedded, words_and_glosses
from benchmarks.wordnet import NotToBeHad

PEER = "sentence-transformers"
FAISS = "faiss, the search alone"
ALL, QUICK = 2**20, 2**13
NEGATIVES = 5
RELATIVE_MARGIN = 0.05
PACKAGES = ("sentence-transformers", "faiss-cpu", "torch")
SAME_WITHIN = 1e-5
"""Scores that differ by less are equal but for the rounding of a matrix product in float32."""


def rows(*, quick: bool) -> Iterator[Row]:
    """Time, memory, and whether the answers are the same."""
    asked = QUICK if quick else ALL
    with tempfile.TemporaryDirectory() as folder:
        try:
            _prepare(Path(folder))
        except (NotToBeHad, ImportError) as reason:
            say(f"mining is left out: {reason}")
            return
        contenders = {OURS: ours, PEER: sentence_transformers, FAISS: faiss_flat}
        costs = _interleaved(contenders, asked, folder, repetitions=1 if quick else 3)
        yield from _cost_rows(costs, Path(folder), asked)
        if costs[PEER]:
            yield _agreement(Path(folder))


def _cost_rows(costs: dict[str, list[Cost]], folder: Path, asked: int) -> Iterator[Row]:
    queries, items = (len(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in ("queries", "corpus"))
    work = f"mining {NEGATIVES} negatives, {min(asked, queries):,} queries x {items:,} WordNet glosses, 256-d"
    yield row(
        f"{work}: time",
        "s",
        {name: [cost.seconds for cost in found] for name, found in costs.items()},
        better="less",
        against=PEER,
        reach=Reach(times={PEER: 3}),
        packages=PACKAGES,
        note=f"relative margin {RELATIVE_MARGIN}, so 50 ranks and more are looked at; encoding not counted",
    )
    yield row(
        f"{work}: memory beyond the embeddings",
        "MB",
        {name: [cost.added_mb for cost in found] for name, found in costs.items()},
        better="less",
        against=PEER,
        reach=Reach(at_most=500),
        packages=PACKAGES,
    )


def _agreement(folder: Path) -> Row:
    """The share of queries with the same negatives, but for what the last bits of a score decide."""
    mined = np.load(folder / "ours.npz")
    items, scores, positive = mined["items"], mined["scores"], mined["positive_scores"]
    their_items, their_scores = np.load(folder / "st_items.npy"), np.load(folder / "st_scores.npy")
    has_all = their_items[:, -1] >= 0
    # n-tuples leave out a query that has fewer, so there both must say so.
    identical = np.where(has_all, (items == their_items).all(axis=1), items[:, -1] < 0)
    is_tie = has_all & ((items == their_items) | (np.abs(scores - their_scores) < SAME_WITHIN)).all(axis=1)
    limit = (positive - np.abs(positive) * np.float32(RELATIVE_MARGIN))[:, None]
    at_limit = np.concatenate([np.abs(scores - limit), np.abs(their_scores - limit)], axis=1) < SAME_WITHIN
    agrees = identical | is_tie | at_limit.any(axis=1)
    return row(
        f"mining: queries with the negatives of {PEER}, scores that differ by less than {SAME_WITHIN:g} being equal",
        "of all",
        {OURS: [float(agrees.mean())]},
        better=None,
        reach=Reach(at_least=1),
        packages=PACKAGES,
        note=f"{np.count_nonzero(identical):,} of {identical.size:,} are the same to the item, "
        f"{np.count_nonzero(~identical & is_tie)} differ in equal scores, "
        f"{np.count_nonzero(~identical & ~is_tie & agrees)} in a score equal to its limit",
    )


def ours(asked: int, folder: str) -> Callable[[], object]:
    """Ready to mine; kernels loaded."""
    vectors, corpus, pairs = _embeddings(folder, asked)
    limits = cr.ScoreLimits(relative_margin=RELATIVE_MARGIN)
    rules = cr.MiningRules(NEGATIVES, limits=limits)
    few = cr.Queries(np.arange(2), vectors[:2])
    cr.mine(few, corpus[:100], cr.KnownPositives.of([0, 1], [0, 1]), rules)

    def work() -> cr.Mined:
        known = cr.KnownPositives.of(*pairs)
        mined = cr.mine(cr.Queries(np.arange(len(vectors)), vectors), corpus, known, rules)
        found = {name: getattr(mined, name) for name in ("items", "scores", "positive_scores")}
        np.savez(Path(folder) / "ours.npz", **found)
        return mined

    return work


def sentence_transformers(asked: int, folder: str) -> Callable[[], object]:
    """Ready to mine with the real function on a model that looks its embeddings up."""
    from datasets import Dataset
    from sentence_transformers.util import mine_hard_negatives

    vectors, corpus, pairs = _embeddings(folder, asked)
    # Texts of numbers stand for the texts: told apart as theirs are, and shorter.
    data = Dataset.from_dict({"query": [f"q{one}" for one in pairs[0]], "item": [f"i{one}" for one in pairs[1]]})
    texts = [f"i{one}" for one in range(len(corpus))]

    def work() -> object:
        found = mine_hard_negatives(
            data,
            LookedUp(vectors, corpus),
            corpus=texts,
            num_negatives=NEGATIVES,
            relative_margin=RELATIVE_MARGIN,
            output_format="n-tuple",
            output_scores=True,
            verbose=False,
        )
        _write(found, len(vectors), Path(folder))
        return found

    return work


def _write(found: Any, queries: int, folder: Path) -> None:
    items = np.full((queries, NEGATIVES), -1, np.int64)
    scores = np.full((queries, NEGATIVES), np.nan, np.float32)
    who = np.array([int(text[1:]) for text in found["query"]], np.int64)
    for place in range(NEGATIVES):
        items[who, place] = [int(text[1:]) for text in found[f"negative_{place + 1}"]]
    scores[who] = np.array(found["scores"], np.float32)[:, 1:]
    np.save(folder / "st_items.npy", items)
    np.save(folder / "st_scores.npy", scores)


class LookedUp:
    """What mine_hard_negatives asks of a model, its embeddings given: text ``i7`` is row 7 of the corpus."""

    def __init__(self, queries: np.ndarray, corpus: np.ndarray) -> None:
        import torch
        from sentence_transformers.util import cos_sim, pairwise_cos_sim

        self.device = torch.device("cpu")
        self.similarity, self.similarity_pairwise = cos_sim, pairwise_cos_sim
        self._queries, self._corpus = queries, corpus

    def encode_query(self, texts: Sequence[str], **_options: object) -> np.ndarray:
        return _looked_up(self._queries, texts)

    def encode_document(self, texts: Sequence[str], **_options: object) -> np.ndarray:
        return _looked_up(self._corpus, texts)

    def get_embedding_dimension(self) -> int:
        return self._corpus.shape[1]


def _looked_up(vectors: np.ndarray, texts: Sequence[str]) -> np.ndarray:
    places = np.array([int(text[1:]) for text in texts])
    in_order = places.size == len(vectors) and bool((places == np.arange(places.size)).all())
    return vectors if in_order else vectors[places]


def faiss_flat(asked: int, folder: str) -> Callable[[], object]:
    """Ready to build faiss's flat index and search it for as many as mining looks at; no filter, no result kept."""
    import faiss

    vectors, corpus, pairs = _embeddings(folder, asked)
    most = int(np.unique(pairs[0], return_counts=True)[1].max())
    count = 10 * NEGATIVES + 2 * most

    def work() -> object:
        index = faiss.IndexFlatIP(corpus.shape[1])
        index.add(corpus)
        for begin in range(0, len(vectors), 2**14):
            index.search(vectors[begin : begin + 2**14], count)
        return index

    return work


def mapped_search(items: int, max_bytes: int) -> Callable[[], object]:
    """Ready to search so many float16 items, mapped from a file, for the ten nearest of 100 queries."""
    with tempfile.NamedTemporaryFile(suffix=".npy", delete=False) as file:
        path = Path(file.name)
    mapped = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(items, 64))
    generator = np.random.default_rng(0)
    for begin in range(0, items, 2**14):
        mapped[begin : begin + 2**14] = generator.standard_normal((min(2**14, items - begin), 64), dtype=np.float32)
    mapped.flush()
    del mapped
    corpus = np.load(path, mmap_mode="r")
    path.unlink()  # it lives as long as it is mapped
    queries = generator.standard_normal((100, 64), dtype=np.float32)
    cr.ExactSearch().over(queries).nearest(queries, 10)
    return lambda: cr.ExactSearch(max_bytes).over(corpus).nearest(queries, 10)


def _prepare(folder: Path) -> None:
    """Write embeddings of the distinct words and glosses, and which is right for which."""
    texts, glosses = words_and_glosses()
    (query_ids,), (item_ids,) = cr.content_ids(texts), cr.content_ids(glosses)
    pairs = np.unique(np.stack([query_ids, item_ids], axis=1), axis=0)
    np.save(folder / "pairs.npy", pairs)
    np.save(folder / "queries.npy", embedded(list(dict.fromkeys(texts))))
    np.save(folder / "corpus.npy", embedded(list(dict.fromkeys(glosses))))


def _embeddings(folder: str, asked: int) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    queries, corpus, pairs = (np.load(Path(folder) / f"{name}.npy") for name in ("queries", "corpus", "pairs"))
    pairs = pairs[pairs[:, 0] < asked]
    return queries[:asked], corpus, (pairs[:, 0], pairs[:, 1])


def _interleaved(
    contenders: dict[str, Callable[..., Callable[[], object]]], asked: int, folder: str, repetitions: int
) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for _ in range(repetitions):
        for name, contender in contenders.items():
            try:
                costs[name].append(in_child(contender, asked, folder))
                say(f"{name}: {costs[name][-1]}")
            except ImportError as missing:
                say(f"{name} is left out: {missing}")
    return costs
