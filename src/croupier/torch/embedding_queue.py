"""Past embeddings as further negatives, with their ids, so that a copy of a positive is never one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import torch
import torch.distributed as dist

from croupier.errors import BadArgument, BadState, checked_int
from croupier.negatives.known_positives import KnownPositives
from croupier.torch.contrast_masks import host_ids, with_false_at
from croupier.torch.devices import checked_device
from croupier.torch.distributed import place_in_world
from croupier.torch.global_means import device_of_collective

__all__ = ["EmbeddingQueue", "QueuedNegatives"]


@dataclass(frozen=True, slots=True)
class QueuedNegatives:
    """What a queue offers some queries, oldest entry first.

    Attributes
    ----------
    embeddings : float tensor of shape (K, d)
        Without gradient; 0 where the queue is still empty.
    mask : bool tensor of shape (B, K)
        True where the entry may serve as a negative of the query.
    ages : int64 tensor of shape (K,)
        Steps since an entry was pushed; -1 where the queue is still empty.
    item_ids : int64 tensor of shape (K,)
        -1 where the queue is still empty.
    """

    embeddings: torch.Tensor
    mask: torch.Tensor
    ages: torch.Tensor
    item_ids: torch.Tensor


class EmbeddingQueue:
    """The last embeddings of items, first in, first out, each with its item's id and the step it was pushed.

    Parameters
    ----------
    capacity : int
        Entries kept. Any number of rows may be pushed at a time, also more than that: the last ones stay.
    dimension : int
        Of an embedding.
    max_age_steps : int, optional
        Entries pushed longer ago are kept and masked.
    dtype : torch.dtype
        What embeddings are kept in.
    device : torch.device, optional
        Where they are kept; by default on the host.
    group : ProcessGroup, optional
        The ranks that share the queue; by default all.

    Guarantees: first in, first out, in rank order within a push, so that all ranks hold the same queue, also where
    they push different numbers of rows; what was returned before does not change with later pushes; after
    ``load_state_dict`` every entry is bit for bit the one that was saved, on any number of ranks.

    Source: the queue of He et al., "Momentum contrast for unsupervised visual representation learning" (CVPR 2020),
    section 3.2; the memory with labels of Wang et al., "Cross-batch memory for embedding learning" (CVPR 2020); the
    queues of Shi et al., "CoCoSoDa" (ICSE 2023), which keep no ids: there an older copy of an item is pushed away from
    its own query. The ids, ages and the exchange between ranks are this library's.

    Examples
    --------
    >>> known = KnownPositives.of(queries=[0, 1], items=[10, 11])
    >>> queue = EmbeddingQueue(capacity=3, dimension=2)
    >>> queue.push([10, 11], torch.eye(2), step=0)
    >>> offered = queue.negatives([0, 1], known, step=4)
    >>> offered.mask.tolist(), offered.ages.tolist()
    ([[False, False, True], [False, True, False]], [-1, 4, 4])
    """

    def __init__(
        self,
        capacity: int,
        dimension: int,
        *,
        max_age_steps: int | None = None,
        dtype: torch.dtype = torch.float32,
        device: Any = None,
        group: Any = None,
    ) -> None:
        self.capacity = checked_int("capacity", capacity, at_least=1, fix="pass the number of entries to keep")
        self.dimension = checked_int("dimension", dimension, at_least=1, fix="pass the size of an embedding")
        if max_age_steps is not None:
            max_age_steps = checked_int(
                "max_age_steps", max_age_steps, at_least=0, fix="pass a number of steps, or None"
            )
        if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
            raise BadArgument("dtype", "be a floating-point dtype", dtype, "pass torch.float32, say")
        self.max_age_steps = max_age_steps
        self._group = group
        where = checked_device(device)
        try:
            self._embeddings = torch.zeros(self.capacity, self.dimension, dtype=dtype, device=where)
        except RuntimeError:
            size = f"{self.capacity} x {self.dimension}"
            raise BadArgument("capacity", "fit into memory", size, "keep fewer entries") from None
        self._item_ids = torch.full((self.capacity,), -1, dtype=torch.int64)
        self._steps = torch.full((self.capacity,), -1, dtype=torch.int64)

    def __len__(self) -> int:
        """Entries it holds by now."""
        return int((self._item_ids >= 0).sum())

    def push(self, item_ids: Any, embeddings: torch.Tensor, step: int) -> None:
        """Add the embeddings of a step; those of all ranks, where torch.distributed is up.

        Parameters
        ----------
        item_ids : integers of shape (n,)
            -1 for rows of padding, which are left out.
        embeddings : float tensor of shape (n, dimension)
            Kept without gradient. n may be 0, and differ between ranks.
        step : int
            Not below that of the push before.

        Collective: every rank of the group calls it in every step.

        Raises
        ------
        BadArgument
            On every rank where any has rows that do not fit or are not finite in the queue's dtype, or ranks give
            different steps; nothing is pushed then.
        """
        fault: BadArgument | None = None
        ids, rows, now = self._item_ids[:0], self._embeddings[:0], 0
        try:
            now = checked_int("step", step, at_least=max(0, int(self._steps[-1])), fix="count the optimizer's steps")
            ids, rows = self._checked(item_ids, embeddings)
        except BadArgument as error:
            fault = error
        if place_in_world(None, None).is_distributed:
            ids, rows = self._gathered(ids, rows, now, fault)
        elif fault is not None:
            raise fault
        count = min(ids.numel(), self.capacity)
        ids, rows = ids[ids.numel() - count :], rows[rows.shape[0] - count :]
        # New tensors rather than places written over: what was returned may be part of a graph that goes backward yet.
        self._embeddings = torch.cat([self._embeddings[count:], rows])
        self._item_ids = torch.cat([self._item_ids[count:], ids])
        self._steps = torch.cat([self._steps[count:], torch.full((count,), now)])

    def negatives(self, query_ids: Any, known: KnownPositives, *, step: int | None = None) -> QueuedNegatives:
        """Every entry, and which of them may serve as a negative of which query.

        Parameters
        ----------
        query_ids : integers of shape (B,)
        known : KnownPositives
            Of queries and items; ``known.transposed()`` for a queue of queries that contrast with items.
        step : int, optional
            The present one, that ages are counted to; by default that of the last push.

        Shapes do not depend on how full the queue is. Push a batch before or after this, as the method has it: entries
        of the batch's own positives are masked as known positives in both cases.
        """
        if not isinstance(known, KnownPositives):
            raise BadArgument("known", "be KnownPositives", known, "pass KnownPositives.of(queries, items)")
        queries = host_ids("query_ids", query_ids)
        last = max(0, int(self._steps[-1]))
        now = last if step is None else checked_int("step", step, at_least=last, fix="pass the step of the last push")
        is_there = self._item_ids >= 0
        ages = torch.where(is_there, now - self._steps, -1)
        serves = is_there if self.max_age_steps is None else is_there & (ages <= self.max_age_steps)
        device = self._embeddings.device
        found = known.pairs_among(queries, self._item_ids.numpy())
        mask = with_false_at(serves, queries.size, found, device=device)
        return QueuedNegatives(self._embeddings, mask, ages.to(device), self._item_ids.to(device))

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The entries, their ids and steps; the same on every rank, so one of them may save it."""
        return {"embeddings": self._embeddings, "item_ids": self._item_ids, "steps": self._steps}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Go on with what :meth:`state_dict` returned.

        Raises
        ------
        BadState
            Of another capacity, dimension or dtype, or damaged.
        """
        mine = self.state_dict()
        described = {name: (str(values.dtype), tuple(values.shape)) for name, values in mine.items()}
        if not isinstance(state, Mapping) or not all(isinstance(values, torch.Tensor) for values in state.values()):
            raise BadState("queue", "be tensors by name", type(state).__name__, "load what state_dict returned")
        theirs = {name: (str(values.dtype), tuple(values.shape)) for name, values in state.items()}
        if theirs != described:
            raise BadState("queue", f"hold {described}", f"{theirs}", "make the queue as it was when it was saved")
        self._embeddings, self._item_ids, self._steps = (
            state[name].detach().to(mine[name].device, copy=True) for name in mine
        )

    def _checked(self, item_ids: Any, embeddings: Any) -> tuple[torch.Tensor, torch.Tensor]:
        ids = torch.from_numpy(host_ids("item_ids", item_ids))
        fitting = (ids.numel(), self.dimension)
        if not isinstance(embeddings, torch.Tensor) or embeddings.shape != fitting:
            what = tuple(embeddings.shape) if isinstance(embeddings, torch.Tensor) else type(embeddings).__name__
            raise BadArgument("embeddings", f"be a tensor of shape {fitting}", f"{what}", "pass a row for each id")
        if not embeddings.is_floating_point():
            raise BadArgument("embeddings", "be a float tensor", embeddings.dtype, "push what the model computed")
        rows = embeddings.detach().to(self._embeddings)
        real = torch.nonzero(ids >= 0).flatten()
        if real.numel() < ids.numel():
            ids, rows = ids[real], rows[real.to(rows.device)]
        readable = rows.float() if rows.element_size() == 1 else rows
        if not rows.is_meta and not bool(torch.isfinite(readable).all()):
            fix = "skip the push of a step that overflowed, with no rows and the same step"
            raise BadArgument("embeddings", f"be finite in {rows.dtype}", "NaN or inf", fix)
        return ids, rows

    def _gathered(
        self, ids: torch.Tensor, rows: torch.Tensor, step: int, fault: BadArgument | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The ids and rows of all ranks, in rank order; a mistake travels ahead of them, so that no rank waits."""
        device = device_of_collective(rows.device, cast(Any, dist).get_backend_config(self._group))
        count = ids.numel()
        header = torch.tensor([count, step, fault is None], dtype=torch.int64, device=device)
        headers = torch.stack(self._from_all_ranks(header)).cpu().T
        counts, steps, fits = cast("list[list[int]]", headers.tolist())
        if fault is not None:
            raise fault
        if not all(fits) or len(set(steps)) > 1:
            what = (
                f"steps {steps}" if all(fits) else f"mistakes on ranks {[r for r, fit in enumerate(fits) if not fit]}"
            )
            raise BadArgument("push", "be given rows that fit and the same step on every rank", what, "mend that rank")
        if not any(counts):
            return ids, rows
        all_ids = torch.zeros(max(counts), dtype=torch.int64, device=device)
        all_rows = torch.zeros(max(counts), self.dimension, dtype=rows.dtype, device=device)
        all_ids[:count], all_rows[:count] = ids, rows
        # Embeddings go as bytes: no backend need know their dtype, and they arrive as they were.
        parts = [self._from_all_ranks(all_ids), self._from_all_ranks(all_rows.view(torch.uint8))]
        joined = [torch.cat([part[:many] for part, many in zip(each, counts, strict=True)]) for each in parts]
        return joined[0].cpu(), joined[1].view(rows.dtype).to(rows.device)

    def _from_all_ranks(self, values: torch.Tensor) -> list[torch.Tensor]:
        parts = [torch.empty_like(values) for _ in range(dist.get_world_size(self._group))]
        cast(Any, dist).all_gather(parts, values, group=self._group)
        return parts
