"""An endless stream of batches that can go back: for searches that try something, and try something else instead."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch

from croupier.core.cursor import Cursor
from croupier.errors import BadArgument, BadState
from croupier.run.deal import Deal
from croupier.run.program import Program
from croupier.run.standing import Standing
from croupier.torch.hard_examples import BiasedChoice, WeightedChoice
from croupier.torch.loader import Loader

__all__ = ["Mark", "Rewindable"]


@dataclass(frozen=True, slots=True, eq=False)
class Mark:
    """A place in a stream, from :meth:`Rewindable.mark`; each is of one stream, and open until released.

    Attributes
    ----------
    received : int
        Batches of this stream before it.
    program : Program
        What they were planned by.
    """

    received: int
    program: Program


class Rewindable:
    """The batches of a loader, epoch after epoch without end, with a way back.

    Parameters
    ----------
    loader : Loader
        From now on the stream's alone: nothing else may iterate it, or load a state into it.

    While a mark is open, what is received after it is kept, batch and deal. A probe that is rewound sees the batches
    that the others saw; one that is not, fresh ones. To the plan it is as if workers had prefetched further.

    Guarantees: after ``rewind`` the same batches come again, the same objects, also over the end of an epoch; nothing
    is planned or fetched twice, and no worker is restarted. Memory is the batches since the oldest open mark. The
    loader's ``deal``, ``column``, ``cursor``, ``ledger`` and ``state_dict()`` are those of the batch received last,
    also of one received again: those of a run that never looked ahead. Every rank must mark, rewind and release alike.

    Observations count once: while a mark is open ``observe`` and ``chose`` are refused, for what is received may still
    be taken back. Train what is kept after the release. A plan that learns or keeps looks no further ahead than it
    does for workers, to the end of the segment after the mark's; then ``FeedbackTooLate`` is raised.

    A training loop must not change batches in place while a mark is open. Versions adopted while one is open stay.
    torch's DataLoader draws a number from the global generator where an epoch begins: give the loader one of its own
    (``generator=torch.Generator()``), or dropout after a probe differs from that of a run without.

    Examples
    --------
    >>> import croupier as cr
    >>> from croupier.torch import BatchSampler
    >>> plan = cr.chain(cr.Sequential(), cr.FixedSize(2))
    >>> stream = Rewindable(Loader(range(6), BatchSampler(plan, cr.Table(size=6), seed=0)))
    >>> next(stream).tolist()
    [0, 1]
    >>> mark = stream.mark()
    >>> [next(stream).tolist() for _ in range(3)], stream.cursor.samples
    ([[2, 3], [4, 5], [0, 1]], 8)
    >>> stream.rewind(mark)
    >>> stream.cursor.samples, next(stream).tolist()
    (2, [2, 3])
    >>> stream.release(mark)
    """

    def __init__(self, loader: Loader) -> None:
        if not isinstance(loader, Loader):
            raise BadArgument("loader", "be a croupier.torch.Loader", loader, "wrap the dataset in one")
        self.loader = loader
        self._start_over()

    def __iter__(self) -> Iterator[Any]:
        """The stream itself: a loop over it goes on where the last one stopped."""
        return self

    def __next__(self) -> Any:
        """The next batch: one kept, or a fresh one."""
        if self._ahead == len(self._kept):
            self._fetch()
        batch, place = self._kept[self._ahead]
        self._ahead += 1
        self.loader.stand_back(place)
        self._forget()
        return batch

    def mark(self) -> Mark:
        """Keep what is received from here on, so that it can be received again."""
        mark = Mark(self._forgotten + self._ahead, self.loader.dealer.program)
        self._marks.append(mark)
        return mark

    def rewind(self, mark: Mark) -> None:
        """Go to a mark, which stays open; one that lies ahead is gone to as well.

        Raises
        ------
        BadArgument
            The mark is not open here, or since then an epoch began on a table that has grown.
        """
        self._check_open(mark)
        if mark.program is not self.loader.dealer.program:
            raise BadArgument(
                "mark", "be of the table as it is now", "one of fewer rows",
                "an epoch that ends on the rows it began with is no way back: mark again in the next",
            )  # fmt: skip
        self._ahead = mark.received - self._forgotten
        self.loader.stand_back(self._kept[self._ahead - 1][1] if self._ahead else self._oldest)

    def release(self, mark: Mark) -> None:
        """Close a mark, and forget what is kept for it alone; where the stream stands does not change."""
        self._check_open(mark)
        self._marks.remove(mark)
        self._forget()

    @property
    def kept_batches(self) -> int:
        """How many are in memory."""
        return len(self._kept)

    @property
    def deal(self) -> Deal:
        """What was decided about the batch received last."""
        return self.loader.deal

    @property
    def cursor(self) -> Cursor:
        """Where the run stands after the batch received last: the samples, tokens and steps that schedules read."""
        return self.loader.cursor

    def observe(self, losses: torch.Tensor | npt.ArrayLike) -> None:
        """Report a loss for each example of the batch received last; refused while a mark is open."""
        self._check_for_good("observe")
        self.loader.observe(losses)

    def chose(self, choice: BiasedChoice | WeightedChoice) -> None:
        """Record which examples of the batch received last the loop trains on; refused while a mark is open."""
        self._check_for_good("chose")
        self.loader.chose(choice)

    def state_dict(self) -> dict[str, Any]:
        """The state after the batch received last, as if none had come after it; any loader of the plan takes it."""
        return self.loader.state_dict()

    def load_state_dict(self, state: Mapping[str, Any], *, accept: Sequence[str] = ()) -> None:
        """Go on where the state was taken; all marks are closed, what was kept is forgotten."""
        self.loader.load_state_dict(state, accept=accept)
        self._start_over()

    def fork(self, loader: Loader) -> Rewindable:
        """A stream of its own from here on, by another loader of the same plan, table, seed and split.

        Costs the planning of a segment. In another process load ``state_dict()``: this is the same. Scores that a plan
        keeps in a folder belong to one run, and are no place to fork.
        """
        if loader is self.loader:
            raise BadArgument("loader", "be another one", "the stream's own", "make a second")
        other = Rewindable(loader)
        other.load_state_dict(self.state_dict())
        return other

    def _start_over(self) -> None:
        self._batches: Iterator[Any] | None = None
        self._kept: deque[tuple[Any, tuple[Deal | None, Standing]]] = deque()
        self._marks: list[Mark] = []
        self._ahead = self._forgotten = 0
        """Of what is kept, how much is received; and how many batches came before."""
        self._oldest = self.loader.place
        self._is_broken = False

    def _fetch(self) -> None:
        if self._is_broken:
            raise BadState("stream", "be whole", "a batch failed to come", "load a state from before into it")
        self._is_broken = True
        wanted = self._oldest[1]
        deal, standing = self._kept[-1][1] if self._kept else self._oldest
        while True:
            # The loader deals on from its front; but feedback waits for what may still be observed.
            self.loader.stand_back((deal, standing._replace(segment=wanted.segment)))
            self._batches = self._batches or iter(self.loader)
            for batch in self._batches:
                self._kept.append((batch, self.loader.place))
                self._is_broken = False
                return
            deal, standing = self.loader.place
            self._batches = None

    def _forget(self) -> None:
        """What no mark can lead back to."""
        first = min([mark.received for mark in self._marks], default=self._forgotten + self._ahead)
        for _ in range(min(first - self._forgotten, self._ahead)):
            self._oldest = self._kept.popleft()[1]
            self._forgotten += 1
            self._ahead -= 1

    def _check_open(self, mark: Mark) -> None:
        if not isinstance(mark, Mark) or mark not in self._marks:
            raise BadArgument("mark", "be open, and of this stream", mark, "a released one leads nowhere: mark again")

    def _check_for_good(self, what: str) -> None:
        if self._marks:
            raise BadArgument(
                what, "be called where nothing can be taken back", f"{len(self._marks)} open marks",
                "release them, and train on what follows",
            )  # fmt: skip
