"""The blend of several datasets in which Megatron-LM deals, to the bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.mapped_rows import rows_of
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.errors import BadArgument, TooFewIds, checked_int, checked_real
from croupier.kernels.greedy_blend import MAX_SOURCES, greedy_blend
from croupier.order.sources import ColumnSources

__all__ = ["MegatronBlend"]

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class MegatronBlend:
    """Deal what Megatron-LM's ``BlendedDataset`` deals, to go on with a run begun there.

    Parameters
    ----------
    sources : str
        A column: from which dataset of the blend each row is. A dataset's samples are its rows in the table's order,
        so put them in the order that Megatron's own shuffle of the dataset gave them.
    weights : mapping of name to number, list of numbers, or None
        As in Megatron's blend, and **in its order**, which decides ties: by name, or one for each code of the column.
        A source of weight 0 is left out. None goes by the rows of each source, as Megatron does for a blend without
        weights.
    epoch_samples : int
        Samples of the blend: those of the run, or as far as it is to be dealt. Every epoch is the same.

    Sample t is the next one of the source with the largest ``weight * max(t, 1) - count``, the first of equals, in
    doubles. Adds column ``source``: the code of the id's source.

    Guarantees: Megatron's order, any part of it at once, and its inverse; each id at most once an epoch, or
    :class:`~croupier.errors.TooFewIds` where a source has too few rows: Megatron refuses that too. Under ``Lockstep``
    with ``FixedSize(micro_batch_size, Tail.DROP)`` each rank gets the micro-batches of the sampler of Megatron's
    ``--dataloader-type single``.
    Weights are normalised twice, as the dataset builder and the blend each do it, which moves some ties; by rows once.
    Not guaranteed: a blend that was made without the builder, where twice is not the same as once; one whose helper was
    compiled to fuse products and differences, as may be on ARM; Megatron's exhaustive blend, of neither weights nor
    size.
    Prepares 4 or 8 bytes a sample, once a run, in O(samples x sources): 20 ms a million of three sources, 0.2 s of 300.
    A run that need not agree with Megatron takes :class:`~croupier.order.mixture.Mixture`.

    Source: Megatron-LM (megatron-core 0.16.1), by its behaviour and its published ``helpers.cpp``; see
    ``kernels/greedy_blend.py``.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(dataset=["wiki"] * 4 + ["web"] * 8)
    >>> plan = cr.chain(MegatronBlend("dataset", {"wiki": 30, "web": 70}, epoch_samples=10), cr.FixedSize(5))
    >>> [deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=0)]
    [[4, 0, 5, 6, 1], [7, 8, 2, 9, 10]]
    """

    sources: str
    weights: Any
    epoch_samples: int
    name: str = "megatron_blend"

    def __post_init__(self) -> None:
        if not isinstance(self.sources, str):
            raise BadArgument("sources", "be a column", self.sources, "pass 'dataset', say")
        epoch_samples = checked_int(
            "epoch_samples", self.epoch_samples, at_least=1, fix="pass the samples of the blend"
        )
        object.__setattr__(self, "epoch_samples", epoch_samples)
        if self.weights is not None:
            object.__setattr__(self, "weights", _checked_weights(self.weights))

    @property
    def prepared_per_epoch(self) -> bool:
        """The blend holds for the run."""
        return False

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The samples of the blend."""
        if self.epoch_samples > table.size:
            raise TooFewIds(
                f"epoch_samples={self.epoch_samples} are more than the table's {table.size} rows, and Megatron deals"
                " none twice; lower it, write Repeat(order, times), or take Mixture, where sources begin again"
            )
        return self.epoch_samples

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """The row of each sample."""
        sources = ColumnSources(self.sources)
        names, sizes = sources.names(table), sources.sizes(table)
        blended, shares = self._shares(names, sizes)
        chosen = greedy_blend(shares, self.epoch_samples)
        counts = np.bincount(chosen, minlength=blended.size)
        for source, count in zip(blended.tolist(), counts.tolist(), strict=True):
            rows = int(sizes[source]) if source < sizes.size else 0
            if count > rows:
                name: str = names[int(source)] if source < len(names) else str(source)
                raise TooFewIds(
                    f"the blend deals {count} samples of source {name!r}, which has {rows} rows, and Megatron"
                    " deals none twice; lower epoch_samples and write Repeat(order, times), or take Mixture, where"
                    " sources begin again"
                )
        untouched = np.zeros_like(sizes)
        where = sources.prepare(table, key, (untouched, untouched))
        starts: Int64 = where["starts"][np.minimum(blended, sizes.size)]
        places = np.arange(self.epoch_samples) + np.repeat(starts - np.cumsum(counts) + counts, counts)
        dealt = np.empty(self.epoch_samples, np.int32 if table.size < 2**31 else np.int64)
        dealt[np.argsort(chosen, kind="stable")] = where["rows"][places] if "rows" in where else places
        return {"dealt": dealt, "sizes": sizes}

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        ids = context.prepared["dealt"][batches.indices].astype(np.int64)
        return batches.with_indices(ids, source=rows_of(context.table.column(self.sources), ids).astype(np.int32))

    @property
    def unit(self) -> None:
        """Weights are of samples."""
        return

    def source_names(self, table: Table) -> tuple[str, ...]:
        """What the codes in column ``source`` stand for."""
        return ColumnSources(self.sources).names(table)

    def asked_shares(self, table: Table, sample: int) -> Float64:
        """The normalised weight of each source, shape (K,)."""
        sources = ColumnSources(self.sources)
        blended, shares = self._shares(sources.names(table), sources.sizes(table))
        asked = np.zeros(max(sources.sizes(table).size, int(blended.max()) + 1))
        asked[blended] = shares
        return asked

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in an epoch each id comes; -1 where it does not."""
        dealt = context.prepared["dealt"]
        there = np.flatnonzero(np.isin(dealt, ids))
        if not there.size:
            return np.full(ids.size, -1, dtype=np.int64)
        there = there[np.argsort(dealt[there], kind="stable")]
        place = there[np.minimum(np.searchsorted(dealt[there], ids), there.size - 1)]
        return np.where(dealt[place] == ids, place, -1)

    def _shares(self, names: tuple[str, ...], sizes: Int64) -> tuple[Int64, Float64]:
        """The codes that are blended, in the order of the blend, and their normalised weights."""
        if self.weights is None:
            blended = np.flatnonzero(sizes)
            shares = _normalised(sizes[blended].astype(np.float64))
        else:
            codes, weights = self._codes(names)
            blended = codes[weights > 0]
            shares = _normalised(_normalised(weights[weights > 0]))
        if blended.size > MAX_SOURCES:
            raise BadArgument("weights", f"blend at most {MAX_SOURCES} sources", blended.size, "Megatron takes no more")
        return blended, shares

    def _codes(self, names: tuple[str, ...]) -> tuple[Int64, Float64]:
        weights = np.array([weight for _, weight in self.weights])
        if self.weights[0][0] is None:
            if weights.size < len(names):
                raise BadArgument(
                    "weights", f"have one for each of {len(names)} sources", weights.size, "give 0 to leave one out"
                )
            return np.arange(weights.size), weights
        given = [name for name, _ in self.weights]
        unknown, unnamed = sorted(set(given) - set(names)), sorted(set(names) - set(given))
        if unknown or unnamed:
            what = f"no source named {unknown[0]!r}" if unknown else f"no weight for {unnamed[0]!r}"
            raise BadArgument("weights", f"name the sources {', '.join(names)}", what, "give 0 to leave one out")
        return np.array([names.index(name) for name in given]), weights


def _checked_weights(given: Any) -> tuple[tuple[str | None, float], ...]:
    """Pairs of name and weight, in the order given, which is part of what a state is matched by; None for no name."""
    pairs: list[tuple[str | None, Any]]
    if isinstance(given, Mapping):
        pairs = [(str(name), weight) for name, weight in cast("Mapping[Any, Any]", given).items()]
    elif np.ma.isMaskedArray(given) or isinstance(given, str) or not np.iterable(given):
        raise BadArgument("weights", "be a mapping or a list", given, "pass {'wiki': 30, 'web': 70}")
    else:
        # Pairs are what this function makes of weights: a copy of the stage is given them.
        items: list[Any] = list(given)
        pairs = [cast("tuple[str | None, Any]", item) if isinstance(item, tuple) else (None, item) for item in items]
    rule, fix = "be a finite number >= 0", "give 0 to leave the source out"
    checked: list[tuple[str | None, float]] = []
    for place, (name, weight) in enumerate(pairs):
        what = f"weight {place}" if name is None else f"weight of {name!r}"
        checked.append((name, checked_real(what, weight, rule, at_least=0, fix=fix)))
    if not any(weight for _, weight in checked):
        raise BadArgument("weights", "have one above 0", [weight for _, weight in checked], "give a source a weight")
    return tuple(checked)


def _normalised(weights: Float64) -> Float64:
    return weights / np.sum(weights)
