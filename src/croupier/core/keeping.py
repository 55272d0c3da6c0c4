"""Stages that keep statistics of what training observed, stages that plan by them, and what stands between the two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Protocol, runtime_checkable

from croupier.core.batches import Int64
from croupier.core.plain_array import whole_numbers
from croupier.core.score_layout import Float32, Records, ScoreLayout
from croupier.core.score_statistics import Statistic
from croupier.core.stage import Learned, Stage
from croupier.errors import BadArgument

__all__ = ["Keeping", "Kept", "Reading", "check_readers"]


@runtime_checkable
class Keeping(Stage, Protocol):
    """A stage that keeps records of statistics a row; its own plan need not depend on them."""

    @property
    def layout(self) -> ScoreLayout:
        """What a record holds."""
        ...

    @property
    def artefact(self) -> str | PathLike[str] | None:
        """The folder that holds the records; None keeps them in memory and in every checkpoint."""
        ...


@runtime_checkable
class Reading(Stage, Protocol):
    """A stage whose plan depends on statistics that another stage of the plan keeps, two segments late."""

    @property
    def reads(self) -> tuple[Statistic, ...]:
        """Which they are."""
        ...


class Kept:
    """The statistics that a run keeps of every row, at one version: what ``context.kept`` is.

    Examples
    --------
    >>> import numpy as np
    >>> from croupier.core.score_statistics import Count, Mean
    >>> layout = ScoreLayout((Mean(),))
    >>> records = np.zeros(4, layout.record)
    >>> layout.write(records, np.array([1, 1, 3]), np.array([[2.0], [4.0], [5.0]], np.float32))
    >>> kept = Kept([(layout, records)], version=1)
    >>> kept.read(Mean()).values.tolist(), kept.at(Count(), np.array([1, 0])).tolist()
    ([nan, 3.0, nan, 5.0], [2.0, 0.0])
    """

    def __init__(self, parts: Sequence[tuple[ScoreLayout, Records]] = (), version: int = 0) -> None:
        self._parts = tuple(parts)
        self.version = version

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """Those that were asked for, in order."""
        return tuple(statistic for layout, _ in self._parts for statistic in layout.statistics)

    @property
    def rows(self) -> int:
        """How many rows there are records of."""
        return self._parts[0][1].size if self._parts else 0

    def read(self, statistic: Statistic) -> Learned:
        """A statistic of all rows, float32, NaN where nothing was observed: a copy, 4 bytes a row."""
        layout, records = self._part(statistic)
        return Learned(layout.read(records, statistic), self.version)

    def at(self, statistic: Statistic, ids: Int64) -> Float32:
        """A statistic of some rows."""
        layout, records = self._part(statistic)
        rows = whole_numbers("ids", ids, fix="pass rows of the table")
        if rows.size and not 0 <= rows.min() <= rows.max() < records.size:
            raise BadArgument("ids", f"be rows 0 to {records.size - 1}", ids, "pass rows of the table")
        return layout.at(records, statistic, rows)

    def _part(self, statistic: Statistic) -> tuple[ScoreLayout, Records]:
        for layout, records in self._parts:
            if layout.keeps(statistic):
                return layout, records
        raise BadArgument("statistic", "be one that is kept", statistic, f"there are {_listed(self.statistics)}")


def check_readers(stages: Iterable[Stage]) -> None:
    """Refuse a plan that keeps a statistic twice, or reads one that nothing keeps."""
    listed = list(stages)
    kept: list[Statistic] = []
    for stage in listed:
        if isinstance(stage, Keeping):
            kept.extend(stage.layout.statistics)
    if len(set(kept)) < len(kept):
        raise BadArgument("plan", "keep each statistic once", _listed(kept), "leave it out of one of the stages")
    for stage in listed:
        for statistic in stage.reads if isinstance(stage, Reading) else ():
            if not any(isinstance(other, Keeping) and other.layout.keeps(statistic) for other in listed):
                found = f"only {_listed(kept)}" if kept else "nothing that is"
                raise BadArgument(
                    "plan", f"keep what {stage.name!r} reads, {statistic}", found,
                    f"add KeepScores(({type(statistic).__name__}(...),)) to the chain",
                )  # fmt: skip


def _listed(statistics: Iterable[Statistic]) -> str:
    return ", ".join(map(repr, statistics))
