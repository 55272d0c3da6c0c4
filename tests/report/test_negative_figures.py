from __future__ import annotations

import json

import numpy as np
import rich

import croupier as cr

KNOWN = cr.KnownPositives.of([0, 1, 2], [5, 5, 6])
VECTORS = cr.Embedded(np.eye(3), np.random.default_rng(0).normal(size=(8, 3)))
BATCH = {"queries": [0, 1, 2], "items": [5, 5, 6], "negatives": [7, 5, -1], "mined_at": 0, "rows": [0, 1, 2]}
FULL = cr.audit_negatives(
    [BATCH, {**BATCH, "now": 3}], KNOWN, scope=cr.AuditScope(rows=5, margin=0.1), embedded=VECTORS, mined_with=VECTORS
)


def test_it_prints_as_a_table_everywhere(capsys):
    lines = str(FULL).splitlines()
    assert len({line.index(value) for line, (_, value) in zip(lines, FULL.rows(), strict=True)}) == 1
    assert dict(FULL.rows())["leaks, explicit negatives"] == "2 of 4 (50.000%)"
    assert dict(FULL.rows())["rows never dealt"] == "2"
    assert dict(FULL.rows())["age of mined negatives"] == "1.5 (0 to 3)"
    assert "... less a margin of 0.1" in str(FULL)
    rich.print(FULL)
    printed = capsys.readouterr().out
    assert "croupier audit of negatives" in printed
    assert "rank when mined, quartiles" in printed


def test_it_is_json_and_a_picture(tmp_path):
    loaded = json.loads(FULL.to_json())
    assert loaded["leaks"]["explicit_leaks"] == FULL.leaks.explicit_leaks == 2
    assert loaded["leak_rate"] == FULL.leaks.rate == 6 / 16
    assert loaded["hardness"]["sampled"] == FULL.hardness.sampled
    assert loaded["staleness"]["ages"] == [0, 1.5, 3]
    FULL.plot(tmp_path / "audit.svg")
    assert (tmp_path / "audit.svg").stat().st_size > 5_000


def test_what_does_not_apply_is_not_shown(tmp_path):
    plain = cr.audit_negatives([([0, 2], [5, 6])], KNOWN)
    assert (plain.hardness, plain.staleness, plain.dealt.rows_never_dealt) == (None, None, None)
    assert plain.leaks.first is None
    for name in ("explicit", "first leak", "never dealt", "score", "age", "rank"):
        assert name not in str(plain)
    plain.plot(tmp_path / "audit.png")
