from __future__ import annotations

import numpy as np
import pytest
import torch

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch import BatchSampler, Loader, PadToShape


class Pairs(torch.utils.data.Dataset):
    def __init__(self, table):
        self.source, self.target = table.column("source"), table.column("target")

    def __len__(self):
        return self.source.size

    def __getitem__(self, row):
        return torch.full((int(self.source[row]), 3), float(row)), torch.full((int(self.target[row]),), int(row))


def test_through_a_loader_only_the_shapes_reach_the_model():
    rng = np.random.default_rng(0)
    table = cr.Table(source=rng.integers(1, 90, 300), target=rng.integers(1, 40, 300))
    shapes = cr.Shapes.within_budget(table, 5, 900, length=("source", "target"), multiple_of=8)
    plan = cr.chain(cr.Shuffle(), cr.FixedShapes(shapes), segment_ids=100)
    collate = PadToShape(shapes, pad_values=(0.0, -100))
    loader = Loader(Pairs(table), BatchSampler(plan, table, seed=0), collate_fn=collate)
    seen, rows = set(), []
    for batch in loader:
        source, target = batch.tensors
        seen.add((*source.shape, *target.shape))
        assert source.shape[0] == target.shape[0] == batch.lengths.shape[0]
        assert not batch.mask(0)[batch.examples :].any()
        for number in range(batch.examples):
            row = int(source[number, 0, 0])
            rows.append(row)
            assert batch.lengths[number].tolist() == [table.column("source")[row], table.column("target")[row]]
            assert torch.all(source[number][batch.mask(0)[number]] == row)
            assert torch.all(source[number][~batch.mask(0)[number]] == 0)
            assert torch.all(target[number][batch.mask(1)[number]] == row)
            assert torch.all(target[number][~batch.mask(1)[number]] == -100)
    assert sorted(rows) == list(range(300))
    assert len(seen) <= 5


def test_examples_of_other_lengths_are_refused():
    collate = PadToShape(cr.Shapes(((4,),), (2,)))
    with pytest.raises(
        BadArgument, match=r"examples must fit one of the shapes, got 1 examples of up to \[5\]; the len"
    ):
        collate([torch.zeros(5)])
    with pytest.raises(BadArgument, match=r"examples must fit one of the shapes, got 3 examples of up to \[1\]"):
        collate([torch.zeros(1)] * 3)
    with pytest.raises(BadArgument, match=r"examples must have a tensor for each of \('length',\), got 2"):
        collate([(torch.zeros(1), torch.zeros(1))])
    with pytest.raises(BadArgument, match=r"pad_values must have at most one for each of"):
        PadToShape(cr.Shapes(((4,),), (2,)), (0, 1))
    with pytest.raises(BadArgument, match=r"examples must be one or more, got \[\]; skip an empty batch"):
        collate([])
    for wrong in ([torch.tensor(3)], [3], [np.zeros(2)]):
        with pytest.raises(BadArgument, match=r"examples must be tensors with a length, or tuples of them"):
            collate(wrong)
    with pytest.raises(BadArgument, match=r"PadToShape must get Shapes and a tuple"):
        PadToShape([(4,)])
