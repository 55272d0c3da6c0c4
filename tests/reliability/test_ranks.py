"""Short forms of ``python -m reliability --part ranks``."""

from __future__ import annotations

import pytest

from reliability import ranks


def test_some_of_very_many_ranks_deal_what_is_theirs():
    findings = list(ranks.many_ranks(sampled=3, seed=1))
    assert [finding.holds for finding in findings] == [True, True]


def test_a_hundred_thousand_epochs_are_numbered():
    assert ranks.epochs_without_end().holds


def test_at_the_edge_of_63_bits_results_are_right_or_refused():
    finding = ranks.limits()
    assert finding.faults == ()
    assert finding.holds


def test_a_mapped_column_is_planned_segment_by_segment(tmp_path):
    assert ranks.mapped_table(tmp_path, 2 * 10**6, seed=1).holds


@pytest.mark.slow
def test_64_processes_joined_by_gloo(tmp_path):
    finding = ranks.many_processes(tmp_path, 64, seed=1)
    assert finding.faults == ()
    assert finding.holds
