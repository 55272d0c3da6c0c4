from __future__ import annotations

from reliability.findings import Finding, print_findings


def test_a_finding_holds_only_if_something_was_tried_and_all_of_it_held():
    assert Finding("kills", 3, 3).holds
    assert not Finding("kills", 3, 2).holds
    assert not Finding("kills", 0, 0).holds
    assert not Finding("kills", 3, 3, faults=("one",)).holds


def test_the_table_shows_figures_and_the_first_faults(capsys):
    faults = tuple(f"fault {number}" for number in range(7))
    print_findings([Finding("kills survived", 1234, 1227, {"of": {"one rank": 1000}}, faults)])
    shown = capsys.readouterr().out
    assert "1,234         1,227  DOES NOT HOLD" in shown
    assert "    of: one rank 1,000" in shown
    assert "FAULT fault 4" in shown
    assert "and 2 more" in shown
