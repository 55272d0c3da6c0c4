"""In which order workers train the blocks of a table of pairs, so that no two of them ever touch one row at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from croupier.errors import BadArgument, checked_int

__all__ = ["Block", "BlockSchedule"]


class Block(NamedTuple):
    """The pairs whose head is in one part and whose tail is in another, and who trains them."""

    worker: int
    head: int
    tail: int


@dataclass(frozen=True, slots=True)
class BlockSchedule:
    """All ``parts`` x ``parts`` blocks in rounds; in a round each worker trains one block at most.

    Parameters
    ----------
    parts : int
    workers : int
    tied : bool
        Whether heads and tails are rows of one table, so that a head's part is in the way of a tail's too.

    Iterating gives the rounds, each a tuple of blocks. Workers wait for each other between rounds, and for nothing
    within one.

    Guarantees: every block once; in a round no two blocks share a head's part or a tail's part, and of a tied table no
    two share any part. What a worker writes no other reads, so the result does not depend on who is faster, nor on how
    many threads there are. No worker is idle where ``workers`` divides ``parts``, or where twice as many divide it if
    tied. A worker keeps its part of the tails for up to ``workers`` rounds.

    Source: the orthogonal blocks of Zhu et al., "GraphVite" (WWW 2019), made to fit any numbers; the tied rounds are
    the circle method for tournaments (Kirkman, 1847), each match played both ways. Proofs in ``docs/graphs.md``.

    Examples
    --------
    >>> [[(block.head, block.tail) for block in blocks] for blocks in BlockSchedule(parts=2, workers=2)]
    [[(0, 0), (1, 1)], [(1, 0), (0, 1)]]
    >>> [[(block.head, block.tail) for block in blocks] for blocks in BlockSchedule(parts=2, workers=1, tied=True)]
    [[(0, 0)], [(1, 1)], [(0, 1)], [(1, 0)]]
    """

    parts: int
    workers: int
    tied: bool = False

    def __post_init__(self) -> None:
        parts = checked_int("parts", self.parts, at_least=1, at_most=2**12, fix="pass a small multiple of the workers")
        object.__setattr__(self, "parts", parts)
        workers = checked_int("workers", self.workers, at_least=1, fix="pass how many blocks are trained at a time")
        object.__setattr__(self, "workers", workers)
        if not isinstance(self.tied, bool):
            raise BadArgument("tied", "be True or False", self.tied, "pass True where heads and tails are one table")

    def __iter__(self) -> Iterator[tuple[Block, ...]]:
        return self._of_one_table() if self.tied else self._of_two_tables()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _of_two_tables(self) -> Iterator[tuple[Block, ...]]:
        groups = [range(first, min(first + self.workers, self.parts)) for first in range(0, self.parts, self.workers)]
        for tails in groups:
            for heads in groups:
                # A Latin square on the larger of both; where one group is smaller, some workers have no block.
                size = max(len(heads), len(tails))
                for turn in range(size):
                    yield tuple(
                        Block(worker, heads[(worker + turn) % size], tail)
                        for worker, tail in enumerate(tails)
                        if (worker + turn) % size < len(heads)
                    )

    def _of_one_table(self) -> Iterator[tuple[Block, ...]]:
        yield from self._dealt([(part, part) for part in range(self.parts)])
        players = self.parts + self.parts % 2  # one that is not there, where they are odd
        for turn in range(players - 1):
            played = [(one, other) for one, other in _matches(players, turn) if max(one, other) < self.parts]
            yield from self._dealt(played)
            yield from self._dealt([(other, one) for one, other in played])

    def _dealt(self, blocks: list[tuple[int, int]]) -> Iterator[tuple[Block, ...]]:
        for first in range(0, len(blocks), self.workers):
            yield tuple(Block(worker, *block) for worker, block in enumerate(blocks[first : first + self.workers]))


def _matches(players: int, turn: int) -> list[tuple[int, int]]:
    """A round of a tournament: the last player stays, the others sit in a circle that turns."""
    circle = players - 1
    pairs = [((turn + step) % circle, (turn - step) % circle) for step in range(1, players // 2)]
    return [(turn, circle), *pairs]
