"""Classes in equal shares, whatever their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Batches, Int64
from croupier.core.key import Key
from croupier.core.stage import Context, Prepared
from croupier.core.table import Table
from croupier.order.mixture import Mixture
from croupier.order.shares import Uniform

__all__ = ["ClassBalanced"]


@dataclass(frozen=True, slots=True)
class ClassBalanced:
    """Deal every class equally often, each of its rows once before any comes again.

    A :class:`Mixture` of the classes, under the name people look for. Unlike inverse-frequency weights drawn with
    replacement, small classes are exactly represented in every batch of their number, and no row of theirs is left out
    or drawn twice by chance.

    Parameters
    ----------
    label : str
        The column of classes: strings, or codes 0, 1, 2...
    shares : as for Mixture, optional
        ``Uniform()`` by default; ``Temperature(2.0)`` for the root of the sizes, ``EffectiveNumber(0.999)`` in between.

    target : as shares, optional
        What the loss is to be a mean under: ``Proportional()`` adds the column ``weight`` that undoes the balancing.

    Adds column ``source``, the class. An epoch has as many samples as the table has rows.

    Guarantees: those of :class:`Mixture`.

    Examples
    --------
    >>> import croupier as cr
    >>> table = cr.Table(label=[0] * 90 + [1] * 10)
    >>> deal = cr.Dealer(cr.chain(ClassBalanced("label"), cr.FixedSize(20)), table, seed=0).first()
    >>> table.column("label")[list(deal)].sum().item()
    10
    """

    label: str
    shares: Any = Uniform()  # noqa: RUF009 - a frozen value
    target: Any = None
    name: str = "class_balanced"

    def __post_init__(self) -> None:
        for argument in ("shares", "target"):
            object.__setattr__(self, argument, getattr(self._mixture, argument))

    @property
    def _mixture(self) -> Mixture:
        return Mixture(self.label, self.shares, self.target, name=self.name)

    @property
    def prepared_per_epoch(self) -> bool:
        """The rows of a class hold for the run."""
        return False

    @property
    def may_repeat(self) -> bool:
        """Classes that run out begin again."""
        return True

    def epoch_size(self, table: Table, epoch: int) -> int:
        """The rows of the table."""
        return self._mixture.epoch_size(table, epoch)

    def prepare(self, table: Table, key: Key, epoch: int) -> Prepared:
        """As the mixture of the classes."""
        return self._mixture.prepare(table, key, epoch)

    def plan(self, batches: Batches, context: Context) -> Batches:
        """Positions to ids."""
        return self._mixture.plan(batches, context)

    @property
    def unit(self) -> None:
        """Shares are of samples."""
        return

    def source_names(self, table: Table) -> tuple[str, ...]:
        """What the numbers in column ``source`` stand for."""
        return self._mixture.source_names(table)

    def asked_shares(self, table: Table, sample: int) -> npt.NDArray[np.float64]:
        """The share of each class, shape (K,)."""
        return self._mixture.asked_shares(table, sample)

    def position_of(self, ids: Int64, context: Context) -> Int64:
        """Where in this epoch each id comes first; -1 where it does not."""
        return self._mixture.position_of(ids, context)
