from __future__ import annotations

import math
import runpy

import pytest
import torch

import croupier as cr
import foreground_background as example

DATA = example.scenes(40, seed=0)
PLAN, TABLE = cr.chain(cr.Shuffle(), cr.FixedSize(4)), cr.Table(size=40)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def counts(**run):
    return example.foreground_counts(cr.Dealer(PLAN, TABLE, seed=0, **run), DATA[1])


def head(bias):
    torch.manual_seed(0)
    return example.Head(bias)


def test_one_pass_counts_what_is_not_ignored_once_over_any_number_of_ranks():
    labels = DATA[1]
    wanted = (int((labels > 0).sum()), int((labels >= 0).sum()))
    assert counts() == wanted
    assert 0.003 < wanted[0] / wanted[1] < 0.01
    for ranks in (2, 3):  # three do not divide ten batches: padding is not counted
        parts = [counts(rank=rank, world_size=ranks) for rank in range(ranks)]
        assert tuple(map(sum, zip(*parts, strict=True))) == wanted


def test_the_bias_gives_every_class_its_prior():
    assert 1 / (1 + math.exp(-example.prior_bias(3, 400, 5))) == pytest.approx(3 / 400 / 5)
    for foreground in (0, 400):
        with pytest.raises(ValueError, match=rf"foreground must be between 0 and 100 anchors, got {foreground}; count"):
            example.prior_bias(foreground, 100, 4)


def test_the_first_loss_is_the_entropy_of_the_prior():
    """And without it a coin's, most of it for background: thirty times as much here."""
    foreground, anchors = counts()
    prior = foreground / anchors / example.CLASSES
    entropy = -(prior * math.log(prior) + (1 - prior) * math.log(1 - prior))
    scale = anchors * example.CLASSES / (foreground + len(DATA[1]))
    known, even = (head(bias).losses(*DATA)[0].item() for bias in (example.prior_bias(foreground, anchors, 4), 0.0))
    assert known == pytest.approx(entropy * scale, rel=0.05)
    assert even == pytest.approx(math.log(2) * scale, rel=0.05)
    assert even > 20 * known


def test_ignored_anchors_and_background_offsets_do_not_count():
    features, labels, offsets = (part.clone() for part in DATA)
    before = [loss.item() for loss in head(0.0).losses(features, labels, offsets)]
    features[labels == example.IGNORED] = 100.0
    offsets[labels <= 0] = 100.0
    assert [loss.item() for loss in head(0.0).losses(features, labels, offsets)] == before
    features[0, (labels[0] == 0).nonzero()[0]] = 100.0
    assert head(0.0).losses(features, labels, offsets)[0].item() != before[0]


def test_the_scaled_loss_is_as_large_as_the_regression_and_points_the_same_way():
    """Planted: a ratio through which gradients flow takes the classes' own gradient away."""
    model = head(0.0)
    classification, regression = model.losses(*DATA)
    weights = list(model.scores.parameters())
    scaled = example.guided(classification, regression)
    assert scaled.item() == pytest.approx(regression.item())
    plain, found, through = (
        torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights, retain_graph=True)])
        for loss in (classification, scaled, classification * regression / classification)
    )
    assert torch.allclose(found, plain * (regression / classification).item(), rtol=1e-5)
    assert through.norm() < 1e-4 * found.norm()


def test_steps_without_foreground_still_learn_classes():
    features, labels, offsets = (part.clone() for part in DATA)
    classification, regression = head(0.0).losses(features, labels.clamp(max=0), offsets)
    assert regression.item() == 0
    assert example.guided(classification, regression).item() == classification.item()
    nothing = torch.tensor(0.0)
    assert example.guided(nothing, torch.tensor(1.0)).item() == 0


def test_ranks_scale_by_the_losses_of_all():
    """The mean over ranks of scaled losses is the scaled mean; planted: each by its own ratio is another gradient."""
    losses = [head(0.0).losses(*(part[rank::2] for part in DATA)) for rank in range(2)]
    means = [torch.stack([each[kind].detach() for each in losses]).mean() for kind in range(2)]

    def mean(mine):
        return means[[each[0].item() for each in losses].count(mine.item()) == 0]

    scaled = [example.guided(*each, mean=mean) for each in losses]
    assert torch.stack(scaled).mean().item() == pytest.approx(means[1].item())
    ratios = [(each / each_loss[0]).item() for each, each_loss in zip(scaled, losses, strict=True)]
    assert ratios[0] == pytest.approx(ratios[1])
    alone = [(example.guided(*each) / each[0]).item() for each in losses]
    assert alone[0] != pytest.approx(alone[1], rel=0.01)


def test_its_figures(capsys, monkeypatch):
    """Without either it diverges; the prior does most, scaling alone much, and both no more than the prior, here."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _threads: None)
    runpy.run_path(example.__file__, run_name="__main__")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line[0] for line in lines] == ["neither:", "prior:", "scaling:", "both:"]
    first = [float(line[3]) for line in lines]
    neither, prior, scaling, both = (float(line[-1]) for line in lines)
    assert first[0] == first[2] > 20 * first[1]
    assert neither < 0.02
    assert min(prior, both) > 0.15
    assert scaling > 0.1
