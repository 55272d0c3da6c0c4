from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croupier as cr
from croupier.errors import BadArgument


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=30),
    shapes=st.integers(1, 4),
    multiple=st.sampled_from([1, 4, 8, 16]),
)
def test_no_choice_of_that_many_multiples_pads_less(lengths, shapes, multiple):
    found = cr.Shapes.within_budget(cr.Table(length=lengths), shapes, 256, multiple_of=multiple)
    caps = found.caps[:, 0]
    assert np.all(caps % multiple == 0)
    assert len(caps) <= shapes
    assert all(rows == 256 // cap for rows, cap in zip(found.examples, caps, strict=True))

    def padded(bounds):
        bounds = np.array(sorted(bounds))
        return int(bounds[np.searchsorted(bounds, lengths)].sum())

    largest = -(-max(lengths) // multiple) * multiple
    others = range(multiple, largest, multiple)
    best = min(padded([*choice, largest]) for choice in combinations(others, min(shapes - 1, len(others))))
    assert padded(caps) == best


def test_rounding_inside_the_search_beats_rounding_after_it():
    lengths = np.clip(np.random.default_rng(0).lognormal(5, 1, 20_000), 16, 1024).astype(np.int64)
    inside = cr.Shapes.within_budget(cr.Table(length=lengths), 8, 16_384, multiple_of=64).caps[:, 0]
    free = cr.Shapes.within_budget(cr.Table(length=lengths), 8, 16_384).caps[:, 0]
    after = np.unique(-(-free // 64) * 64)

    def padding(bounds):
        return 1 - lengths.sum() / bounds[np.searchsorted(bounds, lengths)].sum()

    assert padding(inside) < padding(after) - 0.02


def test_it_is_written_and_read(tmp_path):
    shapes = cr.Shapes(((8, 4), (16, 4)), (32, 9), ("frames", "tokens"))
    shapes.save(tmp_path / "shapes.json")
    assert cr.Shapes.load(tmp_path / "shapes.json") == shapes
    assert str(shapes).splitlines() == [
        "frames  tokens  rows  tokens",
        "     8       4    32     384",
        "    16       4     9     180",
    ]


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"format": "croupier shapes 2"}', '{"format": "croupier shapes 1", "lengths": [["a"]]}',
     '{"format": "croupier shapes 1", "lengths": [[8]], "examples": [true], "columns": ["length"]}', "[" * 100_000],
)  # fmt: skip
def test_another_file_is_refused(tmp_path, text):
    path = tmp_path / "shapes.json"
    path.write_text(text)
    with pytest.raises(BadArgument, match=r"path must be a file of 'croupier shapes 1'"):
        cr.Shapes.load(path)


def test_arguments_are_checked():
    with pytest.raises(BadArgument, match=r"examples must have one number for each of the 1 lengths"):
        cr.Shapes(((8,),), ())
    with pytest.raises(BadArgument, match=r"examples must be an integer >= 1 and <= 2147483648, got 0"):
        cr.Shapes(((8,),), (0,))
    assert cr.Shapes((8, np.int64(9)), [1, 2]).lengths == ((8,), (9,))
    for wrong in ({"examples": 4}, {"lengths": None}, {"columns": "length"}):
        with pytest.raises(BadArgument, match=r"must be a tuple, got"):
            cr.Shapes(**({"lengths": (8,), "examples": (1,)} | wrong))
    with pytest.raises(BadArgument, match=r"table must be a Table, got \[1, 2\]"):
        cr.Shapes.within_budget([1, 2], 1, 8)
    with pytest.raises(BadArgument, match=r"lengths must have one for each of \('length',\), got \(8, 9\)"):
        cr.Shapes(((8, 9),), (1,))
    with pytest.raises(BadArgument, match=r"max_tokens must be >= 64, the padded size of the largest shape, got 60"):
        cr.Shapes.within_budget(cr.Table(length=[60]), 2, 60, multiple_of=64)
