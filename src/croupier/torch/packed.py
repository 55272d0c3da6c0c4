"""Join the sequences of a pack for a model: token ids, positions, bounds, and a mask that keeps them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from croupier.errors import BadArgument, checked_int, checked_kind

__all__ = ["Packed", "PackedRows", "packed", "packed_rows"]


@dataclass(frozen=True, slots=True)
class Packed:
    """Sequences laid end to end.

    Attributes
    ----------
    tokens : Tensor of shape (total, ...)
        The sequences, one after another, without padding.
    position_ids : int64 tensor of shape (total,)
        0, 1, 2... anew for each sequence.
    cu_seqlens : int32 tensor of shape (sequences + 1,)
        Where each sequence begins, and the total: what variable-length attention kernels take.
    max_seqlen : int
        The longest sequence.
    """

    tokens: torch.Tensor
    position_ids: torch.Tensor
    cu_seqlens: torch.Tensor
    max_seqlen: int

    @property
    def sequence_ids(self) -> torch.Tensor:
        """The number of the sequence that each token belongs to, int64 of shape (total,)."""
        lengths = self.cu_seqlens.diff().long()
        return torch.repeat_interleave(torch.arange(lengths.numel(), device=lengths.device), lengths)

    def mask(self, *, causal: bool = True) -> torch.Tensor:
        """Which token may attend to which, bool of shape (total, total), for ``scaled_dot_product_attention``.

        It grows with the square of the total: for long packs pass ``cu_seqlens`` to a variable-length kernel, or
        ``mask_mod`` to flex attention.
        """
        same = self.sequence_ids[:, None] == self.sequence_ids[None, :]
        return same.tril() if causal else same

    def mask_mod(self, *, causal: bool = True):  # noqa: ANN201 - a function of four index tensors
        """The same as a ``mask_mod`` for ``torch.nn.attention.flex_attention.create_block_mask``."""
        of = self.sequence_ids

        def may_attend(batch: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
            del batch, head
            allowed = of[query] == of[key]
            return allowed & (query >= key) if causal else allowed

        return may_attend

    def labels(self, ignored: int = -100) -> torch.Tensor:
        """The tokens with the first of each sequence ignored, for models that shift labels by one themselves.

        A label belongs to the token before it; the first token of a sequence has none before it in its own sequence.
        """
        ignored = checked_int("ignored", ignored, at_least=-(2**31), at_most=2**31, fix="pass -100, say")
        labels = self.tokens.clone()
        labels[self.position_ids == 0] = ignored
        return labels

    def unpacked(self, values: torch.Tensor) -> list[torch.Tensor]:
        """What was computed for each token, sequence by sequence: losses, hidden states."""
        checked_kind("values", values, torch.Tensor, fix="pass a tensor")
        if not values.ndim or len(values) != len(self.tokens):
            raise BadArgument("values", f"have {len(self.tokens)} rows", tuple(values.shape), "pass one for each token")
        return list(torch.split(values, [int(length) for length in self.cu_seqlens.diff()]))


def packed(sequences: Sequence[torch.Tensor]) -> Packed:
    """Lay sequences end to end: the ``collate_fn`` of a DataLoader whose plan ends in ``Pack(max_tokens)``.

    Parameters
    ----------
    sequences : sequence of tensors of shape (length, ...)
        What the dataset returns for each id, none of them empty. Under ``TooLong.SPLIT`` or ``TRUNCATE`` the dataset
        returns the part that ``index.facts`` names (see :class:`WithFacts`).

    Examples
    --------
    >>> batch = packed([torch.tensor([5, 6, 7]), torch.tensor([8, 9])])
    >>> batch.tokens.tolist(), batch.position_ids.tolist(), batch.cu_seqlens.tolist(), batch.max_seqlen
    ([5, 6, 7, 8, 9], [0, 1, 2, 0, 1], [0, 3, 5], 3)
    >>> batch.labels().tolist()
    [-100, 6, 7, -100, 9]
    """
    checked_kind("sequences", sequences, Sequence, fix="pass a list of tensors")
    lengths: list[int] = []
    for place, sequence in enumerate(sequences):
        if not isinstance(sequence, torch.Tensor) or sequence.ndim == 0 or not len(sequence):
            raise BadArgument(f"sequences[{place}]", "be a tensor of at least one token", sequence, "mend the dataset")
        lengths.append(len(sequence))
    if not lengths:
        raise BadArgument("sequences", "be at least one", "none", "is the batch empty?")
    return Packed(
        tokens=torch.cat(list(sequences)),
        position_ids=torch.cat([torch.arange(length) for length in lengths]),
        cu_seqlens=torch.tensor([0, *lengths]).cumsum(0).to(torch.int32),
        max_seqlen=max(lengths),
    )


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Packs as the rows of a rectangle, padded at their ends.

    Attributes
    ----------
    tokens : Tensor of shape (rows, max_tokens)
    position_ids : int64 tensor of shape (rows, max_tokens)
        0, 1, 2... anew for each sequence; 0 for padding.
    sequence_ids : int64 tensor of shape (rows, max_tokens)
        1, 2, 3... within a row; 0 for padding.
    """

    tokens: torch.Tensor
    position_ids: torch.Tensor
    sequence_ids: torch.Tensor

    def mask(self, *, causal: bool = True) -> torch.Tensor:
        """Which token may attend to which, bool of shape (rows, 1, max_tokens, max_tokens).

        Padding attends to itself, so that no row of the softmax is empty; ignore what comes of it.
        """
        same = self.sequence_ids[:, None, :, None] == self.sequence_ids[:, None, None, :]
        return same.tril() if causal else same

    def labels(self, ignored: int = -100) -> torch.Tensor:
        """The tokens, with padding and the first of each sequence ignored, for models that shift labels themselves."""
        return self.tokens.masked_fill((self.position_ids == 0) | (self.sequence_ids == 0), ignored)


