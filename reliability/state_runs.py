"""Small runs, one for each kind of thing that a state can hold."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import croupier as cr

__all__ = ["RUNS", "StateRun"]

ROWS, GROWN_ROWS, EPOCHS = 60, 80, 3
LENGTHS = (np.arange(GROWN_ROWS, dtype=np.int64) * 37) % 11 + 1


def nothing(dealer: cr.Dealer, deals: int, folder: Path) -> None:
    """What most runs do between deals."""


@dataclass(frozen=True)
class StateRun:
    """How a run is made, how far it is played before its state is taken, and what it does on the way."""

    name: str
    plan: Callable[[Path], Any]
    deals: int
    act: Callable[[cr.Dealer, int, Path], None] = nothing
    split: Any = None
    signals: tuple[str, ...] = ()
    rows: int = ROWS
    later_rows: int = ROWS
    skips: int = 0

    def dealer(self, folder: Path, *, rows: int | None = None) -> cr.Dealer:
        """One to load a state of the run, on the table as it is later."""
        here = slice(0, self.later_rows if rows is None else rows)
        table = cr.Table(length=LENGTHS[here], query=LENGTHS[here] % 5, item=np.arange(GROWN_ROWS)[here] % 4)
        return cr.Dealer(self.plan(folder), table, seed=5, split=self.split)

    def state(self, folder: Path) -> dict[str, Any]:
        """Its state after so many deals; the folder then holds what it refers to."""
        dealer = self.dealer(folder, rows=self.rows)
        self._play(dealer, self.deals, folder)
        if self.skips:
            state, dealer = dealer.state_dict(), self.dealer(folder, rows=self.rows)
            dealer.load_state_dict(state)
            dealer.skip_steps(self.skips)
            self._play(dealer, 2, folder)
        return dealer.state_dict()

    def rest(self, dealer: cr.Dealer, deals: Iterable[cr.Deal] = ()) -> str:
        """A hash of all that is dealt until the last epoch ends: of the deals of a pass under way, and what follows."""
        hashed = hashlib.blake2b(digest_size=16)
        while True:
            for deal in deals:
                hashed.update(f"{deal.epoch} {deal.segment} {deal.step} {deal.ids.tolist()}\n".encode())
                for name in sorted(deal.columns):
                    column = deal.columns[name]
                    hashed.update(f"{name} {column.dtype.name} {column.shape}".encode())
                    hashed.update(np.ascontiguousarray(column).tobytes())
                self._observe(dealer, deal)
            if dealer.cursor.epoch >= EPOCHS:
                return hashed.hexdigest()
            deals = dealer

    def _play(self, dealer: cr.Dealer, deals: int, folder: Path) -> None:
        done = 0
        while done < deals:
            for deal in dealer:
                self._observe(dealer, deal)
                done += 1
                self.act(dealer, done, folder)
                if done == deals:
                    break

    def _observe(self, dealer: cr.Dealer, deal: cr.Deal) -> None:
        if self.signals:
            values = (deal.ids % 7 + deal.epoch).astype(np.float32)
            dealer.observe(deal, {name: values % 2 if name == "correct" else values for name in self.signals})


def _mined(dealer: cr.Dealer, deals: int, folder: Path) -> None:
    if deals in (3, 9, 20):
        place = folder / f"mined-{deals}"
        if not place.exists():
            items = np.arange(10).reshape(5, 2) * deals % 4
            cr.Mined(np.arange(5), items, np.ones((5, 2)) / deals, np.ones(5), item_count=4).save(place)
        dealer.adopt("mined_negatives", place)


def _clustered(dealer: cr.Dealer, deals: int, folder: Path) -> None:
    if deals == 3:
        place = folder / "clusters"
        if not place.exists():
            cr.Clusters(np.arange(ROWS)[::-1].copy(), np.arange(0, ROWS + 1, 5)).save(place)
        dealer.adopt("negative_aware", place)


def _sized(dealer: cr.Dealer, deals: int, _: Path) -> None:
    if deals in (1, 4, 6):
        dealer.adopt_batch_size(4 * deals)
        dealer.adopt_cost(cr.Cost(deals, 1))


KEPT = cr.KeepScores((cr.Last(), cr.Mean("margin"), cr.Forgotten()))
SIGNALS = ("loss", "margin", "correct")
RUNS = {
    run.name: run
    for run in (
        StateRun("plain", lambda _: cr.chain(cr.Shuffle(), cr.TokenBudget(20), segment_ids=16), 25),
        StateRun(
            "learned", lambda _: cr.chain(cr.LossWeighted(), cr.FixedSize(4), segment_ids=16), 22, signals=("loss",)
        ),
        StateRun(
            "kept",
            lambda _: cr.chain(cr.Shuffle(), KEPT, cr.ScoreColumn(cr.Mean("margin")), cr.FixedSize(4), segment_ids=16),
            22, signals=SIGNALS,
        ),
        StateRun(
            "learned-in-folder",
            lambda folder: cr.chain(cr.LossWeighted(artefact=folder / "scores"), cr.FixedSize(4), segment_ids=16),
            22, signals=("loss",),
        ),
        StateRun(
            "kept-in-folder",
            lambda folder: cr.chain(
                cr.Shuffle(), cr.KeepScores((cr.Last(), cr.Count()), artefact=folder / "records"),
                cr.ScoreColumn(cr.Last()), cr.FixedSize(4), segment_ids=16,
            ),
            22, signals=("loss",),
        ),
        StateRun(
            "refreshed",
            lambda _: cr.chain(cr.Shuffle(), cr.MinedNegatives(1), cr.FixedSize(2), segment_ids=8), 24, _mined,
        ),
        StateRun(
            "clustered", lambda _: cr.chain(cr.NegativeAware(), cr.FixedSize(5), segment_ids=20), 15, _clustered
        ),
        StateRun(
            "ramped", lambda _: cr.chain(cr.Shuffle(), cr.RampedSize(4), segment_ids=8), 9, _sized,
            split=cr.Balanced(length="length"),
        ),
        StateRun(
            "grown", lambda _: cr.chain(cr.Shuffle(), cr.FixedSize(4), segment_ids=16), 7, later_rows=GROWN_ROWS
        ),
        StateRun("skipped", lambda _: cr.chain(cr.Shuffle(), cr.FixedSize(3), segment_ids=16), 5, skips=3),
    )
}  # fmt: skip
