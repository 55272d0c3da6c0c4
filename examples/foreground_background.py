"""Train a detector's head on all anchors, of which few are foreground: no sampling, no reweighting of hard ones.

Source: Chen et al., "Is heuristic sampling necessary in training deep object detectors?" (1909.04868); details as in
the authors' published program. One pass over the data counts the foreground among the anchors that are not ignored;
its share over the number of classes is the prior, and a last bias of -log((1 - prior) / prior) makes that the first
score of every class. The classification loss is scaled to be as large as the regression loss, by a ratio without a
gradient. A score counts as a detection above prior times classes.
Ours: with several ranks the ratio is of the losses of all (theirs: of each rank alone); where a step has no foreground,
and so no regression loss, classes are still learned (theirs: such a step learns nothing). In the toy below the prior
does nearly all, and scaling alone makes up for its lack; together they are no better.
"""

from collections.abc import Callable, Iterable

import numpy as np
import torch
from sklearn.metrics import average_precision_score
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot, smooth_l1_loss

import croupier as cr

IMAGES, ANCHORS, CLASSES, FEATURES = 300, 300, 4, 16
IGNORED, BACKGROUND = -1, 0


def foreground_counts(dealer: Iterable[cr.Deal], labels: Tensor) -> tuple[int, int]:
    """Foreground and all anchors that are not ignored, over this rank's part of an epoch: add up those of all ranks."""
    dealt = torch.cat([labels[deal] for deal in dealer if not deal.is_padding])
    return int((dealt > BACKGROUND).sum()), int((dealt != IGNORED).sum())


def prior_bias(foreground: int, anchors: int, classes: int) -> float:
    """The bias that gives every class its prior as score."""
    if not 0 < foreground < anchors * classes:
        raise ValueError(f"foreground must be between 0 and {anchors} anchors, got {foreground}; count a whole epoch")
    prior = foreground / anchors / classes
    return float(-np.log((1 - prior) / prior))


def guided(classification: Tensor, regression: Tensor, mean: Callable[[Tensor], Tensor] = lambda mine: mine) -> Tensor:
    """The classification loss scaled to the regression loss; ``mean`` is over ranks."""
    wanted, found = mean(regression.detach()), mean(classification.detach())
    return classification * torch.where((wanted > 0) & (found > 0), wanted / found, 1.0)


class Head(nn.Module):
    """Scores of each class, and four offsets, for every anchor."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(FEATURES, 64), nn.ReLU())
        self.scores, self.offsets = nn.Linear(64, CLASSES), nn.Linear(64, 4)
        nn.init.normal_(self.scores.weight, std=0.01)
        nn.init.constant_(self.scores.bias, bias)

    def losses(self, features: Tensor, labels: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor]:
        """Of classification and of regression, for images (b, anchors, ...)."""
        hidden, is_foreground = self.trunk(features), labels > BACKGROUND
        wanted = one_hot(labels.clamp(min=0), CLASSES + 1)[..., 1:].float()
        each = binary_cross_entropy_with_logits(self.scores(hidden), wanted, reduction="none")
        count = is_foreground.sum()
        missed = smooth_l1_loss(self.offsets(hidden[is_foreground]), offsets[is_foreground], reduction="sum")
        return each[labels != IGNORED].sum() / (count + len(labels)), missed / count.clamp(min=1)


def scenes(images: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Features, labels and offsets of anchors: about one in 150 foreground, as many again ignored."""
    random = torch.Generator().manual_seed(seed)
    looks = 0.5 * torch.randn(CLASSES + 1, FEATURES, generator=torch.Generator().manual_seed(0))
    labels = torch.randint(1, CLASSES + 1, (images, ANCHORS), generator=random)
    chance = torch.rand(images, ANCHORS, generator=random)
    labels[chance < 1 - 1 / 150], labels[chance < 1 / 150] = BACKGROUND, IGNORED
    features = torch.randn(images, ANCHORS, FEATURES, generator=random) + looks[labels.clamp(min=0)]
    offsets = features[..., :4] - features[..., 4:8] + torch.randn(images, ANCHORS, 4, generator=random)
    return features, labels, offsets


def train(dealer: cr.Dealer, data: tuple[Tensor, Tensor, Tensor], head: Head, *, is_guided: bool) -> None:
    """An epoch, at a rate that suits the regression."""
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1, momentum=0.9)
    for deal in dealer:
        classification, regression = head.losses(*(part[deal] for part in data))
        optimizer.zero_grad()
        ((guided(classification, regression) if is_guided else classification) + regression).backward()
        optimizer.step()


@torch.no_grad()
def precision(head: Head, data: tuple[Tensor, Tensor, Tensor]) -> float:
    """Average precision over all classes and anchors that are not ignored."""
    counted = data[1] != IGNORED
    scores = head.scores(head.trunk(data[0][counted]))
    wanted = one_hot(data[1][counted], CLASSES + 1)[:, 1:]
    return float(average_precision_score(wanted.ravel(), scores.nan_to_num().ravel()))


if __name__ == "__main__":
    torch.set_num_threads(1)
    data, held_out = scenes(IMAGES, seed=0), scenes(100, seed=1)
    plan, table = cr.chain(cr.Shuffle(), cr.FixedSize(8)), cr.Table(size=IMAGES)
    known = prior_bias(*foreground_counts(cr.Dealer(plan, table, seed=0), data[1]), CLASSES)
    arms = {"neither": (0.0, False), "prior": (known, False), "scaling": (0.0, True), "both": (known, True)}
    for name, (bias, is_guided) in arms.items():
        torch.manual_seed(0)
        head, dealer = Head(bias), cr.Dealer(plan, table, seed=0)
        print(f"{name}: first losses", *(f"{loss:.2f}" for loss in head.losses(*(part[:8] for part in data))), end=", ")
        for _ in range(2):
            train(dealer, data, head, is_guided=is_guided)
            print(f"average precision {precision(head, held_out):.3f}", end=" ")
        print()
