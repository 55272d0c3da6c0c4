from __future__ import annotations

import croupier as cr


def test_policies_are_named_and_have_a_default_that_loses_nothing():
    assert [policy.name for policy in cr.Tail] == ["SHORT", "CARRY", "DROP"]
    assert [policy.name for policy in cr.TooLong] == ["REFUSE", "DROP", "TRUNCATE", "SPLIT", "ALONE"]
    assert [policy.name for policy in cr.FewIds] == ["REFUSE", "DROP", "PAD"]
    assert cr.FixedSize(1).tail is cr.Tail.SHORT
    assert cr.TokenBudget(1).too_long is cr.TooLong.REFUSE
    assert cr.Lockstep().few_ids is cr.Balanced().few_ids is cr.FewIds.REFUSE
