"""Tensors that can be read come to the host; all others are refused by name."""

from __future__ import annotations

import pytest
import torch

from croupier.errors import BadArgument
from croupier.torch.dense_tensors import on_host


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool])
def test_dense_tensors_come_as_they_are(dtype):
    values = torch.ones(2, 3).to(dtype)
    assert torch.equal(on_host("losses", values.t()), values.t())
    assert not on_host("losses", torch.ones(2, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (torch.ones(2).to_sparse(), r"torch.float32, torch.sparse_coo on cpu"),
        (torch.ones(2) + 1j, r"torch.complex64, torch.strided on cpu"),
        (torch.ones(2, device="meta"), r"torch.float32, torch.strided on meta"),
    ],
)
def test_others_are_refused(values, what):
    with pytest.raises(
        BadArgument, match=rf"losses must be real numbers of a dense tensor, got a tensor of {what}; pass"
    ):
        on_host("losses", values)
