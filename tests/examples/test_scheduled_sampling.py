from __future__ import annotations

import copy
import runpy
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch

import croupier as cr
import scheduled_sampling as example
from self_generated_tokens import InverseSigmoid, greedy, interleaved, scheduled

OWN_TOKENS = InverseSigmoid(4, unit=128)
HELD_OUT = example.copycat(512, seed=1)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def begun(seed=0):
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(example.BATCH_ROWS))
    torch.manual_seed(seed)
    model = example.Reader()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return cr.Dealer(plan, cr.Table(size=example.ROWS), seed=seed), model, optimizer


def filtered(rows):
    """The best answers to sights alone: by the forward recursion of the hidden side's chain, shape (rows, SIDES)."""
    sights, chance, best = rows[:, ::2].numpy(), np.full(len(rows), 0.5), []
    for at in range(example.SIDES):
        if at:
            chance = chance * (1 - example.CHANGE) + (1 - chance) * example.CHANGE
        seen = np.where(sights[:, at] == 1, example.RIGHT_SIGHT, 1 - example.RIGHT_SIGHT)
        chance = chance * seen / (chance * seen + (1 - chance) * (1 - seen))
        best.append(chance > 0.5)
    return np.stack(best, axis=1)


def copied(rows):
    """The best answers given the true ones before, left alone: the first sight, for ever."""
    return np.repeat(rows[:, :1].numpy(), example.SIDES, axis=1)


def trained(true_share, epochs, seed=0):
    dealer, model, optimizer = begun(seed)
    rows = example.copycat(example.ROWS, seed=0)
    for _ in range(epochs):
        list(example.train(dealer, rows, model, optimizer, true_share))
    return example.accuracies(model, HELD_OUT)


def test_its_figures(capsys, monkeypatch):
    """Teacher forcing learns the best predictor, which is as bad as copying alone; own tokens come near the filter."""
    monkeypatch.setattr(torch, "set_num_threads", lambda _threads: None)
    runpy.run_path(example.__file__, run_name="__main__")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (_, (given, alone), _, (own_given, own_alone)) = [(float(line[-6]), float(line[-2])) for line in lines]
    truth = HELD_OUT[:, 1::2].numpy() == 3
    filter_, copy_ = ((said == truth).mean() for said in (filtered(HELD_OUT), copied(HELD_OUT)))
    assert (0.82 < filter_ < 0.88, 0.55 < copy_ < 0.65) == (True, True)
    assert given > 0.92
    assert alone == pytest.approx(copy_, abs=0.01)
    assert own_alone > 0.95 * filter_
    assert own_alone < filter_ + 0.01  # no predictor can do better than the filter
    assert own_given < given  # what it costs: answers are trusted less, also where they are true


def test_labels_that_are_own_tokens_do_not_help(monkeypatch):
    """Planted: the context that was generated, taken for the truth."""

    def mutant(model, batch, *arguments):
        context = scheduled(model, batch, *arguments)["input_ids"]
        return replace(batch, tokens=context).inputs(context)

    monkeypatch.setattr(example, "scheduled", mutant)
    assert trained(OWN_TOKENS, 2)[1] < 0.7


def test_one_pass_alone_helps_less():
    """Planted: own tokens that follow the truth are wrong only where the side has just changed."""
    before, example.PASSES = example.PASSES, 1
    try:
        once = trained(OWN_TOKENS, 1)
    finally:
        example.PASSES = before
    assert once[1] < trained(OWN_TOKENS, 1)[1] - 0.03


def test_accuracies_are_those_of_answers_alone():
    """From the definition, with a model that has learned nothing."""
    _, model, _ = begun(seed=3)
    rows = HELD_OUT[:20]
    batch = example.as_batch(rows, list(range(20)))
    context = interleaved(model, batch, batch.is_answer, torch.zeros(rows.shape), greedy, example.SIDES)
    with torch.no_grad():
        given = model(rows, batch.is_there).argmax(dim=-1)[:, ::2]
    wanted = [(given == rows[:, 1::2]).double().mean().item(), (context == rows)[:, 1::2].double().mean().item()]
    assert example.accuracies(model, rows) == pytest.approx(wanted)


@pytest.mark.parametrize("stop", [5, 32])
def test_a_run_that_stops_goes_on_with_the_same_tokens_and_weights(stop):
    rows, whole = example.copycat(example.ROWS, seed=0), begun()
    steps = 40 if stop == 32 else 9

    def run(dealer, model, optimizer, steps):
        trains = (deal for _ in range(2) for deal in example.train(dealer, rows, model, optimizer, OWN_TOKENS))
        return [list(deal) for deal in islice(trains, steps)]

    deals = run(*whole, steps)
    stopped, resumed = begun(), begun(seed=0)
    first = run(*stopped, stop)
    for new, old in zip(resumed, stopped, strict=True):
        new.load_state_dict(copy.deepcopy(old.state_dict()))
    assert first + run(*resumed, steps - stop) == deals
    for new, old in zip(resumed[1].parameters(), whole[1].parameters(), strict=True):
        assert torch.equal(new, old)
