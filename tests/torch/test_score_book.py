"""One line in a training loop: what is kept is what the loop saw, on 1, 2 and 4 ranks, with workers, after a stop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

import croupier as cr
import score_children
from croupier.errors import BadArgument
from croupier.torch import BatchSampler, Loader, ScoreBook, training_scores
from score_children import KEPT, ROWS, columns, loader_of, logits_of, trained
from torch_children import spawn


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    loader = loader_of(tmp_path_factory.mktemp("alone") / "scores")
    trained(loader, epochs=4)
    return columns(cr.kept_scores(loader.dealer))


def test_gloo_ranks_keep_what_one_rank_keeps_also_after_a_stop_and_on_other_ranks(tmp_path, whole):
    """Four ranks, stopped in the middle of an epoch; two go on."""
    spawn(tmp_path, 4, score_children.train_and_stop)
    (tmp_path / "rendezvous").unlink(missing_ok=True)
    spawn(tmp_path, 2, score_children.go_on)
    for rank in range(2):
        assert np.array_equal(np.load(tmp_path / f"{rank}.npy"), whole, equal_nan=True)
    assert np.array_equal(columns(cr.ScoreStore.load(tmp_path / "scores").kept), whole, equal_nan=True)


def test_workers_and_prefetch_change_nothing(tmp_path, whole):
    loader = loader_of(tmp_path / "scores", num_workers=2, prefetch_factor=3)
    trained(loader, epochs=4)
    assert np.array_equal(columns(cr.kept_scores(loader.dealer)), whole, equal_nan=True)


@pytest.mark.parametrize("save_at", [3, 9, 14, 23])
def test_a_restart_in_the_middle_goes_on_bit_for_bit(tmp_path, whole, save_at):
    loader = loader_of(tmp_path / "scores")
    state = trained(loader, epochs=4, stop_at=save_at)
    torch.save(state, tmp_path / "state.pt")
    resumed = loader_of(tmp_path / "scores")
    resumed.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    trained(resumed, epochs=4)
    assert np.array_equal(columns(cr.kept_scores(resumed.dealer)), whole, equal_nan=True)


def test_what_is_kept_is_what_the_scores_say(tmp_path):
    loader = loader_of(tmp_path / "scores")
    trained(loader, epochs=4)
    kept = ScoreBook(loader).scores
    expected = [training_scores(*logits_of(torch.arange(ROWS), epoch)).margin.numpy() for epoch in range(3)]
    unread = np.isnan(expected[0])  # examples all of whose labels are ignored
    assert unread.any()
    assert np.array_equal(np.isnan(kept.read(cr.Mean("margin")).values), unread)
    assert np.allclose(kept.read(cr.Mean("margin")).values, np.mean(expected, axis=0), atol=1e-5, equal_nan=True)
    assert kept.statistics == KEPT


def plain_loader(*stages):
    plan = cr.chain(cr.Shuffle(), *stages, cr.FixedSize(4))
    return Loader(range(8), BatchSampler(plan, cr.Table(size=8), seed=1))


def test_only_what_the_plan_uses_is_computed():
    loader = plain_loader(cr.KeepScores((cr.Mean("novelty"), cr.Last("loss"))))
    book, seen = ScoreBook(loader), []
    observe = loader.dealer.observe
    loader.dealer.observe = lambda deal, signals: (seen.append(signals), observe(deal, signals))
    for rows in loader:
        book.record(torch.randn(4, 3), torch.zeros(4, dtype=torch.long), novelty=rows / 8)
    assert [sorted(signals) for signals in seen] == [["loss", "novelty"]] * 2


def test_a_stage_that_learns_gets_its_loss():
    loader = plain_loader(cr.BadPairs(1), cr.KeepScores((cr.Forgotten(),)))
    book = ScoreBook(loader)
    for _ in loader:
        book.record(torch.randn(4, 3), torch.zeros(4, dtype=torch.long))
    assert loader.dealer.program.memory.signals == ("loss", "correct")


@pytest.mark.parametrize("bias", [True, False])
def test_the_last_layer_may_have_no_bias(bias):
    loader = plain_loader(cr.KeepScores((cr.Last("gradient_norm"),)))
    book, seen = ScoreBook(loader, bias=bias), []
    loader.dealer.observe = lambda _, signals: seen.append(signals["gradient_norm"])
    layer, hidden, labels = torch.nn.Linear(5, 3, bias=bias), torch.randn(4, 5), torch.tensor([0, 1, 2, 0])
    next(iter(loader))
    book.record(layer(hidden), labels, hidden=hidden)
    functional.cross_entropy(layer(hidden[:1]), labels[:1]).backward()
    exact = torch.cat([parameter.grad.flatten() for parameter in layer.parameters()]).norm()
    assert seen[0][0] == pytest.approx(float(exact), rel=1e-5)


def test_what_is_missing_is_named():
    book = ScoreBook(loader := plain_loader(cr.KeepScores((cr.Mean("gradient_norm"), cr.Mean("novelty")))))
    logits, labels = torch.randn(4, 3), torch.zeros(4, dtype=torch.long)
    next(iter(loader))
    with pytest.raises(BadArgument, match=r"record must be given what the plan keeps, \['gradient_norm', 'novelty'\]"):
        book.record(logits, labels)
    computed = (
        r"record\(logits, labels, novelty=...\), or keep what it computes itself: loss, el2n, margin, correct, and"
    )
    with pytest.raises(BadArgument, match=computed):
        book.record(logits, labels, gradient_norm=torch.zeros(4))
    with pytest.raises(BadArgument, match=r"\['gradient_norm'\], got \['novelty'\]; pass hidden="):
        book.record(logits, labels, novelty=torch.zeros(4))
    book.record(logits, labels, novelty=torch.zeros(4), hidden=torch.randn(4, 5))
    with pytest.raises(BadArgument, match=r"signal must be finite, got nan; skip steps that overflowed"):
        book.record(logits, labels, novelty=torch.zeros(4), gradient_norm=torch.full((4,), torch.nan))


def test_what_is_no_loader_and_plans_that_keep_nothing_are_refused():
    with pytest.raises(BadArgument, match=r"loader must be a croupier.torch.Loader, got 3"):
        ScoreBook(3)
    with pytest.raises(BadArgument, match=r"bias must be True or False, got 0; pass False for a last layer without"):
        ScoreBook(plain_loader(cr.KeepScores((cr.Mean(),))), bias=0)
    with pytest.raises(BadArgument, match=r"loader must have a plan that keeps something"):
        ScoreBook(plain_loader())


def test_a_loader_takes_signals_by_name_as_tensors():
    loader = plain_loader(cr.KeepScores((cr.Last("margin"), cr.Last())))
    for rows in loader:
        loader.observe({"loss": rows.float().requires_grad_(), "margin": rows.to(torch.bfloat16)})
    reported = [report for reports in loader.dealer.program.memory._reports.values() for report in reports]
    assert sorted(np.concatenate([report.signals["margin"] for report in reported]).tolist()) == list(range(8))
