"""Where a run stands, to come back to after looking ahead."""

from __future__ import annotations

from typing import NamedTuple

from croupier.core.cursor import Cursor
from croupier.core.ledger import Ledger

__all__ = ["Standing"]


class Standing(NamedTuple):
    """A place in the run; what a state is made of, but for what is adopted and learned.

    Attributes
    ----------
    cursor : Cursor
    ledger : Ledger
    segment : int
        That of the deal received last, among all of the run: what feedback waits for.
    """

    cursor: Cursor
    ledger: Ledger
    segment: int
