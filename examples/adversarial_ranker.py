"""A retriever and a ranker train against each other; one plan deals both the retriever's top, mined anew on a schedule.

Source: Zhang et al., "Adversarial retriever-ranker for dense text retrieval" (ICLR 2022): the ranker learns to tell the
right text from that top, the retriever to agree and to find what the ranker takes for right. Ours: sizes, rates, a toy.
"""

import tempfile
from collections.abc import Iterator
from itertools import count, islice

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, log_softmax, logsigmoid, normalize

import croupier as cr

INTERVAL, RANKER_STEPS, NEGATIVES, BATCH, WIDTH = 48, 16, 7, 32, 16
TABLE = cr.Table(query=np.arange(1200), item=np.arange(1200) % 400)
KNOWN = cr.Pairs().known_in(TABLE)


def toy(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Queries, turned and noisy texts; and the texts, in groups of eight that differ in details."""
    groups, details, noise, turn = torch.randn(4, 1200, WIDTH, generator=torch.Generator().manual_seed(seed))
    texts = groups[:50].repeat_interleave(8, dim=0) + 0.5 * details[:400]
    return (texts.repeat(3, 1) + 0.2 * noise) @ torch.linalg.qr(turn[:WIDTH])[0], texts


def scores(players: nn.ModuleList, queries: Tensor, texts: Tensor) -> tuple[Tensor, Tensor]:
    """Of a matrix alone, so that texts can be searched, and of a look at both: (b, k) from (b, d) and (b, k, d)."""
    retrieved = 10 * (normalize(players[0](queries), dim=-1)[:, None] * normalize(texts, dim=-1)).sum(-1)
    return retrieved, players[1](queries[:, None].expand_as(texts).contiguous(), texts).tanh().sum(-1)


def retriever_loss(retrieved: Tensor, judged: Tensor, adversarial: float = 0.5) -> Tensor:
    """From scores of both players, the right text in column 0."""
    judged, chosen = judged.detach(), log_softmax(retrieved, dim=1)
    fooling, agreeing = logsigmoid(judged[:, :1] - judged) * chosen, -judged.softmax(1) * chosen
    return (adversarial * fooling + (1 - adversarial) * agreeing).sum(1).mean()


@torch.no_grad()
def mined(players: nn.ModuleList, sides: tuple[Tensor, Tensor], known: cr.KnownPositives = KNOWN) -> cr.Mined:
    """The retriever's present top of each query, without what is known to be right."""
    queries, texts = (normalize(side, dim=-1).numpy() for side in (players[0](sides[0]), sides[1]))
    return cr.mine(cr.Queries(TABLE.column("query"), queries), texts, known, cr.MiningRules(per_query=20))


def begun(sides: tuple[Tensor, Tensor], seed: int) -> tuple[cr.Dealer, nn.ModuleList]:
    """Both players, and a dealer of what the retriever finds untrained."""
    torch.manual_seed(seed)
    players = nn.ModuleList([nn.Linear(WIDTH, WIDTH, bias=False), nn.Bilinear(WIDTH, WIDTH, 32)])
    top = cr.MinedNegatives(NEGATIVES, mined(players, sides))
    plan = cr.chain(cr.Shuffle(), top, cr.FixedSize(BATCH), segment_ids=4 * BATCH)
    return cr.Dealer(plan, TABLE, seed=seed), players


def train(dealer: cr.Dealer, sides: tuple[Tensor, Tensor], players: nn.ModuleList, folder: str) -> Iterator[cr.Deal]:
    """Steps without end: with the players' weights and the dealer's state they go on as if they had not stopped."""
    optimizer = torch.optim.SGD(players.parameters(), lr=0.1)
    for deal in (deal for _ in count() for deal in dealer):
        items = np.column_stack([TABLE.column("item")[deal.ids], deal.columns["negatives"]])
        retrieved, judged = scores(players, sides[0][deal], sides[1][items])
        optimizer.zero_grad()
        is_rankers, right = (dealer.cursor.steps - 1) % INTERVAL < RANKER_STEPS, torch.zeros(len(deal)).long()
        (cross_entropy(judged, right) if is_rankers else retriever_loss(retrieved, judged)).backward()
        optimizer.step()
        if dealer.cursor.steps % INTERVAL == 0:
            mined(players, sides).save(place := f"{tempfile.mkdtemp(dir=folder)}/lists")
            dealer.adopt("mined_negatives", place)  # from the segment after next on
        yield deal


if __name__ == "__main__":
    dealer, players = begun(sides := toy(), seed=0)
    for deal in islice(train(dealer, sides, players, tempfile.mkdtemp()), 6 * INTERVAL):
        if dealer.cursor.steps % INTERVAL == 0:
            is_first = mined(players, sides, cr.KnownPositives.of([], [])).items[:, 0] == TABLE.column("item")
            print(f"version {deal.columns['negative_version'].max()} of the lists: recall@1 {is_first.mean():.3f}")
