from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadArgument


@pytest.fixture(scope="module")
def table():
    return cr.Table(length=np.clip(np.random.default_rng(0).lognormal(5.95, 1.26, 60_000), 1, 8_000).astype(np.int64))


@pytest.fixture(scope="module")
def dial(table):
    return cr.randomness_dial(table, max_tokens=32_768, sample_rows=30_000)


def test_padding_is_paid_for_in_pairs_that_meet_again(dial):
    paddings = [point.padding for point in dial.points]
    assert paddings == sorted(paddings, reverse=True)
    front = dial.front
    assert all(a.re_pairing < b.re_pairing for a, b in pairwise(front))
    assert front[0].name == "no grouping"
    assert front[0].re_pairing == pytest.approx(1, abs=0.3)
    assert front[-1].re_pairing > 10
    for point in dial.points:
        assert (point in front) == (not any(other.beats(point) for other in dial.points))


def test_a_point_is_what_preview_says_of_its_plan(table, dial):
    point = dial.most_random(max_padding=0.05)
    assert point.padding <= 0.05
    assert point.re_pairing == min(p.re_pairing for p in dial.points if p.padding <= 0.05)
    sample = cr.Table(length=table.column("length")[::2])
    figures = cr.preview(point.plan, sample, seed=0)
    assert (figures.padding, figures.fill, figures.re_pairing) == (point.padding, point.fill, point.re_pairing)
    with pytest.raises(
        BadArgument, match=r"max_padding must be >= 0\.\d+, the least measured, got 0.0; allow some more"
    ):
        dial.most_random(max_padding=0.0)


def test_windows_in_buckets_beat_windows_at_one_padding(dial):
    equal = {p.setting: p for p in dial.points if p.family == "sorted windows"}
    for point in (p for p in dial.points if p.family == "windows in 3 buckets" and 0.005 < p.padding < 0.03):
        if point.padding < min(p.padding for p in equal.values()):
            continue
        more = min((p for p in equal.values() if p.padding >= point.padding), key=lambda p: p.padding)
        less = max((p for p in equal.values() if p.padding <= point.padding), key=lambda p: p.padding)
        place = np.log(more.padding / point.padding) / np.log(more.padding / less.padding)
        on_the_line = more.re_pairing * (less.re_pairing / more.re_pairing) ** place
        assert point.re_pairing < 0.9 * on_the_line


def test_it_prints_is_written_and_drawn(dial, tmp_path):
    lines = str(dial).splitlines()
    assert lines[0].split() == ["padding", "fill", "correlation", "of", "neighbours", "re-pairing"]
    assert sum(line.startswith("*") for line in lines) == len(dial.front)
    rows = json.loads(dial.to_json())
    assert sum(row["is_on_front"] for row in rows) == len(dial.front)
    assert rows[0]["family"] == dial.points[0].family
    dial.plot(tmp_path / "dial.svg")
    drawn = (tmp_path / "dial.svg").read_text()
    assert drawn.startswith("<?xml")
    assert "windows in 3 buckets" in drawn or "<path" in drawn


def test_arguments_are_checked(table):
    with pytest.raises(BadArgument, match=r"max_tokens must be an integer >= 1, got 0"):
        cr.randomness_dial(table, max_tokens=0)
    with pytest.raises(BadArgument, match=r"sample_rows must be an integer >= 2, got 1"):
        cr.randomness_dial(table, max_tokens=10, sample_rows=1)
