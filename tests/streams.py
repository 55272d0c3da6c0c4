"""Deal whole streams for all ranks at once, to compare one with another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import croupier as cr
from cases import Case, table
from croupier.core.cursor import Cursor
from croupier.run.program import Program
from croupier.run.walk import Step, walk


def program_of(case: Case, *, world_size: int = 1, seed: int = 3, facts: cr.Table | None = None) -> Program:
    dealer = cr.Dealer(
        case.plan(), table() if facts is None else facts, seed=seed, world_size=world_size, split=case.split
    )
    return dealer.program


def steps_of(program: Program, world_size: int, cursor: Cursor | None = None) -> list[Step]:
    return list(walk(program, Cursor(world_size=world_size) if cursor is None else cursor, world_size, program.segment))


@dataclass(frozen=True)
class Dealt:
    """One step as the ranks receive it: shares[rank][micro_batch] = ids, and which of them are padding."""

    ids: list[list[list[int]]]
    padding: list[list[bool]]


def dealt(program: Program, step: Step, world_size: int) -> Dealt:
    shares = [program.split.share(step.batches, world_size, rank).mine for rank in range(world_size)]
    return Dealt(
        [[step.batches.indices[share.rows].tolist() for share in mine] for mine in shares],
        [[share.is_padding for share in mine] for mine in shares],
    )


def flat_ids(steps: list[Step]) -> list[int]:
    return np.concatenate([step.batches.indices for step in steps]).tolist() if steps else []