def packed_rows(samples: Sequence[tuple[torch.Tensor, int]], *, max_tokens: int, padding: int = 0) -> PackedRows:
    """Lay packs out as rows of one length: the ``collate_fn`` for ``Pack(max_tokens, packs=rows)``.

    Parameters
    ----------
    samples : sequence of (tokens of shape (length,), pack)
        The pack is ``index.facts["pack"]`` in the dataset (see :class:`WithFacts`).
    max_tokens : int
        As given to ``Pack``; write ``functools.partial(packed_rows, max_tokens=...)``.
    padding : int
        The token of padding.

    Examples
    --------
    >>> samples = [(torch.tensor([5, 6]), 0), (torch.tensor([7]), 0), (torch.tensor([8, 9, 4]), 1)]
    >>> batch = packed_rows(samples, max_tokens=4)
    >>> batch.tokens.tolist(), batch.sequence_ids.tolist()
    ([[5, 6, 7, 0], [8, 9, 4, 0]], [[1, 1, 2, 0], [1, 1, 1, 0]])
    """
    max_tokens = checked_int("max_tokens", max_tokens, at_least=1, fix="pass the length of a row")
    padding = checked_int("padding", padding, at_least=-(2**63), at_most=2**63 - 1, fix="pass a token")
    checked_kind("samples", samples, Sequence, fix="pass a list of pairs (tensor, pack)")
    if not len(samples):
        raise BadArgument("samples", "be one or more", samples, "skip an empty batch")
    for sample in samples:
        if not isinstance(sample, tuple) or len(sample) != 2 or not isinstance(sample[0], torch.Tensor):
            raise BadArgument("samples", "be pairs of a tensor and its pack", sample, "collate what the dataset gives")
    rows: dict[int, list[torch.Tensor]] = {}
    for tokens, pack in samples:
        rows.setdefault(int(pack), []).append(tokens)
    joined = [packed(rows[pack]) for pack in sorted(rows)]
    longest = max(len(row.tokens) for row in joined)
    if longest > max_tokens:
        raise BadArgument("max_tokens", f"be at least the {longest} tokens of a pack", max_tokens, "pass that of Pack")

    def padded(values: Sequence[torch.Tensor], fill: int) -> torch.Tensor:
        return torch.stack([torch.nn.functional.pad(row, (0, max_tokens - len(row)), value=fill) for row in values])

    return PackedRows(
        tokens=padded([row.tokens for row in joined], padding),
        position_ids=padded([row.position_ids for row in joined], 0),
        sequence_ids=padded([row.sequence_ids + 1 for row in joined], 0),
    )
