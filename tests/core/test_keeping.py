from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.core.keeping import Keeping, Kept, Reading, check_readers
from croupier.core.score_layout import ScoreLayout
from croupier.core.stage import Learning
from croupier.errors import BadArgument


def test_who_keeps_who_reads_and_who_learns():
    keep, read, learn = cr.KeepScores((cr.Mean(),)), cr.ScoreWeighted(cr.Mean()), cr.LossWeighted()
    for kind, stage in ((Keeping, keep), (Reading, read), (Learning, learn)):
        assert [other for other in (keep, read, learn) if isinstance(other, kind)] == [stage]


def test_several_stores_are_read_as_one():
    parts = []
    for signal, value in (("a", 1.0), ("b", 2.0)):
        layout = ScoreLayout((cr.Last(signal),))
        records = np.zeros(2, layout.record)
        layout.write(records, np.array([1]), np.array([[value]], np.float32))
        parts.append((layout, records))
    kept = Kept(parts, 4)
    assert kept.statistics == (cr.Last("a"), cr.Last("b"))
    assert (kept.rows, Kept().rows) == (2, 0)
    assert [kept.read(cr.Last(name)).values[1] for name in "ab"] == [1.0, 2.0]
    assert kept.read(cr.Last("b")).version == 4
    with pytest.raises(
        BadArgument, match=r"statistic must be one that is kept, got Mean.*there are Last\(signal='a'\), Last"
    ):
        kept.read(cr.Mean("a"))


def test_a_plan_that_reads_what_is_not_kept_is_refused_when_the_run_is_made():
    plan = cr.chain(cr.ScoreWeighted(cr.Mean("el2n")), cr.KeepScores((cr.Mean(),)), cr.FixedSize(2))
    text = r"keep what 'score_weighted' reads, Mean\(signal='el2n'\), got only Mean.*add KeepScores\(\(Mean\(...\),\)\)"
    with pytest.raises(BadArgument, match=text):
        cr.Dealer(plan, cr.Table(size=4), seed=0)
    with pytest.raises(BadArgument, match=r"got nothing that is; add KeepScores"):
        check_readers([cr.ScoreColumn(cr.Last())])


def test_counts_are_kept_with_anything_and_means_with_variances():
    check_readers([cr.KeepScores((cr.Variance("x"),)), cr.ScoreColumn(cr.Mean("x")), cr.ScoreWeighted(cr.Count("x"))])


def test_a_statistic_is_kept_once():
    stages = [cr.KeepScores((cr.Mean(),)), cr.KeepScores((cr.Last(), cr.Mean()), name="other")]
    with pytest.raises(BadArgument, match=r"plan must keep each statistic once"):
        check_readers(stages)


@pytest.mark.parametrize("stage", [cr.KeepScores((cr.Mean(),)), cr.ScoreWeighted(cr.Mean())])
def test_inside_another_order_nothing_is_kept_or_read(stage):
    inner = cr.chain(cr.Shuffle(), stage) if isinstance(stage, cr.KeepScores) else stage
    with pytest.raises(BadArgument, match=r"must be an order of its own, that does not learn"):
        cr.Subset(inner, range(3))
