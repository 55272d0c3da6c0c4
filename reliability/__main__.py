"""Run trials and print one table: ``python -m reliability --part kills --nightly --json out.json``."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path

from reliability import inputs, kills, ranks, same, soak, states
from reliability.findings import Finding, print_findings, say

PARTS = {
    "inputs": inputs.findings,
    "kills": kills.findings,
    "ranks": ranks.findings,
    "same": same.findings,
    "soak": soak.findings,
    "states": states.findings,
}


def main() -> int:
    arguments = _parser().parse_args()
    chosen = list(PARTS) if arguments.part == "all" else [arguments.part]
    found: list[Finding] = []
    for part in chosen:
        say(part)
        begun = time.perf_counter()
        found += PARTS[part](nightly=arguments.nightly, seed=arguments.seed)
        say(f"  {time.perf_counter() - begun:.0f} s")
    print_findings(found)
    if arguments.json:
        report = {
            "nightly": arguments.nightly, "seed": arguments.seed, "python": platform.python_version(),
            "system": platform.platform(), "findings": [finding.to_dict() for finding in found],
        }  # fmt: skip
        arguments.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if all(finding.holds for finding in found) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m reliability", description=__doc__)
    parser.add_argument("--part", choices=[*PARTS, "all"], default="all")
    parser.add_argument("--nightly", action="store_true", help="as much as a night allows; without it a few minutes")
    parser.add_argument("--seed", type=int, default=0, help="of the choices; instants are those of the machine")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the table to this file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
