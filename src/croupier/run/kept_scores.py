"""The statistics that a run keeps, for a look while it goes on."""

from __future__ import annotations

from croupier.core.keeping import Kept
from croupier.errors import BadArgument
from croupier.run.dealer import Dealer

__all__ = ["kept_scores"]


def kept_scores(dealer: Dealer) -> Kept:
    """What the :class:`KeepScores` of a plan hold, as the last segment that was planned knows it.

    For a loader: ``kept_scores(loader.dealer)``. To read a run that has ended, ``ScoreStore.load(folder)``.

    Raises
    ------
    BadArgument
        The plan keeps nothing.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Shuffle(), cr.KeepScores((cr.Last(),)), cr.FixedSize(2))
    >>> kept_scores(cr.Dealer(plan, cr.Table(size=4), seed=0)).read(cr.Last())
    Learned(values=array([nan, nan, nan, nan], dtype=float32), version=0)
    """
    kept = dealer.program.memory.kept()
    if not kept.statistics:
        raise BadArgument("plan", "keep something", "one that does not", "add KeepScores((Mean(),)) to the chain")
    return kept
