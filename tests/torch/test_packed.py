from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

import croupier as cr
from croupier.errors import BadArgument
from croupier.torch import BatchSampler, Loader, WithFacts, packed, packed_rows

LENGTHS = [7, 1, 12, 5, 3]


def projections(total, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(1, 2, total, 8, generator=generator, dtype=torch.float64) for _ in range(3)]


def attention_one_by_one(query, key, value, batch, *, causal):
    bounds = batch.cu_seqlens.tolist()
    parts = []
    for low, high in pairwise(bounds):
        alone = [tensor[:, :, low:high] for tensor in (query, key, value)]
        parts.append(torch.nn.functional.scaled_dot_product_attention(*alone, is_causal=causal))
    return torch.cat(parts, dim=2)


@pytest.mark.parametrize("causal", [True, False])
def test_packed_attention_is_that_of_each_sequence_alone(causal):
    batch = packed([torch.arange(length) for length in LENGTHS])
    query, key, value = projections(sum(LENGTHS))
    expected = attention_one_by_one(query, key, value, batch, causal=causal)
    masked = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=batch.mask(causal=causal))
    assert torch.allclose(masked, expected, atol=1e-12)
    unmasked = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=causal)
    assert not torch.allclose(unmasked, expected, atol=1e-3), "without the mask, sequences see one another"


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")
def test_flex_attention_takes_the_same_mask(causal):
    batch = packed([torch.arange(length) for length in LENGTHS])
    total = sum(LENGTHS)
    query, key, value = (tensor.float() for tensor in projections(total))
    blocks = create_block_mask(batch.mask_mod(causal=causal), None, None, total, total, device="cpu")
    expected = attention_one_by_one(query, key, value, batch, causal=causal)
    assert torch.allclose(flex_attention(query, key, value, block_mask=blocks), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
def test_varlen_bounds_give_nested_tensors_the_same_result():
    """The jagged layout is built from the same bounds that variable-length kernels take."""
    batch = packed([torch.arange(length) for length in LENGTHS])
    query, key, value = projections(sum(LENGTHS))
    jagged = [
        torch.nested.nested_tensor_from_jagged(tensor[0].transpose(0, 1).contiguous(), batch.cu_seqlens.long())
        for tensor in (query, key, value)
    ]
    out = torch.nn.functional.scaled_dot_product_attention(*(tensor.transpose(1, 2) for tensor in jagged))
    expected = attention_one_by_one(query, key, value, batch, causal=False)
    assert torch.allclose(out.transpose(1, 2).values(), expected[0].transpose(0, 1), atol=1e-12)


def test_losses_of_a_small_model_are_those_of_the_examples_alone():
    """Embedding, position, one causal attention, a head: logits of the packed form against each example by itself."""
    torch.manual_seed(0)
    embed, place, head = torch.nn.Embedding(50, 16), torch.nn.Embedding(20, 16), torch.nn.Linear(16, 50)
    sequences = [torch.randint(0, 50, (length,)) for length in LENGTHS]

    def hidden(tokens, positions, mask):
        x = (embed(tokens) + place(positions))[None, None]
        return head(torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=mask)[0, 0])

    batch = packed(sequences)
    logits = hidden(batch.tokens, batch.position_ids, batch.mask())
    labels = batch.labels()
    together = torch.nn.functional.cross_entropy(logits[:-1], labels[1:], ignore_index=-100, reduction="sum")
    alone = sum(
        torch.nn.functional.cross_entropy(
            hidden(s, torch.arange(len(s)), torch.ones(len(s), len(s), dtype=torch.bool).tril())[:-1], s[1:],
            reduction="sum",
        )
        for s in sequences
        if len(s) > 1
    )  # fmt: skip
    assert torch.allclose(together, alone, rtol=1e-5)
    assert [part.tolist() for part in batch.unpacked(batch.tokens)] == [s.tolist() for s in sequences]


