"""Named policies: what happens to ids that do not fit. Nothing is dropped, padded or repeated without one."""

from __future__ import annotations

from enum import Enum

__all__ = ["EpochEnd", "FewIds", "Tail", "TooLong", "Whole"]


class Tail(Enum):
    """The end of an epoch, where the ids left do not fill a batch on every rank.

    ``SHORT``: smaller batches, equal in number over the ranks. ``CARRY``: first in the next epoch, so that every batch
    is full. ``DROP``: left out of this epoch, and counted.
    """

    SHORT = "short"
    """Deal them as smaller batches, equal in number over the ranks."""
    CARRY = "carry"
    """Deal them first in the next epoch: every batch is full, every id is dealt once per pass over the data."""
    DROP = "drop"
    """Leave them out of this epoch; the ledger counts them."""


class TooLong(Enum):
    """An example longer than the budget of a batch.

    ``REFUSE``: raise. ``DROP``: leave it out. ``TRUNCATE``: deal it at the budget's length. ``SPLIT``: deal it in
    pieces, columns ``start`` and ``length``. ``ALONE``: whole, in a batch of its own above the budget.
    """

    REFUSE = "refuse"
    """Raise, naming the example."""
    DROP = "drop"
    """Leave it out; the ledger counts it and its tokens."""
    TRUNCATE = "truncate"
    """Deal it at the budget's length (column ``length``); the ledger counts the tokens cut."""
    SPLIT = "split"
    """Deal it in pieces, one after another: columns ``start`` and ``length`` say which part each is."""
    ALONE = "alone"
    """Deal it whole, in a batch of its own that is over the budget; the ledger counts it."""


class FewIds(Enum):
    """The last step of an epoch, where fewer ids are left than there are ranks.

    ``REFUSE``: raise. ``DROP``: leave them out. ``PAD``: repeat some, flagged, at loss scale 0. The ledger counts them.
    """

    REFUSE = "refuse"
    """Raise, naming these policies."""
    DROP = "drop"
    """Leave them out; the ledger counts them."""
    PAD = "pad"
    """Repeat some as padding: flagged in ``is_padding``, loss scale 0, counted in the ledger."""


class EpochEnd(Enum):
    """When the epoch of a mixture is over, and what becomes of a source that runs out before.

    ``ROWS``: after as many samples as the sources have rows; a source that runs out begins again, and goes on in the
    next epoch from there. ``FIRST_RUNS_OUT``: where a source would have to begin again; no row twice in an epoch.
    ``LAST_RUNS_OUT``: where every row has come at least once; sources that run out before begin again. ``ALL_RUN_OUT``:
    where every row has come exactly once; a source that runs out leaves, the others share in proportion.
    """

    ROWS = "rows"
    """After as many samples as the sources have rows; a source that runs out begins again, in the middle of an epoch
    of the mixture if need be, and goes on from there in the next."""
    FIRST_RUNS_OUT = "first runs out"
    """Where a source would have to begin again: no row twice in an epoch."""
    LAST_RUNS_OUT = "last runs out"
    """Where every row has been dealt at least once; sources that run out before begin again."""
    ALL_RUN_OUT = "all run out"
    """Where every row has been dealt exactly once; a source that runs out leaves, the others share in proportion."""


class Whole(Enum):
    """How far a batch of the plan must stay together; a stage says so in its attribute ``whole``.

    ``NO``: it may be cut where the ranks need equal counts, and evened out with another. ``CUT_ONLY``: not joined with
    another. ``WITH_ITS_LANES``: cut if need be, but in a step with the batches of its lanes alone. ``ON_A_RANK``: all
    of it on one rank, as a loss within the batch needs. ``IN_A_STEP``: all of it in one step and none of the next with
    it, shared by the ranks.
    """

    NO = "no"
    """It may be cut in place, and the last one evened out with the one before."""
    CUT_ONLY = "or cut"
    """It may be cut in place, but never joined with another: it has a shape of its own. The split is Lockstep."""
    WITH_ITS_LANES = "with its lanes"
    """It may be cut, but a step holds no batch of other lanes with it: the split is Lockstep with lanes that are a
    multiple of the world size, or Balanced; and a stage after it leaves each id in its step."""
    ON_A_RANK = "on a rank"
    """All of it goes to one rank: no split may cut it."""
    IN_A_STEP = "in a step"
    """The ranks share it, and a step holds nothing else: the split is Balanced, or there is one rank."""
