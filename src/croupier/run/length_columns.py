"""Which columns of the table a plan and its split read lengths from."""

from __future__ import annotations

from typing import Any, cast

from croupier.core.chain import Chain
from croupier.core.facts import check_length_column, checked_names
from croupier.core.split import Split
from croupier.core.table import Table

__all__ = ["length_columns", "split_length"]


def length_columns(plan: Chain, split: Split, table: Table) -> tuple[str, ...]:
    """The lengths that batches are cut by, several where they are padded side by side; tokens are those of the last."""
    # The budget's own column first: it is what tokens are counted in.
    leaves = sorted((stage for _, stage in plan.leaves()), key=lambda stage: not hasattr(stage, "max_tokens"))
    named = [getattr(stage, "length", None) for stage in leaves]
    named += [getattr(split, "length", None), "length"]
    several = [checked_names(name) for name in cast("list[Any]", named) if name is not None]
    return next((names for names in several if all(name in table for name in names)), ())


def split_length(split: Split, table: Table) -> tuple[str, ...]:
    """The column that shares are weighed by; none where every example weighs the same."""
    name = getattr(split, "length", None)
    if name is None or (name not in table and not getattr(split, "needs_lengths", False)):
        return ()
    check_length_column(table, name)
    return (name,)