class Texts(torch.utils.data.Dataset):
    """Token t of text i is 1000 i + t; the part that the plan chose."""

    def __init__(self, lengths):
        self.lengths = lengths

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, row):
        start, length = int(row.facts["start"]), int(row.facts["length"])
        return 1000 * int(row) + torch.arange(start, start + length)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_of_packs_in_pieces(workers):
    lengths = np.random.default_rng(0).integers(1, 60, 40)
    plan = cr.chain(cr.Shuffle(), cr.Pack(32, too_long=cr.TooLong.SPLIT))
    loader = Loader(
        WithFacts(Texts(lengths)), BatchSampler(plan, cr.Table(length=lengths), seed=0), num_workers=workers,
        collate_fn=packed,
    )  # fmt: skip
    seen = []
    for batch in loader:
        assert len(batch.tokens) <= 32
        assert len(batch.tokens) == loader.deal.columns["length"].sum()
        seen += batch.tokens.tolist()
    assert sorted(seen) == [1000 * i + t for i, length in enumerate(lengths) for t in range(length)]


def test_bad_sequences_are_refused():
    with pytest.raises(BadArgument, match=r"sequences\[1\] must be a tensor of at least one token, got \[1, 2\]"):
        packed([torch.ones(2), [1, 2]])
    with pytest.raises(BadArgument, match=r"sequences\[0\] must be a tensor of at least one token"):
        packed([torch.ones(0)])
    with pytest.raises(BadArgument, match=r"sequences must be at least one, got 'none'"):
        packed([])


def test_rows_of_packs_attend_as_each_sequence_alone():
    samples = [(torch.arange(4) + 1, 0), (torch.arange(3) + 5, 0), (torch.arange(6) + 1, 1)]
    batch = packed_rows(samples, max_tokens=8)
    query, key, value = (torch.cat([tensor[:, :, :8], tensor[:, :, 8:16]]) for tensor in projections(16))
    out = torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=batch.mask())
    for row, bounds in ((0, [0, 4, 7]), (1, [0, 6])):
        for low, high in pairwise(bounds):
            alone = [tensor[row : row + 1, :, low:high] for tensor in (query, key, value)]
            expected = torch.nn.functional.scaled_dot_product_attention(*alone, is_causal=True)
            assert torch.allclose(out[row : row + 1, :, low:high], expected, atol=1e-12)
    assert torch.isfinite(out).all(), "padding attends to itself"
    assert batch.labels().tolist() == [[-100, 2, 3, 4, -100, 6, 7, -100], [-100, 2, 3, 4, 5, 6, -100, -100]]
    assert batch.position_ids.tolist() == [[0, 1, 2, 3, 0, 1, 2, 0], [0, 1, 2, 3, 4, 5, 0, 0]]


class Rows(Texts):
    def __getitem__(self, row):
        return 1000 * int(row) + torch.arange(self.lengths[row]), row.facts["pack"]


def test_a_loader_of_rows_of_packs():
    lengths = np.random.default_rng(0).integers(1, 30, 60)
    plan = cr.chain(cr.Shuffle(), cr.Pack(32, packs=4))
    loader = Loader(
        WithFacts(Rows(lengths)), BatchSampler(plan, cr.Table(length=lengths), seed=0),
        collate_fn=partial(packed_rows, max_tokens=32, padding=-1),
    )  # fmt: skip
    seen = []
    for batch in loader:
        assert batch.tokens.shape[1] == 32
        assert len(batch.tokens) <= 4
        assert ((batch.tokens >= 0) == (batch.sequence_ids > 0)).all()
        seen += batch.tokens[batch.sequence_ids > 0].tolist()
    assert sorted(seen) == [1000 * i + t for i, length in enumerate(lengths) for t in range(length)]
    with pytest.raises(BadArgument, match=r"max_tokens must be at least the 3 tokens of a pack, got 2; pass that of"):
        packed_rows([(torch.arange(3), 0)], max_tokens=2)
