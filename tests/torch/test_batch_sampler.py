from __future__ import annotations

import io

import pytest
import torch
from torch.utils.data import DataLoader, Sampler

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch import BatchSampler


def sampler(**arguments):
    plan = cr.chain(cr.LossWeighted(), cr.FixedSize(4, cr.Tail.DROP), segment_ids=8)
    return BatchSampler(plan, cr.Table(size=34), seed=1, **arguments)


def test_it_is_a_sampler_with_an_exact_length():
    whole = sampler()
    assert isinstance(whole, Sampler)
    assert len(whole) == whole.steps_per_epoch == len(list(whole)) == 8
    assert whole.epoch == 1
    assert whole.ledger.ids("left out of the epoch") == 2


def test_a_learned_state_crosses_a_safe_torch_load():
    whole = sampler()
    batches = iter(whole)
    for _ in range(5):
        deal = next(batches)
        whole.dealer.observe(deal, [float(i) for i in deal])
    buffer = io.BytesIO()
    torch.save(whole.state_dict(), buffer)
    buffer.seek(0)
    resumed = sampler()
    resumed.load_state_dict(torch.load(buffer, weights_only=True))
    assert next(iter(resumed)) == next(batches)


def test_any_dataloader_takes_it_on_any_rank():
    dealt = [
        batch.tolist()
        for rank in (0, 1)
        for batch in DataLoader(range(34), batch_sampler=sampler(rank=rank, world_size=2))
    ]
    assert len(dealt) == 8
    assert {len(batch) for batch in dealt} == {4}


def test_a_state_of_tensors_without_numbers_is_refused():
    with pytest.raises(BadArgument, match=r"state must be an array, got a Tensor that NumPy cannot read"):
        sampler().load_state_dict({**sampler().state_dict(), "scores": torch.ones(2, device="meta")})
