"""Where this process stands among the ranks, and how they exchange observations and compare plans."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
import torch.distributed as dist

from croupier.errors import BadArgument, RanksDisagree
from croupier.run.memory import Report
from croupier.run.program import Segment
from croupier.run.report_bytes import reports_from_bytes, reports_to_bytes

__all__ = ["Place", "RankAgreement", "place_in_world"]


@dataclass(frozen=True, slots=True)
class Place:
    """A rank of a world, and whether torch.distributed connects it with the others."""

    rank: int
    world_size: int
    is_distributed: bool


def place_in_world(rank: int | None, world_size: int | None) -> Place:
    """The rank and world size given; else those of torch.distributed; else the only rank there is."""
    if (rank is None) != (world_size is None):
        raise BadArgument(
            "rank and world_size", "be given together or not at all", (rank, world_size),
            "leave both out where torch.distributed is initialised",
        )  # fmt: skip
    up = dist.is_available() and dist.is_initialized()
    if rank is None or world_size is None:
        return Place(dist.get_rank(), dist.get_world_size(), True) if up else Place(0, 1, False)
    return Place(rank, world_size, up and (rank, world_size) == (dist.get_rank(), dist.get_world_size()))


class RankAgreement:
    """Exchanges small facts between ranks, on a process group of its own.

    Its own, because a plan is made while the training's collectives are in flight; gloo, because plans are on the host.
    """

    def __init__(self) -> None:
        self._group: Any = cast(Any, dist).new_group(backend="gloo")

    def gather(self, reports: list[Report]) -> list[list[Report]]:
        """Everyone's observations, by rank."""
        mine = torch.frombuffer(bytearray(reports_to_bytes(reports)), dtype=torch.uint8)
        sizes = self._all_gathered(torch.tensor([mine.numel()]))
        padded = torch.zeros(int(max(sizes)), dtype=torch.uint8)
        padded[: mine.numel()] = mine
        everyones = self._all_gathered(padded)
        return [
            reports_from_bytes(theirs[: int(size)].numpy().tobytes())
            for theirs, size in zip(everyones, sizes, strict=True)
        ]

    def check(self, segment: Segment) -> None:
        """Compare a planned segment with that of every other rank.

        Raises
        ------
        RanksDisagree
        """
        batches = segment.batches
        hashed = hashlib.blake2b(digest_size=7)  # a number that int64 holds
        for values in (batches.indices, batches.offsets):
            hashed.update(np.ascontiguousarray(values).tobytes())
        hashed.update(repr((segment.split, segment.refreshed)).encode())
        mine = torch.tensor([segment.epoch, segment.number, int.from_bytes(hashed.digest())])
        gathered = torch.stack(self._all_gathered(mine)).numpy().tolist()
        everyones = [(epoch, number, f"{bits:014x}") for epoch, number, bits in gathered]
        if any(theirs != everyones[0] for theirs in everyones):
            raise RanksDisagree(
                f"ranks planned different batches (epoch, segment, hash by rank: {everyones}); give every rank the same"
                " seed, plan, table, state and croupier version"
            )

    def _all_gathered(self, mine: torch.Tensor) -> list[torch.Tensor]:
        everyones = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
        cast(Any, dist).all_gather(everyones, mine, group=self._group)
        return everyones
