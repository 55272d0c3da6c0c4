"""What a trial has shown: how much was tried, how much held, and the first things that did not."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Finding", "print_findings", "say"]

SHOWN_FAULTS = 5


@dataclass(frozen=True)
class Finding:
    """One line of the table. A finding without faults holds; figures are what else there is to say, by name."""

    what: str
    tried: int
    held: int
    figures: dict[str, Any] = field(default_factory=dict)
    faults: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether all that was tried held, and something was tried."""
        return self.tried > 0 and self.held == self.tried and not self.faults

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "holds": self.holds}


def print_findings(findings: Sequence[Finding]) -> None:
    """One line each, figures below it, and what did not hold below these."""
    width = max((len(finding.what) for finding in findings), default=0)
    say("")
    say(f"{'':{width}}  {'tried':>12}  {'held':>12}")
    for finding in findings:
        verdict = "" if finding.holds else "  DOES NOT HOLD"
        say(f"{finding.what:{width}}  {finding.tried:>12,}  {finding.held:>12,}{verdict}")
        for name, value in finding.figures.items():
            say(f"    {name}: {_shown(value)}")
        for fault in finding.faults[:SHOWN_FAULTS]:
            say(f"    FAULT {fault}")
        if len(finding.faults) > SHOWN_FAULTS:
            say(f"    and {len(finding.faults) - SHOWN_FAULTS} more")


def say(line: str) -> None:
    """Print at once, whatever the output is."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)
