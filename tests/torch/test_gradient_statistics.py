"""Norms of micro-batches and ranks: one process, gloo ranks and gradients kept by hand say the same."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch import Accumulated, BatchSampler, GradientStatistics, Loader
from croupier.torch.gradient_statistics import norm_of, squared_norms, sums_of_squares
from gradient_children import CLASSES, SIZES, Micro, backward, data_of, explicit, model_of, results_of_ranks


def same(norms, expected):
    found = norms if isinstance(norms, dict) else norms.to_dict()
    for name in ("groups", "whole", "group_samples", "samples"):
        assert found[name] == pytest.approx(getattr(expected, name), rel=1e-10), name


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_accumulation_is_what_kept_gradients_say(sizes):
    model = model_of()
    statistics = GradientStatistics(model)
    for _ in range(2):  # and the next step anew
        backward(model, sizes)
        same(statistics.measure(list(sizes)), explicit(sizes))
        model.zero_grad()


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("world_size", [2, 4])
def test_ranks_say_what_one_process_says(name, world_size):
    """Two and four gloo ranks under DistributedDataParallel, with and without a loss scale; all have the same."""
    for rank in results_of_ranks(world_size):
        same(rank[f"{name}, hooks"], explicit(SIZES[name]))
        same(rank[f"{name}, scaled"], explicit(SIZES[name]))
        same(rank[f"{name}, weighed"], explicit(SIZES[name], weights=[1, 2, 3, 4]))
        assert rank[f"{name}, hooks"] == results_of_ranks(world_size)[0][f"{name}, hooks"]


@pytest.mark.parametrize("world_size", [2, 4])
def test_a_mishap_of_one_rank_is_one_of_all(world_size):
    for rank in results_of_ranks(world_size):
        assert rank["overflowed"]
        assert rank["skipped"] == 1
        groups = 2 if world_size == 2 else 3
        assert rank["padded"]["samples"] == pytest.approx(6.0 * groups)
        assert rank["padded"]["group_samples"] == pytest.approx(6.0)


def test_sizes_of_numpy_are_numbers_too():
    model = model_of()
    statistics = GradientStatistics(model)
    backward(model, (6, 6, 6, 6))
    same(statistics.measure([np.int64(6)] * 4), explicit(SIZES["equal"]))


def test_two_halves_of_a_batch_are_two_groups():
    """The two-batch form of the paper, b of 12 and B of 24."""
    model = model_of()
    statistics = GradientStatistics(model)
    parts = [data_of(group, 6) for group in range(4)]
    inputs, targets = (torch.cat(part) for part in zip(*parts, strict=True))
    for half in (slice(0, 12), slice(12, 24)):
        (cross_entropy(model(inputs[half]), targets[half]) / 2).backward()
    found = statistics.measure([12, 12])
    same(found, explicit(SIZES["equal"], joined=2))
    big, small = found.whole, found.groups
    assert found.gradient_squared == pytest.approx((24 * big - 12 * small) / 12)
    assert found.noise_trace == pytest.approx((small - big) / (1 / 12 - 1 / 24))


def test_accumulated_micro_batches_say_their_own_weights():
    """Epochs whose last step has fewer and smaller micro-batches; and one micro-batch alone says nothing."""
    inputs, targets = (torch.cat(part) for part in zip(*(data_of(g, 9) for g in range(3)), strict=True))
    dataset = [(inputs[row], targets[row]) for row in range(27)]
    sampler = BatchSampler(cr.chain(cr.Sequential(), cr.FixedSize(4)), cr.Table(size=27), seed=0)
    model = model_of()
    statistics = GradientStatistics(model)
    found = []
    for step in Accumulated(Loader(dataset, sampler), 2):
        model.zero_grad()
        for micro in step:
            (cross_entropy(model(micro.batch[0]), micro.batch[1]) * micro.loss_scale).backward()
        found.append(statistics.measure(step))
    assert [norms and norms.samples for norms in found] == pytest.approx([8, 8, 8, None], abs=1e-9, nan_ok=True)
    assert (statistics.skipped, statistics.ungrouped) == (0, 1)


def test_a_step_that_overflowed_is_skipped_and_clipping_comes_after():
    model = model_of()
    statistics, noise = GradientStatistics(model), cr.GradientNoise(1e4)
    backward(model, (6, 6, 6, 6))
    noise.observe(statistics.measure([6] * 4))
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1e-3)
    before = noise.state_dict()
    model.zero_grad()
    backward(model, (6, 6, 6, 6), loss_scale=float("inf"))
    norms = statistics.measure([6] * 4, loss_scale=2.0)
    noise.observe(norms)
    assert norms is None
    assert statistics.skipped == 1
    assert noise.state_dict() == before


def test_under_a_gradient_scaler():
    """Measured before ``unscale_``, the norms are those without a scale; a scale that is too large is skipped."""
    model = model_of().float()
    statistics = GradientStatistics(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**16)
    found = []
    for scale_up in (1.0, 1e38):
        for group in range(4):
            inputs, targets = data_of(group, 6)
            with torch.autocast("cpu", torch.bfloat16):
                loss = cross_entropy(model(inputs.float()), targets) / 4
            scaler.scale(loss * scale_up).backward()
        found.append(statistics.measure([6] * 4, loss_scale=scaler.get_scale()))
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
    expected = explicit(SIZES["equal"])
    assert found[0].groups == pytest.approx(expected.groups, rel=0.05)  # bfloat16
    assert found[0].whole == pytest.approx(expected.whole, rel=0.05)
    assert found[1] is None


def test_parameters_that_a_micro_batch_does_not_use():
    """A mixture of experts: each micro-batch goes through other layers, so order tells nothing."""
    layers = torch.nn.ModuleList(torch.nn.Linear(5, CLASSES).double() for _ in range(3))
    used = [(0, 1), (2,), (0,), (1, 2)]

    def loss_of(group):
        inputs, targets = data_of(group, 6)
        return cross_entropy(sum(layers[each](inputs) for each in used[group]), targets)

    gradients = []
    for group in range(4):
        parts = torch.autograd.grad(loss_of(group), list(layers.parameters()), allow_unused=True)
        shapes = [parameter.shape for parameter in layers.parameters()]
        whole = [torch.zeros(shape) if part is None else part for shape, part in zip(shapes, parts, strict=True)]
        gradients.append(torch.cat([part.flatten() for part in whole]).numpy())
    statistics = GradientStatistics(layers)
    for group in range(4):
        (loss_of(group) / 4).backward()
    squares, mean = (np.array(gradients) ** 2).sum(1), np.mean(gradients, axis=0)
    same(statistics.measure([6] * 4), cr.GradientNorms.of_groups(squares, mean @ mean, 6))


def test_a_step_that_was_given_up_is_forgotten():
    model = model_of()
    statistics = GradientStatistics(model)
    backward(model, (6, 6, 6))
    statistics.forget()
    model.zero_grad()
    backward(model, (6, 6, 6, 6))
    same(statistics.measure([6] * 4), explicit(SIZES["equal"]))


def test_it_neither_changes_gradients_nor_keeps_them():
    plain, seen = model_of(), model_of()
    statistics = GradientStatistics(seen)
    for model in (plain, seen):
        backward(model, SIZES["unequal"])
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(plain.parameters(), seen.parameters(), strict=True))
    assert all(isinstance(value, float) for norms in statistics._passes.values() for value in norms)
    statistics.measure(SIZES["unequal"])
    statistics.remove()
    seen.zero_grad()
    backward(seen, SIZES["unequal"])
    assert not statistics._passes


def test_sparse_and_half_gradients_have_norms():
    embedding = torch.nn.Embedding(10, 3, sparse=True)
    embedding(torch.tensor([1, 1, 4])).sum().backward()
    assert norm_of(embedding.weight.grad) ** 2 == pytest.approx(3 * 4 + 3)
    assert norm_of(torch.full((4,), 1e4, dtype=torch.float16)) == pytest.approx(2e4, rel=1e-2)
    assert norm_of(torch.full((4,), 1e4, dtype=torch.bfloat16)) == pytest.approx(2e4, rel=1e-2)
    assert squared_norms([]) == 0.0


def test_what_is_too_large_for_a_float_is_skipped():
    assert sums_of_squares([[1e300, 1.0]]) == [float("inf")]
    model = model_of()
    statistics = GradientStatistics(model)
    backward(model, (6, 6), loss_scale=1e300)
    assert statistics.measure([6, 6]) is None
    assert statistics.skipped == 1


def test_norms_on_a_device_are_fetched_when_all_are_there():
    assert isinstance(norm_of(torch.ones(3, device="meta")), torch.Tensor)
    assert sums_of_squares([[torch.tensor(2.0), 1.0], [], [torch.tensor(3.0)]]) == [5.0, 0.0, 9.0]


def with_passes(count, call):
    model = model_of()
    statistics = GradientStatistics(model)
    backward(model, [6] * count)
    return call(statistics, model)


@pytest.mark.parametrize(
    ("passes", "call", "message"),
    [
        (
            3,
            lambda s, _: s.measure([6, 6]),
            r"measure must be called .*, got 3 passes for 2 parts",
        ),
        (
            2,
            lambda s, m: (m.zero_grad(), s.measure([6, 6])),
            r"gradients must still be there, got zeros alone; measure before z",
        ),
        (
            2,
            lambda s, m: (m.zero_grad(set_to_none=False), s.measure([6, 6])),
            r"gradients must still be there, got zeros alone; measure before zero_grad",
        ),
        (
            2,
            lambda s, m: (torch.nn.utils.clip_grad_norm_(m.parameters(), 1e-3), s.measure([6, 6])),
            r"gradients must be as the calls of backward added them up, got .* was added; measure before unscaling, cl",
        ),
        (
            2,
            lambda s, m: ([p.grad.div_(2.0**16) for p in m.parameters()], s.measure([6, 6])),
            r"gradients must be as the calls of backward added them up",
        ),
        (
            2,
            lambda s, _: s.measure(12),
            r"micro_batches must be a list with an entry for each call .*, got 12; write mea",
        ),
        (2, lambda s, _: s.measure([6.0, 6.0]), r"micro_batches must be a list .*; write measure\(\[8, 8\]\), or meas"),
        (2, lambda s, _: s.measure([6, -6]), r"micro_batches must be numbers of samples, got \[6, -6\]"),
        (2, lambda s, _: s.measure([6, 6], loss_scale=0), r"loss_scale must be a number above 0, got 0; pass scaler.g"),
        (2, lambda s, _: s.measure([6, 6], loss_scale=float("nan")), r"loss_scale must be a number above 0, got nan"),
        (0, lambda s, _: s.measure([]), r"got no micro-batch"),
        (2, lambda s, _: s.measure([6, Micro([0] * 6, 0.5)]), r"got numbers beside micro-batches; call it once a step"),
        (
            2,
            lambda s, m: ([p.grad.mul_(5) for p in m.parameters()], s.measure([6, 6])),
            r"gradients must be the mean over ranks of what was added up, got a mean of square .*; meas",
        ),
    ],
)
def test_errors(passes, call, message):
    with pytest.raises(BadArgument, match=message):
        with_passes(passes, call)


def test_a_model_without_gradients_is_refused():
    with pytest.raises(BadArgument, match=r"model must have parameters that require a gradient, got Sequential"):
        GradientStatistics(model_of().requires_grad_(False))


@pytest.mark.parametrize("model", [torch.optim.SGD(model_of().parameters(), lr=0.1), 3, [{"params": []}]])
def test_what_is_no_model_is_refused(model):
    with pytest.raises(
        BadArgument, match=r"model must be a module, or its parameters, got '(SGD|int|list)'; pass the mo"
    ):
        GradientStatistics(model)
