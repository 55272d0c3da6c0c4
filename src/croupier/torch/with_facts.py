"""Pass the facts of a deal to a dataset's ``__getitem__``, in the worker processes too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from croupier.errors import BadArgument
from croupier.run.deal import Deal

__all__ = ["Row", "WithFacts"]


class Row(int):
    """The number of a row, as any dataset expects it, with ``facts``: mapping of column name to this row's value."""

    facts: dict[str, Any]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_row, (int(self), self.facts))


class WithFacts(torch.utils.data.Dataset[Any]):
    """A dataset whose ``__getitem__`` is given a :class:`Row`: the index, with what the plan decided about it.

    Parameters
    ----------
    dataset : map-style dataset
        A dataset that takes plain indices works unchanged; one that wants the facts reads ``index.facts["negatives"]``.

    Examples
    --------
    >>> import croupier as cr
    >>> from torch.utils.data import DataLoader
    >>> class Items:
    ...     def __getitem__(self, index):
    ...         return int(index), float(index.facts["weight"])
    >>> plan = cr.chain(cr.Selection([4, 2], weights=[1.0, 3.0], shuffle=False), cr.FixedSize(2))
    >>> from croupier.torch import BatchSampler
    >>> sampler = BatchSampler(plan, cr.Table(size=5), seed=0)
    >>> next(iter(DataLoader(WithFacts(Items()), batch_sampler=sampler, collate_fn=list)))
    [(4, 1.0), (2, 3.0)]
    """

    def __init__(self, dataset: Any) -> None:
        if not hasattr(dataset, "__getitem__") or getattr(dataset, "ndim", 1) == 0:
            raise BadArgument("dataset", "have rows by number", dataset, "pass a map-style dataset")
        self.dataset = dataset

    def __getitem__(self, index: int) -> Any:
        return self.dataset[_row(index, {})]

    def __getitems__(self, indices: list[int]) -> list[Any]:
        """Fetch a batch: with the facts of a deal, or with none where the indices come from another sampler."""
        columns: Mapping[str, Any] = indices.columns if isinstance(indices, Deal) else {}
        rows = [
            _row(index, {name: values[place] for name, values in columns.items()})
            for place, index in enumerate(indices)
        ]
        fetch_many = getattr(self.dataset, "__getitems__", None)
        return fetch_many(rows) if fetch_many is not None else [self.dataset[row] for row in rows]

    def __len__(self) -> int:
        return len(self.dataset)


def _row(index: int, facts: dict[str, Any]) -> Row:
    row = Row(index)
    row.facts = facts
    return row
