"""Padding against randomness, for your lengths: every setting of the length-grouping stages on one axis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from croupier.batch.length_buckets import LengthBuckets
from croupier.batch.sorted_windows import SortedWindows
from croupier.batch.token_budget import TokenBudget
from croupier.core.chain import Chain, chain
from croupier.core.facts import check_length_column
from croupier.core.policies import TooLong
from croupier.core.progress import with_progress
from croupier.core.split import Split
from croupier.core.stage import Stage
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int, checked_kind
from croupier.order.shuffle import Shuffle
from croupier.report.dial_plot import draw_dial
from croupier.report.preview import preview

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["Dial", "DialPoint", "randomness_dial"]

WINDOWS, BUCKETS, BOTH, NONE, FULL = (
    "sorted windows", "length buckets", "windows in 3 buckets", "no grouping", "full sort",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class DialPoint:
    """One setting, and what it was measured to do. ``plan`` is what to pass on."""

    family: str
    setting: int
    plan: Chain
    padding: float
    fill: float
    adjacent_correlation: float | None
    re_pairing: float

    @property
    def name(self) -> str:
        """The family with its setting."""
        return f"{self.family} of {self.setting:,}" if self.setting else self.family

    def beats(self, other: DialPoint) -> bool:
        """Less padding and less re-pairing; or less of one and no more of the other."""
        return (
            self.padding <= other.padding
            and self.re_pairing <= other.re_pairing
            and (self.padding, self.re_pairing) != (other.padding, other.re_pairing)
        )


@dataclass(frozen=True, slots=True)
class Dial:
    """Settings by padding, most first. Prints as a table; those that none beats are marked."""

    points: tuple[DialPoint, ...]

    @property
    def front(self) -> tuple[DialPoint, ...]:
        """The points that no other beats: less padding is only to be had for more re-pairing."""
        return tuple(point for point in self.points if not any(other.beats(point) for other in self.points))

    def most_random(self, *, max_padding: float) -> DialPoint:
        """Of the settings that pad no more than this share, the one that re-pairs least.

        Raises
        ------
        BadArgument
            None pads so little.
        """
        within = [point for point in self.points if point.padding <= max_padding]
        if not within:
            least = min(point.padding for point in self.points)
            raise BadArgument("max_padding", f"be >= {least:.4f}, the least measured", max_padding, "allow some more")
        return min(within, key=lambda point: point.re_pairing)

    def plot(self, path: str | PathLike[str]) -> None:
        """Draw the settings; the format goes by the ending of the name, ``.svg`` or ``.png`` say. Needs matplotlib."""
        front = set(map(id, self.front))
        rows = [
            (p.family, f"{p.setting:,}" if p.setting else "", p.padding, p.re_pairing, id(p) in front)
            for p in self.points
        ]
        draw_dial(rows, path)

    def to_json(self) -> str:
        """The figures as JSON text."""
        front = set(map(id, self.front))
        rows: list[dict[str, Any]] = []
        for point in self.points:
            row = {name: value for name, value in asdict(point).items() if name != "plan"}
            rows.append({**row, "is_on_front": id(point) in front})
        return json.dumps(rows)

    def __str__(self) -> str:
        front = set(map(id, self.front))
        heads = ("", "padding", "fill", "correlation of neighbours", "re-pairing")
        lines = [
            (
                f"{'*' if id(point) in front else ' '} {point.name}",
                f"{point.padding:.2%}",
                f"{point.fill:.3f}",
                "" if point.adjacent_correlation is None else f"{point.adjacent_correlation:+.3f}",
                f"{point.re_pairing:,.1f}x",
            )
            for point in self.points
        ]
        widths = [max(len(cell) for cell in column) for column in zip(heads, *lines, strict=True)]
        return "\n".join(
            "  ".join(cell.rjust(width) if place else cell.ljust(width) for place, (cell, width) in enumerate(cells))
            for cells in (zip(line, widths, strict=True) for line in [heads, *lines])
        )


def randomness_dial(
    table: Table,
    *,
    max_tokens: int,
    length: str = "length",
    world_size: int = 1,
    split: Split | None = None,
    sample_rows: int = 2**18,
) -> Dial:
    """Measure what each setting of the grouping by length costs in padding, and in pairs that meet again.

    Parameters
    ----------
    table : Table
    max_tokens : int
        The budget of a batch, as for :class:`TokenBudget`.
    length : str
    world_size, split
        As for a Dealer: lanes ask for neighbouring batches of one shape.
    sample_rows : int
        Evenly spaced rows of a larger table that are measured. Windows of a setting larger than that are left out.

    Returns
    -------
    Dial
        Sorted windows, buckets, windows within three buckets, and both ends: no grouping, and a full sort.
        Re-pairing is how much likelier two ids of one batch share a batch in the next epoch than by chance; pairs that
        meet again and again make batches less random than they look.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(length=[1 + i * i % 97 for i in range(4096)])
    >>> dial = randomness_dial(table, max_tokens=512)
    >>> dial.most_random(max_padding=0.05).name
    'sorted windows of 256'
    """
    checked_kind("table", table, Table, fix="write Table(length=lengths)")
    check_length_column(table, length)
    max_tokens = checked_int("max_tokens", max_tokens, at_least=1, fix="pass the padded tokens that fit a batch")
    sample_rows = checked_int("sample_rows", sample_rows, at_least=2, fix="pass the rows to measure")
    step = -(-table.size // sample_rows)
    sample = Table(None, **{length: table.column(length)[::step]})
    budget = TokenBudget(max_tokens, too_long=TooLong.ALONE, length=length)
    points: list[DialPoint] = []
    settings = list(_settings(sample.size, length))
    for family, setting, stages in with_progress(settings, len(settings), "measuring the dial"):
        measured = chain(Shuffle(), *stages, budget, segment_ids=max(2**18, sample.size))
        figures = preview(measured, sample, seed=0, world_size=world_size, split=split)
        points.append(
            DialPoint(
                family, setting, chain(Shuffle(), *stages, TokenBudget(max_tokens, length=length)),
                figures.padding or 0.0, figures.fill or 0.0, figures.adjacent_correlation, figures.re_pairing or 0.0,
            )
        )  # fmt: skip
    return Dial(tuple(sorted(points, key=lambda point: -point.padding)))


def _settings(rows: int, length: str) -> Iterator[tuple[str, int, tuple[Stage, ...]]]:
    yield NONE, 0, ()
    windows = [2**power for power in range(8, 18) if 2**power <= rows // 2]
    for window in windows:
        yield WINDOWS, window, (SortedWindows(window, length=length),)
    for buckets in (10, 30, 100):
        yield BUCKETS, buckets, (LengthBuckets(buckets, length=length),)
    for window in (window for window in (*windows, 6_400) if 3 * window <= rows):
        yield BOTH, window, (LengthBuckets(3, length=length), SortedWindows(window, length=length))
    yield FULL, rows, (SortedWindows(rows, length=length),)
