from __future__ import annotations

import pytest
import torch

from croupier.errors import BadArgument
from croupier.torch.devices import checked_device


def test_a_device_that_is_here_is_taken():
    assert checked_device(None) is None
    assert checked_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("device", ["gpu", 3.5, 2**63, "cuda:99", []])
def test_another_is_refused(device):
    with pytest.raises(BadArgument, match=r"device must be a device that torch has here, got .*; pass .cpu. or .cuda."):
        checked_device(device)
