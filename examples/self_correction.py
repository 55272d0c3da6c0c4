"""Train a model to correct its own answers: its own answer and a marker are context, the reference is the label.

Source: Cen et al., "Bridging the training-inference gap in LLMs by leveraging self-generated tokens" (TMLR 2025,
2410.14655), Reference-Answer-based Correction, of which no more than the abstract could be read. Ours: a batch in two
halves, one to answer and one to correct; right answers are corrected too, so that a model learns to leave them as they
are; no label on an own answer, so that no error is learned; own answers come from the weights of the step.

The task: five digits below 5; answer with their sum, then with the running sums, all modulo 5. The sum is hard before
the running sums are written down, and easy to correct once they are.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, pad

import croupier as cr
from scheduled_sampling import loss_of
from self_generated_tokens import Batch, generated

BASE, DIGITS, BATCH_ROWS = 5, 5, 64
BEGIN, CORRECT = BASE, BASE + 1  # tokens that ask for an answer, and for a better one


class Reader(nn.Module):
    """A causal model that sees the last 32 tokens, by dilated convolutions written as products."""

    def __init__(self, width: int = 32, layers: int = 5) -> None:
        super().__init__()
        self.embed, self.says = nn.Embedding(BASE + 2, width), nn.Linear(width, BASE + 2)
        self.layers = nn.ModuleList(nn.Linear(2 * width, width) for _ in range(layers))

    def forward(self, tokens: Tensor, is_there: Tensor) -> Tensor:
        """Filling stands at the end, where a causal model does not see it."""
        hidden = self.embed(tokens)
        for number, layer in enumerate(self.layers):
            past = pad(hidden, (0, 0, 2**number, 0))[:, : hidden.shape[1]]
            hidden = hidden + gelu(layer(torch.cat([hidden, past], dim=2)))
        return self.says(hidden)


def questions(held_out: int) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """All there are, contexts (n, 6) and answers (n, 6), and so many of them apart."""
    digits = np.random.default_rng(0).permutation(list(product(range(BASE), repeat=DIGITS)))
    sums = digits.cumsum(axis=1) % BASE
    contexts = torch.from_numpy(np.pad(digits, ((0, 0), (0, 1)), constant_values=BEGIN))
    answers = torch.from_numpy(np.column_stack([sums[:, -1], sums]))
    return (contexts[held_out:], answers[held_out:]), (contexts[:held_out], answers[:held_out])


def to_correct(contexts: Sequence[Tensor], own: Sequence[Tensor]) -> list[Tensor]:
    """Contexts that end with an own answer and the marker; the reference answer is what is to follow."""
    return [torch.cat([context, first, torch.tensor([CORRECT])]) for context, first in zip(contexts, own, strict=True)]


def train(
    dealer: cr.Dealer,
    asked: tuple[Tensor, Tensor],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    correcting: bool,
) -> None:
    """An epoch; without correcting, only the first half of each batch is learned."""
    for deal in dealer:
        contexts, answers = list(asked[0][deal]), list(asked[1][deal])
        half = len(deal) // 2
        if correcting:
            own = generated(model, deal[half:], contexts[half:], answers[0].numel())
            contexts[half:] = to_correct(contexts[half:], own)
        else:
            contexts, answers = contexts[:half], answers[:half]
        batch = Batch.of(deal[: len(contexts)], contexts, answers)
        optimizer.zero_grad()
        loss_of(model, batch.inputs(batch.tokens)).backward()
        optimizer.step()


def accuracies(model: nn.Module, asked: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Which answers (rows,) are right as a whole, at first and once corrected."""
    contexts, answers = list(asked[0]), asked[1]
    ids, length = list(range(len(contexts))), answers.shape[1]
    first = generated(model, ids, contexts, length)
    second = generated(model, ids, to_correct(contexts, first), length)
    at_first, corrected = ((torch.stack(own) == answers).all(dim=1) for own in (first, second))
    return at_first, corrected


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    asked, held_out = questions(held_out=512)
    plan, table = cr.chain(cr.Shuffle(), cr.FixedSize(BATCH_ROWS)), cr.Table(size=len(asked[0]))
    dealer, model = cr.Dealer(plan, table, seed=0), Reader()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(5):
        train(dealer, asked, model, optimizer, correcting=True)
        at_first, corrected = accuracies(model, held_out)
        print(f"{dealer.cursor.samples} samples: right at first {at_first.double().mean():.3f}", end=", ")
        print(
            f"corrected {corrected.double().mean():.3f}, of those right at first {corrected[at_first].sum()}", end=" "
        )
        print(f"of {at_first.sum()} stay right")
