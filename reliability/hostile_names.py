"""Hostile names of columns, categories and stages: they deal like any others, and print as plain text."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import croupier as cr
from croupier.errors import BadTable
from reliability.call_outcomes import OURS, fault_of_text, limits
from reliability.findings import Finding
from reliability.odd_values import HOSTILE_TEXTS

__all__ = ["name_findings"]

RESERVED = (
    "is_padding", "ids", "group", "shape", "negatives", "negative_source", "probability", "importance_weight", "pair",
    "source", "epoch", "size", "self", "index", "length", "segment", "step", "deal", "columns",
)  # fmt: skip
ROWS = 24


def name_findings() -> Iterator[Finding]:
    """One line for each place that a name can stand in."""
    places: dict[str, Callable[[str], list[str]]] = {
        "columns of a table": _as_column,
        "categories": _as_category,
        "stages": _as_stage,
        "columns of a Parquet file": _as_parquet,
    }
    for place, try_one in places.items():
        names = {**HOSTILE_TEXTS, **{name: name for name in RESERVED}}
        faults: list[str] = []
        for said, name in names.items():
            fault = _fault_of(try_one, name)
            if fault is not None:
                faults.append(f"{said}: {fault}")
        yield Finding(f"hostile and reserved names of {place}", len(names), len(names) - len(faults), {}, tuple(faults))


def _fault_of(try_one: Callable[[str], list[str]], name: str) -> str | None:
    try:
        with limits(10.0, 2**29):
            printed = try_one(name)
    except OURS as error:
        return fault_of_text(error)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:120]!a}"
    for text in printed:
        raw = sorted({one for one in text if not one.isprintable() and one != "\n"})
        if raw:
            return f"control characters are printed: {raw!a}"
    return None


def _printed(plan: Any, table: cr.Table) -> list[str]:
    dealer = cr.Dealer(plan, table, seed=1)
    dealt = [deal.ids.tolist() for deal in dealer]
    plain = [deal.ids.tolist() for deal in cr.Dealer(plan, table, seed=1)]
    if dealt != plain:
        raise AssertionError("dealt otherwise the second time")
    resumed = cr.Dealer(plan, table, seed=1)
    resumed.load_state_dict(cr.Dealer(plan, table, seed=1).state_dict())
    figures = cr.preview(plan, table, seed=1)
    return [repr(table), str(figures), _rich_text(figures), str(dealer.ledger), *_refusals(table)]


def _rich_text(figures: Any) -> str:
    from rich.console import Console

    console = Console(file=io.StringIO(), force_terminal=False, width=200)
    console.print(figures)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def _refusals(table: cr.Table) -> Iterator[str]:
    try:
        table.column("not there")
    except BadTable as error:
        yield str(error)


def _as_column(name: str) -> list[str]:
    values = np.arange(ROWS) % 7 + 1
    if name in ("size", "self"):  # arguments of Table are no names of columns in a call
        return []
    table = cr.Table(**{name: values})
    return _printed(cr.chain(cr.Shuffle(), cr.TokenBudget(32, length=name)), table)


def _as_category(name: str) -> list[str]:
    table = cr.Table(length=np.arange(ROWS) % 7 + 1, kind=[name, "plain"] * (ROWS // 2))
    if table.categories["kind"] != tuple(sorted({name, "plain"})):
        raise AssertionError(f"the category became {table.categories['kind']!a}")
    return _printed(cr.chain(cr.Mixture("kind", cr.Uniform()), cr.FixedSize(4)), table)


def _as_stage(name: str) -> list[str]:
    stages = cr.Shuffle(name), cr.TokenBudget(4, too_long=cr.TooLong.DROP, name=f"{name} cuts")
    return _printed(cr.chain(*stages, name=name), cr.Table(length=np.arange(ROWS) % 7 + 1))


def _as_parquet(name: str) -> list[str]:
    import pyarrow as pa
    from pyarrow import parquet

    if name == HOSTILE_TEXTS["surrogate"]:  # no file can hold it
        return []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        parquet.write_table(pa.table({name: np.arange(ROWS) % 7 + 1}), path)
        table = cr.Table.from_parquet(path)
        return _printed(cr.chain(cr.Shuffle(), cr.TokenBudget(32, length=name)), table)
