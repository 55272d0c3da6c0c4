"""Which entries of a list of candidates are taken: the top, any, or each in its turn."""

from __future__ import annotations

from enum import Enum

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.stage import Context
from croupier.errors import BadArgument, checked_int
from croupier.kernels.elementary import natural_log
from croupier.kernels.mixing import draws_below
from croupier.negatives.pairs import Pairs

__all__ = ["Pick", "check_picking", "compacted", "first_of_each", "picked_ranks"]


class Pick(Enum):
    """Which of a list are taken. ``TOP``: the first. ``AT_RANDOM``: any, none twice. ``IN_TURN``: others each epoch.

    An item that a list has more than once counts once.
    """

    TOP = "top"
    """The first of the list: its hardest, where it is sorted."""
    AT_RANDOM = "at random"
    """Any of the list, none twice in a draw."""
    IN_TURN = "in turn"
    """A window that moves on with every epoch: each comes once before any comes again."""


def check_picking(per_example: int, pick: Pick, pairs: Pairs) -> None:
    """Refuse arguments that stages which pick from lists share."""
    per_example = checked_int("per_example", per_example, at_least=1, fix="pass the number of negatives an example")
    if not isinstance(pick, Pick):
        raise BadArgument("pick", "be a Pick", pick, "pass Pick.TOP, Pick.AT_RANDOM or Pick.IN_TURN")
    if not isinstance(pairs, Pairs):
        raise BadArgument("pairs", "be Pairs", pairs, 'pass Pairs("user", "item")')


def compacted(usable: npt.NDArray[np.bool_]) -> tuple[Int64, Int64]:
    """Of each row, the places of its usable entries first, in their order, shape (n, m); and how many there are."""
    return np.argsort(~usable, axis=1, kind="stable"), usable.sum(axis=1)


def first_of_each(lists: Int64) -> npt.NDArray[np.bool_]:
    """False where a row's list has an item that it had before: each counts once.

    Examples
    --------
    >>> first_of_each(np.array([[7, 8, 7], [7, 8, 9]])).tolist()
    [[True, True, False], [True, True, True]]
    """
    is_first = np.ones(lists.shape, dtype=np.bool_)
    ordered = np.sort(lists, axis=1)
    rows = np.flatnonzero(((ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)).any(axis=1))
    if rows.size:
        order = np.argsort(lists[rows], axis=1, kind="stable")
        is_first[rows[:, None], order[:, 1:]] = ordered[rows, 1:] != ordered[rows, :-1]
    return is_first


def picked_ranks(
    have: Int64, count: int, pick: Pick, ids: Int64, context: Context
) -> tuple[Int64, npt.NDArray[np.float64]]:
    """Ranks below ``have``, none twice in a row, and the log probability of each in one draw; shape (n, count).

    Rank -1, with log probability -inf, where there are too few. The draw belongs to the place in the flow of ids, the
    turn to the id.
    """
    turn = np.arange(count, dtype=np.int64)
    some = np.maximum(have, 1)
    if pick is Pick.TOP:
        ranks = np.broadcast_to(turn, (have.size, count))
    elif pick is Pick.IN_TURN:
        begin = draws_below(context.key.bits, ids, some)  # its own, so that not all lists begin at their top
        ranks = (begin[:, None] + context.epoch * count + turn) % some[:, None]
    else:
        ranks = _none_twice(have, count, context.segment_key.bits)
    log_q = np.zeros(have.size) if pick is Pick.TOP else -natural_log(some.astype(np.float64))
    is_there = turn < have[:, None]
    return np.where(is_there, ranks, -1), np.where(is_there, log_q[:, None], -np.inf)


def _none_twice(have: Int64, count: int, key: int) -> Int64:
    """Uniform draws without replacement: each from what is left, moved past those drawn before it."""
    drawn = np.empty((have.size, count), dtype=np.int64)
    taken = np.empty((have.size, 0), dtype=np.int64)  # ascending in each row
    counters = np.arange(have.size, dtype=np.int64) * count
    for turn in range(count):
        rank = draws_below(key, counters + turn, np.maximum(have - turn, 1))
        for place in range(turn):
            rank += rank >= taken[:, place]
        drawn[:, turn] = rank
        taken = np.sort(np.concatenate([taken, rank[:, None]], axis=1), axis=1)
    return drawn
