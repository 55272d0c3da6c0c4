from __future__ import annotations

from croupier import Ledger


def test_entries_of_one_stage_and_event_are_merged():
    book = Ledger.of("a", "dropped", 2, 10) + Ledger.of("b", "dropped", 1) + Ledger.of("a", "dropped", 3, 5)
    assert [(e.stage, e.ids, e.tokens) for e in book] == [("a", 5, 15), ("b", 1, 0)]
    assert book.ids("dropped") == 6
    assert book.ids("repeated") == 0


def test_nothing_is_no_entry():
    assert not Ledger.of("a", "dropped", 0)
    assert str(Ledger()) == "nothing dropped, cut or repeated"
