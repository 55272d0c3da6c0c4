"""Trials: every public name and command called with odd and hostile values; each is taken or refused in our words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reliability.command_inputs import command_findings
from reliability.findings import Finding, say
from reliability.hostile_names import name_findings
from reliability.odd_values import NO_PANDAS, POOL
from reliability.public_call import Call
from reliability.public_calls import NOT_CALLED, all_calls, uncovered
from reliability.tried_calls import Tally, tried_apart

__all__ = ["calls_finding", "findings"]

SHARE, SHARE_NIGHTLY = 0.1, 1.0
PAIRS, PAIRS_NIGHTLY = 0, 200


def findings(*, nightly: bool, seed: int) -> Iterator[Finding]:
    """One line for public calls, for names in tables and reports, for commands."""
    share, pairs = (SHARE_NIGHTLY, PAIRS_NIGHTLY) if nightly else (SHARE, PAIRS)
    calls = list(all_calls())
    yield coverage_finding(calls)
    yield calls_finding(calls, share=share, pairs=pairs, seed=seed)
    yield from name_findings()
    yield from command_findings()


def coverage_finding(calls: Sequence[Call]) -> Finding:
    """Whether every public callable is tried, or has a reason not to be."""
    missing = uncovered()
    return Finding(
        "public callables with a call to try", len(calls) + len(missing), len(calls),
        {"left out, each with a reason": len(NOT_CALLED)}, tuple(f"{name} has no call" for name in missing),
    )  # fmt: skip


def calls_finding(calls: Sequence[Call], *, share: float, pairs: int, seed: int) -> Finding:
    """Odd values for every argument of these calls."""
    tallies: list[Tally] = []
    for place, found in enumerate(tried_apart(calls, share=share, pairs=pairs, seed=seed), 1):
        tallies.append(found)
        if found.faults:
            say(f"  {place:4} of {len(calls)}  {found.name}: {len(found.faults)} of {found.tried} DO NOT HOLD")
    faults = tuple(fault for found in tallies for fault in found.faults)
    tried = sum(found.tried for found in tallies)
    has_pandas = any(odd.name.startswith("series") for odd in POOL)
    return Finding(
        "odd arguments, taken as the plain value or refused in our words", tried, tried - len(faults),
        {
            "calls": len(tallies),
            "odd values": len(POOL),
            "refused in our words": sum(found.refused for found in tallies),
            "taken": sum(found.taken for found in tallies),
            "of these compared with the plain value": sum(found.compared for found in tallies),
            "seed": seed,
            **({} if has_pandas else {"not tried": NO_PANDAS}),
        },
        faults,
    )  # fmt: skip
