from __future__ import annotations

import json

import rich

import croupier as cr

TABLE = cr.Table(length=[5, 1, 4, 2, 3, 6], kind=["a", "b", "a", "b", "a", "a"])
FIGURES = cr.preview(cr.chain(cr.Sequential(), cr.TokenBudget(8)), TABLE, seed=1, world_size=2)


def test_they_print_as_a_table_everywhere(capsys):
    lines = str(FIGURES).splitlines()
    assert lines[0].endswith("0 on 2 ranks, 2 lanes")
    values = {line[: len(lines[0]) - len("0 on 2 ranks, 2 lanes")].strip() for line in lines}
    assert {"padding", "fill of the budget", "largest rank over mean", "share of kind, ids"} <= values
    rich.print(FIGURES)
    assert "croupier preview" in capsys.readouterr().out


def test_they_are_json():
    assert json.loads(FIGURES.to_json())["shares"]["kind"] == {"a": 4 / 6, "b": 2 / 6}


def test_what_does_not_apply_is_left_out():
    plain = cr.preview(cr.chain(cr.Sequential(), cr.FixedSize(2)), cr.Table(size=4), seed=0)
    names = [name for name, _ in plain.rows()]
    assert "padding" not in names
    assert "rows not dealt" not in names
