"""Keep statistics of what training observes of each example, without a pass of their own."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike

from croupier.core.batches import Batches
from croupier.core.score_layout import ScoreLayout
from croupier.core.score_statistics import KINDS, Statistic
from croupier.core.stage import Context
from croupier.errors import BadArgument, checked_flag, checked_path

__all__ = ["KeepScores"]


@dataclass(frozen=True, slots=True)
class KeepScores:
    """Keep running statistics of every row; the plan stays as it is, until another stage of it reads them.

    Report with ``loader.observe(losses)``, with ``loader.observe({"loss": losses, "margin": margins})``, or with
    ``croupier.torch.ScoreBook``, which takes logits and labels. It may stand anywhere after the order.
    :class:`ScoreWeighted`, :class:`ScoreColumn` and :class:`KeptBadPairs` plan by what is kept, :func:`kept_scores` and
    :class:`ScoreStore` read it.

    Parameters
    ----------
    statistics : tuple of Last, Mean, Variance, Count, Ema, Forgotten
        Each of a signal: "loss" by default, or a name that is reported. ``Mean("margin")`` is AUM, ``Mean("el2n")``
        EL2N, ``Forgotten()`` counts forgetting events.
    half : bool
        Two bytes a number instead of four, and one byte a count: see :class:`ScoreStore`.
    artefact : path, optional
        A folder of this run's own that holds the records as a mapped file with a journal a segment; pass
        ``ArtefactFolder(path, keep_versions=...)`` to remove old journals. Without it they are part of every
        checkpoint, 8 bytes a row and count, 4 a row and number.

    Guarantees: observations of segment s are in from segment s + 2 on, exchanged over ranks and taken in in the order
    the ids were dealt: the same bits on any number of ranks, with any prefetch, after any restart. What is kept can be
    changed in a new run only.

    Source: for what the statistics are, see each. Scores from the early epochs of a training say which examples matter:
    Paul, Ganguli and Dziugaite, "Deep learning on a data diet: finding important examples early in training" (2021).

    Examples
    --------
    >>> import croupier as cr
    >>> plan = cr.chain(cr.Shuffle(), KeepScores((cr.Mean(), cr.Count())), cr.FixedSize(2), segment_ids=4)
    >>> dealer = cr.Dealer(plan, cr.Table(size=4), seed=0)
    >>> for epoch in range(4):
    ...     for deal in dealer:
    ...         dealer.observe(deal, deal.ids + epoch)
    >>> cr.kept_scores(dealer).read(cr.Mean()).values.tolist()   # of epochs 0 and 1, as the plan of epoch 3 knew them
    [0.5, 1.5, 2.5, 3.5]
    """

    statistics: tuple[Statistic, ...]
    half: bool = False
    artefact: str | PathLike[str] | None = field(default=None, metadata={"fingerprint": False})
    name: str = "keep_scores"
    layout: ScoreLayout = field(init=False, compare=False, repr=False, metadata={"fingerprint": False})

    def __post_init__(self) -> None:
        if self.artefact is not None:
            checked_path("artefact", self.artefact, fix="pass a folder, or None to keep scores in the state")
        if isinstance(self.half, KINDS):
            fix = "write KeepScores((Mean(), Variance()))"
            raise BadArgument("statistics", "be one tuple", f"{self.statistics}, {self.half}", fix)
        object.__setattr__(self, "half", checked_flag("half", self.half, fix="pass True or False"))
        object.__setattr__(self, "layout", ScoreLayout(self.statistics, self.half))
        object.__setattr__(self, "statistics", self.layout.statistics)

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Leave them as they are."""
        return batches
