from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import croupier as cr
from croupier.demo.corpus import VOCABULARY
from croupier.demo.training import LanguageModel, pad, token_losses, train


def test_padding_is_computed_and_then_left_out():
    torch.manual_seed(0)
    model = LanguageModel()
    short, long = torch.tensor([5, 6, 7]), torch.arange(1, 20)
    alone = token_losses(model, pad([short]))
    together = token_losses(model, pad([short, long]))
    assert together.numel() == 2 + 18
    assert torch.allclose(together[:2], alone, atol=1e-5)


def test_the_model_does_not_see_what_it_predicts():
    torch.manual_seed(0)
    model = LanguageModel()
    text = torch.arange(1, 11)[None]
    changed = text.clone()
    changed[0, 6] = 99
    assert torch.allclose(model(text)[0, :6], model(changed)[0, :6], atol=1e-6)
    assert not torch.allclose(model(text)[0, 6], model(changed)[0, 6], atol=1e-6)


def test_it_learns_and_counts_what_it_computed(library):
    corpus, held_out = library.take(np.arange(600)).split(0.2)
    seen = []
    plan = cr.chain(cr.Shuffle(), cr.SortedWindows(256), cr.TokenBudget(2048))
    trained = train(plan, corpus, held_out, epochs=1, seed=0, tick=seen.append)
    assert sum(seen) == trained.examples == len(corpus)
    assert trained.tokens == corpus.lengths.sum()
    said = cr.preview(plan, corpus.table(), seed=0)
    assert trained.padding == pytest.approx(said.padding)
    assert trained.held_out_loss < math.log(VOCABULARY) - 0.5
