"""The statistics that a run keeps, for a look while it goes on, and when it is over."""

from __future__ import annotations

from typing import Any

from croupier.core.keeping import Kept
from croupier.errors import BadArgument, checked_flag
from croupier.run.dealer import Dealer

__all__ = ["kept_scores"]


def kept_scores(run: Any, *, run_is_over: bool = False) -> Kept:
    """What the :class:`KeepScores` of a plan hold.

    Parameters
    ----------
    run : Dealer or croupier.torch.Loader
    run_is_over : bool
        What is observed acts two segments later, so while a run goes on it keeps what the last segment planned may
        know: nothing yet in the first two segments, which without ``segment_ids`` are the first two epochs of up to
        2^18 examples. After the last epoch pass True, on every rank: what was observed of the last two segments is
        taken in as well, in the folder too, and the run deals no further.

    Of a run that has ended, ``ScoreStore.load(folder)`` reads what its folder holds.

    Raises
    ------
    BadArgument
        The plan keeps nothing.

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Shuffle(), cr.KeepScores((cr.Last(),)), cr.FixedSize(2))
    >>> dealer = cr.Dealer(plan, cr.Table(size=4), seed=0)
    >>> for deal in dealer:
    ...     dealer.observe(deal, deal.ids / 2)
    >>> kept_scores(dealer).read(cr.Last()).values
    array([nan, nan, nan, nan], dtype=float32)
    >>> kept_scores(dealer, run_is_over=True).read(cr.Last()).values
    array([0. , 0.5, 1. , 1.5], dtype=float32)
    """
    dealer = getattr(run, "dealer", run)
    if not isinstance(dealer, Dealer):
        raise BadArgument("run", "be a Dealer or a Loader", run, "pass the loader that was trained on")
    memory = dealer.program.memory
    if not memory.kept().statistics:
        raise BadArgument("plan", "keep something", "one that does not", "add KeepScores((Mean(),)) to the chain")
    if checked_flag("run_is_over", run_is_over, fix="pass True after the last epoch"):
        memory.take_in_all()
    return memory.kept()
