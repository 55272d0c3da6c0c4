"""What sentence-transformers' mine_hard_negatives answers on small embeddings: recorded, and where it is installed.

``python tests/mined_elsewhere.py`` with it installed writes the record anew.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

RECORD = Path(__file__).parent / "negatives" / "mined_by_sentence_transformers.json"
QUERIES, ITEMS, WIDTH = 12, 40, 8

CASES: dict[str, dict[str, float]] = {
    "default": {},
    "five": {"num_negatives": 5},
    "pass over three": {"range_min": 3},
    "ranks 2 to 6": {"range_min": 2, "range_max": 6, "num_negatives": 4},
    "max_score": {"max_score": 0.3},
    "min_score": {"min_score": 0.35, "num_negatives": 6},
    "absolute margin": {"absolute_margin": 0.1},
    "relative margin": {"relative_margin": 0.05},
    "negative positives": {"relative_margin": 0.5, "num_negatives": 2},
    "filters, then ranks": {"range_min": 2, "range_max": 5, "max_score": 0.4},
    "all at once": {
        "range_min": 1,
        "max_score": 0.6,
        "min_score": 0.1,
        "absolute_margin": 0.05,
        "relative_margin": 0.02,
    },
    "more than there are": {"range_max": 60, "num_negatives": 45},
    "rescored": {"rescore": 1, "max_score": 0.4},
    "rescored, margins": {"rescore": 1, "absolute_margin": 0.02, "range_min": 1, "num_negatives": 2},
    "rescored, min_score alone": {"rescore": 1, "min_score": 0.1},
}


def embeddings() -> tuple[np.ndarray, np.ndarray]:
    """Of queries and items, length 1, the same on every machine."""
    numbers = np.arange((QUERIES + ITEMS) * WIDTH, dtype=np.uint64)
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    vectors = ((mixed >> np.uint64(40)).astype(np.float64) / 2.0**24 - 0.5).reshape(-1, WIDTH)
    vectors /= np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    vectors = vectors.astype(np.float32)
    return vectors[:QUERIES], vectors[QUERIES:]


def pairs() -> list[tuple[int, int]]:
    """Query q has one positive, every third two, and query 4 four of them."""
    found = [(query, (query * 7) % ITEMS) for query in range(QUERIES)]
    found += [(query, (query * 5 + 3) % ITEMS) for query in range(0, QUERIES, 3)]
    return [*found, (4, 9), (4, 30), (4, 31)]


def rescored(queries, items) -> np.ndarray:
    """Scores of another model, distinct for the items of a query."""
    return ((np.asarray(queries) * 7 + np.asarray(items) * 13) % 101 / 101 - 0.4).astype(np.float32)


def answers() -> dict[str, list[list[list[float]]]]:
    """For each case and query, what the installed library finds: items, and their scores."""
    import torch
    from datasets import Dataset
    from sentence_transformers.util import cos_sim, mine_hard_negatives, pairwise_cos_sim

    queries, corpus = embeddings()

    class Model:
        device = torch.device("cpu")
        similarity, similarity_pairwise = staticmethod(cos_sim), staticmethod(pairwise_cos_sim)

        def encode_query(self, texts, **_options):
            return queries[[int(text[1:]) for text in texts]]

        def encode_document(self, texts, **_options):
            return corpus[[int(text[1:]) for text in texts]]

    class CrossEncoder:
        def predict(self, texts, **_options):
            numbers = np.array([[int(query[1:]), int(item[1:])] for query, item in texts])
            return torch.from_numpy(rescored(numbers[:, 0], numbers[:, 1]))

    data = Dataset.from_dict({"query": [f"q{one}" for one, _ in pairs()], "item": [f"i{one}" for _, one in pairs()]})
    texts = [f"i{one}" for one in range(ITEMS)]
    found = {}
    for name, case in CASES.items():
        options = {key: value for key, value in case.items() if key != "rescore"}
        encoder = CrossEncoder() if "rescore" in case else None
        mined = mine_hard_negatives(
            data, Model(), corpus=texts, cross_encoder=encoder, output_scores=True, verbose=False, **options
        )
        of_query = [{} for _ in range(QUERIES)]
        for row in mined:
            of_query[int(row["query"][1:])][int(row["negative"][1:])] = row["scores"][1]
        found[name] = [[list(one), list(one.values())] for one in of_query]
    return found


if __name__ == "__main__":
    RECORD.write_text(json.dumps(answers(), separators=(",", ":")) + "\n")
