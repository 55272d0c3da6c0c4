"""Deal from several sources in given shares, exactly, at any position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.inner_order import check_inner_order
from croupier.core.key import Key
from croupier.core.policies import EpochEnd
from croupier.core.stage import Context, Order, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, checked_int
from croupier.order.share_parts import ShareParts
from croupier.order.share_schedules import ShareSchedule
from croupier.order.share_timeline import ShareTimeline
from croupier.order.shares import checked_shares
from croupier.order.sources import as_sources

__all__ = ["Mixture"]

MOST_SAMPLES = 2**62


@dataclass(frozen=True, slots=True)
class Mixture:
    """Mix sources: languages, domains, tasks, datasets, classes.

    Parameters
    ----------
    sources : str, or mapping of name to Order
        A column whose values are the sources, each shuffled; or an order for each name (``Subset(order, range(...))``,
        or a chain that begins with an order and cuts no batches).
    shares : mapping of name to number, or a rule, or a schedule
        ``{"en": 0.7, "de": 0.3}`` (any sum; a 0 leaves a source out), ``Proportional()``, ``Uniform()``,
        ``Temperature(3.0)``, ``UniMax(...)``, ``EffectiveNumber(...)``; or ``Stages``, ``Cooldown`` or ``Anneal`` of
        these over the samples that the mixture has dealt since the start of the run.
    target : as shares, optional
        What the loss is to be a mean under. Adds column ``weight``, target over dealt share of the id's source: the
        same target is reached by sampling (shares=target), by weighting (shares=Proportional()), or any split of both.
    epoch_end : EpochEnd or int
        When an epoch is over, and what becomes of a source that runs out; a number of samples is as ``EpochEnd.ROWS``.
    unit : str, optional
        A column of lengths, in whose sum shares and sizes are counted: shares of tokens. By default, of samples.

    Adds column ``source``: the number of the id's source, a place in ``table.categories[column]``, the code of a column
    of codes, or the place in the mapping of orders. With ``target``, ``(losses * loader.column("weight")).mean()``.

    Guarantees: at every prefix the count of each source is within four of its share, and mostly within two, for each
    stage of a schedule; a source gives each of its rows once per pass, passes shuffled anew, over any number of ranks
    and restarts; any position of any epoch is found in O(log K). Shares are whole billionths.
    Not guaranteed where the table grows between epochs: passes then begin anew, and a schedule's clock is that of
    epochs of the new size.
    With ``unit``, shares of tokens hold over whole passes, for it is mean lengths that are balanced.
    Shares hold for windows of the order; what grouping by length leaves of them in a batch, ``preview`` shows. Where a
    source passes several times within a window, grouping may bring a row twice into one batch.
    Prepares 4 bytes a row (none where the column is sorted) and about 100 a source.

    Source: our own derivation, docs/orders.md. ``target`` is the identity of Li et al., "Upsample or upweight?" (NAACL
    2025), theorem 1.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(language=["en"] * 8 + ["de"] * 2)
    >>> plan = cr.chain(Mixture("language", {"en": 0.5, "de": 0.5}), cr.FixedSize(4))
    >>> [table.column("language")[list(deal)].tolist() for deal in cr.Dealer(plan, table, seed=0)]
    [[1, 0, 0, 1], [1, 0, 1, 0], [1, 0]]
    """

    sources: str | Mapping[str, Order] | Sequence[tuple[str, Order]]
    shares: Any
    target: Any = None
    epoch_end: EpochEnd | int = EpochEnd.ROWS
    unit: str | None = None
    name: str = "mixture"

    def __post_init__(self) -> None:
        if isinstance(self.sources, (Mapping, tuple)) and self.sources:
            # Pairs: a copy of its own, whose order is part of what a state is matched by, for it numbers the sources.
            pairs = tuple((str(name), order) for name, order in dict(self.sources).items())
            for name, order in pairs:
                check_inner_order(f"sources[{name!r}]", order)
            object.__setattr__(self, "sources", pairs)
        elif not isinstance(self.sources, str):
            raise BadArgument("sources", "be a column or a mapping of names to orders", self.sources, "pass 'language'")
        for argument in ("shares", "target"):
            given = getattr(self, argument)
            if given is not None and not isinstance(given, ShareSchedule):
                object.__setattr__(self, argument, checked_shares(argument, given))
        if self.shares is None:
            raise BadArgument("shares", "be given", None, "pass {'en': 0.7, 'de': 0.3}, or Temperature(3.0)")
        if not isinstance(self.epoch_end, EpochEnd):
            epoch_end = checked_int("epoch_end", self.epoch_end, at_least=1, fix="pass samples, or one of EpochEnd")
            object.__setattr__(self, "epoch_end", epoch_end)
        elif not self._is_endless and (
            isinstance(self.shares, ShareSchedule) or isinstance(self.target, ShareSchedule)
        ):
            raise BadArgument(
                "epoch_end", "be EpochEnd.ROWS or a number of samples, where shares follow a schedule", self.epoch_end,
                "give the samples of an epoch",
            )  # fmt: skip
        if self.unit is not None and not self._is_endless and not isinstance(self.sources, str):
            raise BadArgument(
                "unit", "go with sources by column, where an epoch ends with a source", self.unit, "give a column"
            )

    @property
    def prepared_per_epoch(self) -> bool:
        """Whether any of the sources does."""
        return as_sources(self.sources).prepared_per_epoch

    @property
    def may_repeat(self) -> bool:
        """Sources that run out begin again."""
        return True

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The samples of an epoch."""
        if not isinstance(self.epoch_end, EpochEnd):
            return self.epoch_end
        sources = as_sources(self.sources)
        if self.epoch_end is EpochEnd.ROWS:
            return int(sources.sizes(table).sum())
        size = self._timeline(ShareParts(table, sources, self.unit))[1]
        return checked_int(
            "samples of an epoch",
            size,
            at_least=1,
            at_most=MOST_SAMPLES,
            fix="choose another epoch_end for such shares",
        )

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The timeline of the shares, the rows of each source, and the weights that make up for the target."""
        sources = as_sources(self.sources)
        shares = ShareParts(table, sources, self.unit)
        timeline, end = self._timeline(shares)
        prepared: dict[str, Any] = {"timeline": timeline, "sizes": shares.sizes, "end": end}
        if self.target is not None:
            is_proportional = self.epoch_end is EpochEnd.ALL_RUN_OUT
            starts, parts = shares.parts(self.shares)
            dealt = (starts, np.where(parts > 0, shares.sizes, 0) if is_proportional else parts)
            prepared["target"] = shares.loss_weights(dealt, self.target)
        start, turns = self._begin(prepared, epoch)
        first, last = timeline.counts_before(start), timeline.counts_before(start + end) - 1
        sizes = np.maximum(shares.sizes, 1)
        passes = (first // sizes + turns, np.maximum(last, first) // sizes + turns)
        return {**prepared, "sources": sources.prepare(table, key, passes)}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        prepared = context.prepared
        start, turns = self._begin(prepared, context.epoch)
        positions = batches.indices + start
        sources, ordinals = prepared["timeline"].at(positions)
        inside = replace(context, prepared=prepared["sources"])
        mixed = as_sources(self.sources).plan(batches, sources, ordinals, turns, inside)
        mixed = mixed.with_columns(source=sources.astype(np.int32))
        if self.target is None:
            return mixed
        starts, weights = prepared["target"]
        return mixed.with_columns(weight=weights[np.searchsorted(starts, positions, side="right") - 1, sources])

    def source_names(self, table: Table) -> tuple[str, ...]:
        """What the numbers in column ``source`` stand for."""
        return as_sources(self.sources).names(table)

    def asked_shares(self, table: Table, sample: int) -> npt.NDArray[np.float64]:
        """The shares in force after so many samples, in the unit that they are counted in, shape (K,)."""
        shares = ShareParts(table, as_sources(self.sources), self.unit)
        starts, asked = shares.asked(self.shares)
        return asked[int(np.searchsorted(starts, sample, side="right")) - 1]

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes first; -1 where it does not."""
        timeline: ShareTimeline = context.prepared["timeline"]
        sizes, end = context.prepared["sizes"].tolist(), context.prepared["end"]
        start, turns = self._begin(context.prepared, context.epoch)
        inside = replace(context, prepared=context.prepared["sources"])
        before, after = timeline.counts_before(start).tolist(), timeline.counts_before(start + end).tolist()
        positions = np.full(ids.size, end, dtype=np.int64)
        sources = as_sources(self.sources)
        for source, mine in sources.candidates(ids, context.table):
            size = sizes[source]
            if after[source] == before[source]:
                continue
            # The pass that the epoch begins in, from where it begins, and the next one, up to there.
            for turn in range(before[source] // size, (after[source] - 1) // size + 1)[:2]:
                places = sources.places_of(ids[mine], source, turn + int(turns[source]), inside)
                ordinals = turn * size + places
                there = np.flatnonzero((places >= 0) & (ordinals >= before[source]))
                found = timeline.positions_of(source, ordinals[there]) - start
                positions[mine[there]] = np.minimum(positions[mine[there]], found)
        return np.where(positions < end, positions, -1)

    @property
    def _is_endless(self) -> bool:
        """Whether epochs are cut from one stream in which sources begin again, instead of each beginning anew."""
        return self.epoch_end is EpochEnd.ROWS or not isinstance(self.epoch_end, EpochEnd)

    def _timeline(self, shares: ShareParts) -> tuple[ShareTimeline, int]:
        """The timeline of the shares, and the samples of an epoch."""
        starts, parts = shares.parts(self.shares)
        sizes = shares.sizes
        if self.epoch_end is EpochEnd.ALL_RUN_OUT:
            return ShareTimeline.until_all_run_out(parts[0], sizes)
        timeline = ShareTimeline.of(starts, parts)
        dealt = np.flatnonzero(parts[0]).tolist()
        match self.epoch_end:
            case EpochEnd.ROWS:
                return timeline, int(sizes.sum())
            case EpochEnd.FIRST_RUNS_OUT:
                return timeline, min(int(timeline.positions_of(i, sizes[i : i + 1])[0]) for i in dealt)
            case EpochEnd.LAST_RUNS_OUT:
                return timeline, max(int(timeline.positions_of(i, sizes[i : i + 1] - 1)[0]) + 1 for i in dealt)
            case samples:
                return timeline, int(samples)

    def _begin(self, prepared: Prepared, epoch: int) -> tuple[int, Int64]:
        """Where in the timeline an epoch begins, and by how many passes over each source it is ahead of that."""
        sizes: Int64 = prepared["sizes"]
        if self._is_endless and (epoch + 1) * prepared["end"] > MOST_SAMPLES:
            raise BadArgument(
                "epoch", f"end before sample {MOST_SAMPLES} of the run", epoch, "choose a smaller epoch_end"
            )
        if self._is_endless:
            return epoch * prepared["end"], np.zeros_like(sizes)
        return 0, epoch * -(-prepared["timeline"].counts_before(prepared["end"]) // np.maximum(sizes, 1))
