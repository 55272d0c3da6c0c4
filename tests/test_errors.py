from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
import torch

import croupier as cr
from croupier import errors
from croupier.errors import BadArgument, checked_fraction, checked_int


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 0, 11])
def test_integers_are_integers(value):
    with pytest.raises(BadArgument, match=r"size must be an integer >= 1 and <= 10, got .*; mend it"):
        checked_int("size", value, at_least=1, at_most=10, fix="mend it")


@pytest.mark.parametrize("value", [True, "0.5", None, 0, -1, 1.01, float("nan"), [1]])
def test_fractions_are_fractions(value):
    with pytest.raises(BadArgument, match=r"share must be a number in \(0, 1\], got .*; mend it"):
        checked_fraction("share", value, fix="mend it")


def test_what_a_user_passed_is_shown_as_code_and_shortened():
    assert "got '5'; " in str(BadArgument("size", "be an integer", "5", "mend it"))
    assert "got dtype object; " in str(BadArgument("column", "hold numbers", "dtype object", "mend it"))
    assert len(str(BadArgument("ids", "be short", list(range(1000)), "mend it"))) < 200


def test_every_error_subclasses_a_built_in_one():
    kinds = [value for name, value in vars(errors).items() if name in errors.__all__ and isinstance(value, type)]
    assert len(kinds) == 7
    assert all(issubclass(kind, (ValueError, RuntimeError)) for kind in kinds)


def test_zero_has_no_sign():
    assert math.copysign(1.0, errors.checked_real("unseen", -0.0, "be >= 0", at_least=0, fix="pass 0")) == 1.0


@pytest.mark.parametrize("flag", [True, np.True_, torch.tensor(True), pa.scalar(True)])
def test_a_flag_is_no_number(flag):
    with pytest.raises(BadArgument, match="batch_size must be an integer >= 1, got"):
        checked_int("batch_size", flag, at_least=1, fix="pass 32")


def test_scalars_of_other_libraries_are_kept_as_python_has_them():
    kept = cr.Balanced(max_tokens=pa.scalar(9), micro_batches=np.int8(2))
    assert (type(kept.max_tokens), type(kept.micro_batches)) == (int, int)
