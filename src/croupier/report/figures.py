"""The figures of a preview, and how they are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from croupier.core.ledger import Ledger
from croupier.errors import printable

__all__ = ["Preview", "SourceFigures"]

SHOWN_SOURCES = 12


@dataclass(frozen=True, slots=True)
class SourceFigures:
    """One source of a mixture in what is previewed; shares are of ``unit``: ids, or the column of lengths that counts.

    ``asked`` is the share at the epoch's beginning and end, ``in_batches`` the 5th and 95th percentile of its share in
    a batch: what grouping by length leaves of it. ``passes`` says how often the epoch deals each of its rows.
    """

    name: str
    unit: str
    rows: int
    asked: tuple[float, float]
    dealt: float
    passes: float
    in_batches: tuple[float, float] | None

    def __str__(self) -> str:
        first, last = self.asked
        asked = f"{first:.2%}" if round(first, 4) == round(last, 4) else f"{first:.2%} to {last:.2%}"
        spread = "" if self.in_batches is None else ", {:.1%} to {:.1%} of most batches".format(*self.in_batches)
        of_what = "" if self.unit == "ids" else f" of {self.unit}"
        return f"{self.dealt:.2%}{of_what} (asked {asked}), {self.passes:.2f} passes over {self.rows:,} rows{spread}"


@dataclass(frozen=True, slots=True)
class Preview:
    """Figures of one epoch, or of what is left of it. None where a figure does not apply.

    ``is_exact`` False: the figures but ``ids`` are of a sample of segments, and ``steps`` is scaled up from it.
    ``padding``, ``fill`` and shares are fractions; tokens are in the unit of the length column.
    """

    epoch: int
    world_size: int
    lanes: int
    is_exact: bool
    ids: int
    steps: int
    micro_batches_per_step: float
    examples_per_step: tuple[int, float, int]
    """Least, mean and most over the steps, all ranks together; so too the tokens."""
    asked_examples: int | None
    """What the batch size asks for in a step, where the plan cuts by one."""
    tokens_per_step: tuple[int, float, int] | None
    tokens_per_rank: tuple[int, float, int] | None
    padding: float | None
    fill: float | None
    rank_imbalance: float
    rank_imbalance_bound: float | None
    """Below which no sharing of the same steps could be; None where the split does not balance."""
    shapes: int
    adjacent_correlation: float | None
    re_pairing: float | None
    repeats: tuple[int, int]
    """How often the least and the most dealt row of those dealt comes."""
    rows_not_dealt: int | None
    shares: Mapping[str, Mapping[str, float]]
    sources: tuple[SourceFigures, ...]
    """Of a mixture, largest first; empty for other orders."""
    ledger: Ledger
    prepare_seconds: float
    prepare_bytes: int
    ids_per_second: float

    def to_dict(self) -> dict[str, Any]:
        """The figures by name, JSON-able."""
        return {**asdict(self), "ledger": [asdict(entry) for entry in self.ledger]}

    def to_json(self) -> str:
        """The figures as JSON text."""
        return json.dumps(self.to_dict())

    def rows(self) -> list[tuple[str, str]]:
        """The figures as text, a name and a value each, without those that do not apply."""
        sample = "" if self.is_exact else " (sample)"
        of_all = "step, all ranks" if self.world_size > 1 else "step"
        rows: list[tuple[str, str | None]] = [
            ("epoch", f"{self.epoch} on {self.world_size} ranks, {self.lanes} lanes"),
            ("ids", f"{self.ids:,}"),
            ("steps", f"{self.steps:,}{sample}"),
            ("micro-batches a step", _unless(self.micro_batches_per_step, 1.0, "{:.2f}")),
            (f"examples a {of_all}", _spread(self.examples_per_step)),
            ("... asked for", self._asked()),
            (f"tokens a {of_all}", _spread(self.tokens_per_step)),
            ("tokens a rank and micro-batch, padded", _spread(self.tokens_per_rank)),
            ("padding", _percent(self.padding)),
            ("fill of the budget", _percent(self.fill)),
            ("largest rank over mean", f"{self.rank_imbalance:.4f}"),
            ("... no less is possible than", _maybe(self.rank_imbalance_bound, "{:.4f}")),
            ("distinct padded shapes", f"{self.shapes:,}{sample}"),
            ("correlation of neighbouring steps", _maybe(self.adjacent_correlation, "{:+.3f}")),
            ("re-pairing over random (1x: none)", _maybe(self.re_pairing, "{:.1f}x")),
            ("times a row is dealt", _unless(self.repeats, (1, 1), "{0[0]} to {0[1]}")),
            ("rows not dealt", _maybe(self.rows_not_dealt, "{:,}")),
            ("preparing", _unless(self.prepare_bytes, 0, f"{self.prepare_seconds:.2f} s, {{:,}} bytes")),
            ("planning", f"{self.ids_per_second / 1e6:.1f} M ids/s"),
            *((f"share of {source}, ids", _shares(shares)) for source, shares in self.shares.items()),
            *((f"source {source.name}", str(source)) for source in self.sources[:SHOWN_SOURCES]),
            *(
                [("further sources", f"{len(self.sources) - SHOWN_SOURCES:,}")]
                if len(self.sources) > SHOWN_SOURCES
                else []
            ),
            *((f"ledger: {entry.stage}", f"{entry.ids:,} ids {entry.event}") for entry in self.ledger),
        ]
        return [(printable(name), printable(value)) for name, value in rows if value is not None]

    def _asked(self) -> str | None:
        # Said where conflicts, or a table that is too small, leave less than half of it.
        asked = self.asked_examples
        return None if asked is None or self.examples_per_step[1] >= asked / 2 else f"{asked:,}"

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def __rich__(self) -> Any:
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable("figure", "value", title="croupier preview")
        for name, value in self.rows():
            table.add_row(Text(name), Text(value))
        return table


def _spread(values: tuple[int, float, int] | None) -> str | None:
    if values is None:
        return None
    least, mean, most = values
    return f"{mean:,.0f}" if least == most else f"{mean:,.0f} ({least:,} to {most:,})"


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.2%}"


def _maybe(value: float | None, form: str) -> str | None:
    return None if value is None else form.format(value)


def _unless(value: Any, usual: Any, form: str) -> str | None:
    return None if value == usual else form.format(value)


def _shares(shares: Mapping[str, float]) -> str:
    largest = sorted(shares.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {share:.1%}" for name, share in largest[:6])
    return shown + (f", and {len(largest) - 6} more" if len(largest) > 6 else "")
