"""Loops that choose among candidates: what is recorded, and that a resume repeats it, with workers and over ranks."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch

import croupier as cr
from choice_children import COUNT, ROWS, choose_and_report, hard_batches, loader, scores_of, trained
from croupier.errors import BadArgument
from croupier.run.choices import CHOSEN, OFFERED
from croupier.torch import Accumulated, BatchSampler, Loader, hardest, importance_sample
from torch_children import spawn


def test_a_resume_in_the_middle_chooses_the_same_and_counts_on():
    whole = loader(num_workers=2, prefetch_factor=2)
    steps = [(seen, whole.state_dict()) for seen in trained(whole, 3)]
    chosen = np.cumsum([len(places) for (_, places, _), _ in steps])
    assert whole.ledger.ids(CHOSEN) == chosen[-1] > 1.9 * len(steps), "one where a batch is of one"
    assert whole.ledger.ids(OFFERED) == 3 * ROWS
    for place in (4, 22, 23, 40):
        buffer = io.BytesIO()
        torch.save(steps[place][1], buffer)
        buffer.seek(0)
        resumed = loader()
        resumed.load_state_dict(torch.load(buffer, weights_only=True))
        assert resumed.ledger.ids(CHOSEN) == chosen[place]
        expected = [seen for seen, _ in steps[place + 1 :]]
        rest = list(trained(resumed, 1))
        assert rest == expected[: len(rest)]
        assert resumed.ledger.ids(CHOSEN) == chosen[place + len(rest)]


def test_two_ranks_draw_as_one_and_count_alike(tmp_path):
    spawn(tmp_path, 2, choose_and_report)
    (mine, ledger, state, hard), (theirs, other, _, others_hard) = (
        json.loads(Path(tmp_path, f"2-{rank}.json").read_text()) for rank in (0, 1)
    )
    assert ledger == other == state
    offered = dict(map(tuple, ledger))
    assert offered[OFFERED] == 3 * ROWS
    assert offered[CHOSEN] == sum(len(places) for _, places, _ in mine + theirs)
    alone = loader()
    single = list(trained(alone, 3))
    both = [row for step in zip(mine, theirs, strict=True) for row in step]
    flat = [i for ids, _, _ in both for i in ids]
    assert flat == [i for ids, _, _ in single for i in ids], "the same order, with what both ranks observed"
    by_ids = {tuple(ids): (places, weights) for ids, places, weights in single}
    same = [by_ids[tuple(ids)] == (places, weights) for ids, places, weights in both if tuple(ids) in by_ids]
    assert len(same) > 60
    assert all(same), "a batch is chosen from alike on whatever rank it is"
    joined = [i for step in zip(hard, others_hard, strict=True) for ids in step for i in ids]
    assert joined == [i for ids in hard_batches() for i in ids]


def test_an_abandoned_pass_is_not_counted_and_a_step_counts_once_done():
    run = loader()
    for number, batch in enumerate(run):
        run.chose(hardest(scores_of(batch, 0), COUNT))
        if number == 4:
            break
    assert run.ledger.ids(CHOSEN) == 10
    for batch in run:
        assert run.ledger.ids(CHOSEN) == 0
        run.chose(hardest(scores_of(batch, 0), COUNT))
        break
    assert run.ledger.ids(CHOSEN) == 2


def test_accumulated_steps_choose_from_each_micro_batch():
    plan = cr.chain(cr.Shuffle(), cr.FixedSize(8))
    inner = Loader(list(range(64)), BatchSampler(plan, cr.Table(size=64), seed=0, split=cr.Balanced(micro_batches=2)))
    for step in Accumulated(inner, 2):
        for micro in step:
            choice = importance_sample(micro.batch.float() + 1, 1, inner.choice_key(micro.deal))
            inner.chose(choice, micro.deal)
            assert micro.deal.chosen.tolist() == choice.places.tolist()
    assert inner.ledger.ids(CHOSEN) == 16
    assert inner.ledger.ids(OFFERED) == 64


def test_holding_it_wrong_is_refused():
    run = loader()
    batch = next(iter(run))
    with pytest.raises(BadArgument, match=r"choice must be among the 4 ids of the deal, got 9; pass its deal"):
        run.chose(hardest(torch.ones(9), 2))
    for no_choice in (hardest(batch.float(), 2).places, [0, 1]):
        with pytest.raises(
            BadArgument, match=r"choice must be a choice among the candidates, got '(Tensor|list)'; pass wh"
        ):
            run.chose(no_choice)
    run.chose(hardest(batch.float(), 2))
    with pytest.raises(BadArgument, match="chose must be called once for a deal, got a second choice; join the two"):
        run.chose(hardest(batch.float(), 2))
