from __future__ import annotations

import copy
import runpy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import batch_norm

import croupier as cr
import large_batches as example

PEER = "pytorch_optimizer: the library that LAMB and LARS come from"


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@given(st.integers(1, 500), st.integers(1, 64))
def test_ghosts_have_one_size_whatever_the_batch_is(rows, ghost):
    sizes = example.ghost_sizes(rows, ghost)
    assert sum(sizes) == rows
    assert set(sizes[:-1]) <= {ghost}
    if rows >= ghost:
        assert ghost <= 2 * sizes[-1] < 3 * ghost


def norms(kind=nn.BatchNorm1d, rows=8, **settings):
    torch.manual_seed(0)
    plain = kind(6, **settings)
    for weight in plain.parameters():
        nn.init.normal_(weight)
    return plain, example.Ghost(copy.deepcopy(plain), rows)


@pytest.mark.parametrize(("kind", "shape"), [(nn.BatchNorm1d, (6,)), (nn.BatchNorm2d, (6, 3, 2))])
def test_one_ghost_is_plain_batch_norm(kind, shape):
    plain, ghost = norms(kind)
    inputs = torch.randn(8, *shape) + 3
    assert torch.allclose(ghost(inputs), plain(inputs), atol=1e-6)
    assert torch.allclose(ghost.norm.running_mean, plain.running_mean)
    assert torch.allclose(ghost.norm.running_var, plain.running_var)
    assert torch.equal(ghost.eval()(inputs), plain.eval()(inputs))


def test_a_batch_of_four_ghosts_is_as_four_batches():
    """The same outputs and running statistics, also where batches grow. Planted: plain batch norm."""
    inputs = torch.randn(56, 6) * torch.linspace(1, 3, 56)[:, None]
    found = []
    for sizes in ([8] * 7, [8, 16, 32], [56], [24, 32]):
        _, ghost = norms()
        outputs = torch.cat([ghost(part) for part in inputs.split(sizes)])
        found.append((outputs, ghost.norm.running_mean, ghost.norm.running_var))
    for other in found[1:]:
        assert all(torch.allclose(one, two, atol=1e-6) for one, two in zip(found[0], other, strict=True))
    plain, _ = norms()
    outputs = torch.cat([plain(part) for part in inputs.split([24, 32])])
    assert not torch.allclose(outputs, found[0][0], atol=0.1)
    assert not torch.allclose(plain.running_mean, found[0][1], atol=0.01)


def test_a_rest_counts_by_its_rows():
    """From the definition: parts of 8 and 5; and of 8 and 11, for 3 are no ghost of their own."""
    for rows, sizes in ((13, [8, 5]), (19, [8, 11])):
        inputs = torch.randn(rows, 6) + 1
        plain, ghost = norms(momentum=0.3)
        mean, wanted = torch.zeros(6), []
        for part in inputs.split(sizes):
            share = 1 - 0.7 ** (len(part) / 8)
            mean = (1 - share) * mean + share * part.mean(dim=0)
            wanted.append(batch_norm(part, None, None, plain.weight, plain.bias, training=True))
        assert torch.allclose(ghost(inputs), torch.cat(wanted), atol=1e-6)
        assert torch.allclose(ghost.norm.running_mean, mean, atol=1e-6)


def test_every_norm_of_a_model_is_wrapped_and_what_cannot_be_is_refused():
    inner = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3))
    model = example.ghosted(nn.Sequential(inner, nn.Flatten(), nn.Linear(12, 4), nn.BatchNorm1d(4)), rows=4)
    assert [type(module).__name__ for module in model.modules()].count("Ghost") == 2
    assert model(torch.randn(10, 1, 4, 4)).shape == (10, 4)
    for settings in ({"momentum": None}, {"track_running_stats": False}):
        with pytest.raises(ValueError, match=r"norm must have running statistics with a momentum, for these move by"):
            example.Ghost(nn.BatchNorm1d(6, **settings), 8)


def test_vectors_have_groups_of_their_own():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    matrices, vectors = example.groups(model, 0.1)
    assert [tuple(p.shape) for p in matrices["params"]] == [(2, 3)]
    assert [tuple(p.shape) for p in vectors["params"]] == [(2,)] * 3
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)


def test_rates():
    rate = example.Rate(peak=2.0, warm_up_samples=100, run_samples=1000, power=2.0)
    assert [rate(samples) for samples in (0, 49, 500, 1000, 2000)] == pytest.approx(
        [0.02, 1.0 * 0.951**2, 0.5, 0.0, 0.0]
    )
    assert example.scaled(0.1, 1024, 256, power=0.5) == pytest.approx(0.2)
    assert example.scaled(0.1, 1024, 256, power=1.0) == pytest.approx(0.4)


