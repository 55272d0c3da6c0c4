from __future__ import annotations

import numpy as np
import pytest
import torch

from croupier.core.plain_array import plain_array
from croupier.errors import BadArgument


def test_arrays_come_back_as_they_are_and_lists_as_arrays():
    values = np.arange(3)[::-1]
    assert plain_array("ids", values) is values
    assert plain_array("ids", torch.tensor([1, 2])).tolist() == [1, 2]
    assert plain_array("ids", 3).shape == ()


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([[1], [2, 3]], r"ids must be an array, got a list that NumPy cannot read; give rows of one length"),
        (np.ma.masked_array([1], [True]), r"ids must have a value in every place, got a masked array; fill the masked"),
        (torch.ones(1, requires_grad=True), r"ids must be an array, got a Tensor that NumPy cannot read; detach it"),
        (torch.ones(1, dtype=torch.bfloat16), r"ids must be an array, got a Tensor that NumPy cannot read; detach it"),
        (
            torch.ones(1, device="meta"),
            r"ids must be an array, got a Tensor that NumPy cannot read; detach it and move",
        ),
    ],
)
def test_what_numpy_cannot_read_is_named(values, text):
    with pytest.raises(BadArgument, match=text):
        plain_array("ids", values)
