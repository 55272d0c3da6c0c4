"""What training observed of a deal, as the memory of the run takes note of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy.typing as npt

from croupier.errors import BadArgument, checked_kind
from croupier.run.checking import checked_signals
from croupier.run.deal import Deal
from croupier.run.memory import Report
from croupier.run.program import Program

__all__ = ["observe"]


def observe(
    program: Program, deal: Deal, signal: npt.ArrayLike | Mapping[str, npt.ArrayLike], *, ranks_alone: int
) -> None:
    """Report the signals of a deal; ``ranks_alone`` counts the ranks of a run that cannot exchange what they see."""
    if ranks_alone > 1:
        raise BadArgument(
            "observe", "be used where ranks can exchange what they observe", f"{ranks_alone} ranks alone",
            "initialise torch.distributed before the BatchSampler, or call connect(gather, agree)",
        )  # fmt: skip
    checked_kind("deal", deal, Deal, fix="pass what the dealer or loader.deal gave")
    signals = checked_signals(signal, len(deal))
    if not deal.is_padding:
        ordinal = program.epochs.ordinal(deal.epoch, deal.segment)
        program.memory.report(Report(ordinal, deal.places, deal.ids, signals))
