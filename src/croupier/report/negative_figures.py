"""The figures of an audit of negatives, and how they are shown."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from croupier.report.negatives_plot import draw_audit

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["DealtFigures", "ExposureFigures", "HardnessFigures", "LeakFigures", "NegativesAudit", "StalenessFigures"]


@dataclass(frozen=True, slots=True)
class DealtFigures:
    """What was audited. A duplicate is a row whose query, or item, an earlier row of its batch has."""

    batches: int
    rows: int
    duplicate_queries: int
    duplicate_items: int
    rows_never_dealt: int | None
    """None where the number of rows is not known."""


@dataclass(frozen=True, slots=True)
class LeakFigures:
    """Contrasts of a query and a negative, and how many of them leak: the negative is known to be right for the query.

    The item of the query's own row counts as known. ``first`` is the (batch, query, item) of the first leak.
    """

    in_batch: int
    in_batch_leaks: int
    explicit: int
    explicit_leaks: int
    batches_with_leaks: int
    first: tuple[int, int, int] | None
    effective_mean: float
    """Negatives a query that are left once leaks are masked."""
    effective_min: int

    @property
    def rate(self) -> float:
        """Leaks over contrasts."""
        return (self.in_batch_leaks + self.explicit_leaks) / max(1, self.in_batch + self.explicit)


@dataclass(frozen=True, slots=True)
class ExposureFigures:
    """How often items serve as negatives, leaks included."""

    items: int
    served: int
    """Items that served at least once."""
    top_share: float
    """The share of contrasts that fall on the most served hundredth of all items, at least one."""
    curve: tuple[tuple[float, float], ...]
    """Shares of items, most served first, and of contrasts that fall on them."""


@dataclass(frozen=True, slots=True)
class HardnessFigures:
    """The positive's score less the negative's, in a sample of the contrasts that do not leak."""

    sampled: int
    contrasts: int
    """All there were to sample from, leaks included."""
    mean: float
    above_positive: float
    """The share of negatives that score above the positive."""
    suspected: float
    """The share that score above the positive less the margin: suspected to be right."""
    margin: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class StalenessFigures:
    """How old mined negatives are, and what became of their ranks, as quartiles of a sample; None where not known."""

    ages: tuple[int, float, int] | None
    """Least, mean and most, in steps or versions."""
    ranks_mined: tuple[float, float, float] | None
    ranks_now: tuple[float, float, float] | None
    ranked: int


@dataclass(frozen=True, slots=True)
class NegativesAudit:
    """What a loader contrasts: leaks, duplicates, exposure, hardness and age of negatives.

    Prints as a table. ``hardness`` is None where neither scores nor embeddings were given, ``staleness`` where it is
    not known when negatives were mined.
    """

    dealt: DealtFigures
    leaks: LeakFigures
    exposure: ExposureFigures
    hardness: HardnessFigures | None
    staleness: StalenessFigures | None

    def to_dict(self) -> dict[str, Any]:
        """The figures by name, JSON-able."""
        return {**asdict(self), "leak_rate": self.leaks.rate}

    def to_json(self) -> str:
        """The figures as JSON text."""
        return json.dumps(self.to_dict())

    def plot(self, path: str | PathLike[str]) -> None:
        """Draw exposure and hardness; the format goes by the ending of the name, ``.svg`` or ``.png`` say."""
        hardness = self.hardness
        histogram = None if hardness is None else (hardness.edges, hardness.counts, hardness.margin)
        draw_audit(self.exposure.curve, histogram, path)

    def rows(self) -> list[tuple[str, str]]:
        """The figures as text, a name and a value each, without those that do not apply."""
        dealt, leaks, exposure = self.dealt, self.leaks, self.exposure
        rows: list[tuple[str, str | None]] = [
            ("batches", f"{dealt.batches:,} of {dealt.rows / max(1, dealt.batches):,.1f} rows"),
            ("leaks, in-batch negatives", _share(leaks.in_batch_leaks, leaks.in_batch)),
            ("leaks, explicit negatives", _share(leaks.explicit_leaks, leaks.explicit)),
            ("batches with a leak", _share(leaks.batches_with_leaks, dealt.batches)),
            (
                "first leak",
                leaks.first and "batch {:,}: item {:,} is right for query {:,}".format(*_turned(leaks.first)),
            ),
            ("queries twice in a batch", _share(dealt.duplicate_queries, dealt.rows)),
            ("items twice in a batch", _share(dealt.duplicate_items, dealt.rows)),
            ("negatives a query, leaks masked", f"{leaks.effective_mean:,.1f} (least {leaks.effective_min:,})"),
            ("items that served as negatives", _share(exposure.served, exposure.items)),
            ("contrasts on the top 1 % of items", f"{exposure.top_share:.1%}"),
            ("rows never dealt", None if dealt.rows_never_dealt is None else f"{dealt.rows_never_dealt:,}"),
        ]
        if self.hardness is not None:
            hard = self.hardness
            of = f"{hard.sampled:,} of {hard.contrasts:,} contrasts"
            rows += [
                ("score of positive - negative", f"{hard.mean:.4g} ({of})"),
                ("negatives above the positive", f"{hard.above_positive:.2%}"),
                (f"... less a margin of {hard.margin:g}", f"{hard.suspected:.2%}" if hard.margin else None),
            ]
        if self.staleness is not None:
            old = self.staleness
            rows += [
                ("age of mined negatives", old.ages and "{1:,.1f} ({0:,} to {2:,})".format(*old.ages)),
                ("rank when mined, quartiles", _quartiles(old.ranks_mined)),
                ("rank now, quartiles", _quartiles(old.ranks_now)),
            ]
        return [(name, value) for name, value in rows if value is not None]

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)

    def __rich__(self) -> Any:
        from rich.table import Table as RichTable

        table = RichTable("figure", "value", title="croupier audit of negatives")
        for name, value in self.rows():
            table.add_row(name, value)
        return table


def _share(part: int, whole: int) -> str | None:
    return f"{part:,} of {whole:,} ({part / whole:.3%})" if whole else None


def _quartiles(values: tuple[float, float, float] | None) -> str | None:
    return None if values is None else ", ".join(f"{value:,.0f}" for value in values)


def _turned(leak: tuple[int, int, int]) -> tuple[int, int, int]:
    batch, query, item = leak
    return batch, item, query
