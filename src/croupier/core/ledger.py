"""What was dropped, cut short, carried or repeated, by which stage: nothing is lost without an entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from croupier.errors import checked_int, checked_kind, printable

__all__ = ["Entry", "Ledger"]


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One kind of event in one stage."""

    stage: str
    event: str
    ids: int
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Ledger:
    """An immutable tally of entries; adding two merges entries of the same stage and event.

    Examples
    --------
    >>> book = Ledger.of("token_budget", "dropped", ids=2, tokens=9000) + Ledger.of("token_budget", "dropped", ids=1)
    >>> print(book)
    token_budget: 3 ids dropped (9,000 tokens)
    """

    entries: tuple[Entry, ...] = ()

    @classmethod
    def of(cls, stage: str, event: str, ids: int, tokens: int = 0) -> Ledger:
        """A ledger of one entry, or an empty one where nothing happened."""
        for argument, text in (("stage", stage), ("event", event)):
            checked_kind(argument, text, str, fix="pass names")
        ids = checked_int("ids", ids, at_least=0, fix="pass how many there are")
        tokens = checked_int("tokens", tokens, at_least=0, fix="pass how many there are")
        return cls((Entry(stage, event, ids, tokens),)) if ids or tokens else cls()

    def __add__(self, other: Ledger) -> Ledger:
        if not other.entries:
            return self
        merged: dict[tuple[str, str], tuple[int, int]] = {}
        for entry in (*self.entries, *other.entries):
            ids, tokens = merged.get((entry.stage, entry.event), (0, 0))
            merged[entry.stage, entry.event] = (ids + entry.ids, tokens + entry.tokens)
        return Ledger(tuple(sorted(Entry(*k, *v) for k, v in merged.items())))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def ids(self, event: str) -> int:
        """How many ids met this event, over all stages."""
        checked_kind("event", event, str, fix="pass its name")
        return sum(entry.ids for entry in self.entries if entry.event == event)

    def __str__(self) -> str:
        if not self.entries:
            return "nothing dropped, cut or repeated"
        return "\n".join(
            printable(f"{e.stage}: {e.ids:,} ids {e.event}") + (f" ({e.tokens:,} tokens)" if e.tokens else "")
            for e in self.entries
        )