def test_the_rate_is_of_samples_whatever_the_batch_is():
    """Two sizes of batches, one schedule: where both stand at the same samples, they have the same rate."""

    def rates(batch):
        plan = cr.chain(cr.Shuffle(), cr.FixedSize(batch))
        data, model, seen = (torch.randn(120, 4), torch.zeros(120).long()), nn.Linear(4, 2), {}

        class Recording(torch.optim.SGD):
            def step(self, closure=None):
                seen[dealer.cursor.samples - batch] = self.param_groups[0]["lr"]

        dealer = cr.Dealer(plan, cr.Table(size=120), seed=0)
        for _ in range(2):
            example.train(dealer, data, model, Recording(model.parameters(), lr=1.0), example.Rate(1.0, 60, 240))
        return seen

    small, large = rates(10), rates(40)
    assert list(large) == [0, 40, 80, 120, 160, 200]
    assert all(large[samples] == small[samples] for samples in large)
    assert len(set(small.values())) == 24


def grown(optimizer_of, steps=2):
    """A matrix with decay and a vector without, after two steps of known gradients."""
    matrix = nn.Parameter(torch.arange(6.0).reshape(2, 3) / 10 - 0.2)
    vector = nn.Parameter(torch.tensor([0.5, -1.0]))
    optimizer = optimizer_of(
        [{"params": [matrix], "weight_decay": 0.1}, {"params": [vector], "weight_decay": 0.0, "adam": True}]
    )
    for step in range(steps):
        matrix.grad = torch.cos(torch.arange(6.0) + step).reshape(2, 3)
        vector.grad = torch.tensor([0.3, -0.1]) * (step + 1)
        optimizer.step()
    return matrix.detach().flatten().tolist(), vector.detach().tolist()


RECORDED = {
    "LAMB": ([-0.239835, -0.119506, 0.040111, 0.140558, 0.225095, 0.260548], [-0.226338, -0.273767]),
    "LARS": ([-0.201182, -0.100285, 0.000888, 0.101244, 0.200443, 0.299208], [0.383, -0.961]),
}
"""What pytorch_optimizer 4.1.0 makes of them, with the settings of the example and a rate of 0.1."""


class ByHand(torch.optim.Optimizer):
    """LAMB and LARS from the papers' formulas, for matrices; without a rate of their own for vectors."""

    def __init__(self, groups, *, is_lamb):
        super().__init__(groups, {})
        self.is_lamb = is_lamb

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            (w,) = group["params"]
            state = self.state[w]
            m, v = state.get("m", torch.zeros_like(w)), state.get("v", torch.zeros_like(w))
            decay, is_matrix = group["weight_decay"], w.ndim > 1
            if self.is_lamb:
                m, v = 0.9 * m + 0.1 * w.grad, 0.999 * v + 0.001 * w.grad**2
                update = m / (v.sqrt() + 1e-6) + decay * w
                w -= 0.1 * (w.norm() / update.norm() if is_matrix else 1.0) * update
            else:
                ratio = 0.02 * w.norm() / (w.grad.norm() + decay * w.norm()) if is_matrix else 1.0
                m = 0.9 * m + ratio * (w.grad + decay * w)
                w -= 0.1 * m
            state["m"], state["v"] = m, v


@pytest.mark.parametrize("name", ["LAMB", "LARS"])
def test_recorded_steps_are_the_papers(name):
    found = grown(lambda groups: ByHand(groups, is_lamb=name == "LAMB"))
    assert all(one == pytest.approx(two, abs=3e-6) for one, two in zip(found, RECORDED[name], strict=True))


def test_the_library_takes_those_steps():
    """Planted: its defaults take others."""
    library = pytest.importorskip("pytorch_optimizer", reason=PEER)
    kinds = {"LAMB": (library.Lamb, example.LAMB), "LARS": (library.LARS, example.LARS)}
    for name, (kind, settings) in kinds.items():
        found = grown(lambda groups, kind=kind, settings=settings: kind(groups, lr=0.1, **settings))
        assert all(one == pytest.approx(two, abs=3e-6) for one, two in zip(found, RECORDED[name], strict=True))
    found = grown(lambda groups: library.Lamb(groups, lr=0.1))
    assert found[0] != pytest.approx(RECORDED["LAMB"][0], abs=0.01)


def test_it_trains_at_a_large_batch():
    assert example.trial(750, 0.1 * 30, lambda groups: torch.optim.SGD(groups, momentum=0.9)) > 0.88


def test_its_figures(capsys, monkeypatch):
    pytest.importorskip("pytorch_optimizer", reason=PEER)
    monkeypatch.setattr(torch, "set_num_threads", lambda _threads: None)
    runpy.run_path(example.__file__, run_name="__main__")
    figures = [float(word.strip(",")) for word in capsys.readouterr().out.split() if word.startswith("0.")]
    assert len(figures) == 9
    assert min(figures) > 0.8
