"""Deal every golden case here and now, and say which came out as they were released: run by any interpreter.

``python -m reliability.golden_deals`` prints JSON; it needs the library and NumPy alone.
"""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent / "tests"

__all__ = ["deals"]


def deals() -> dict[str, Any]:
    """What ran, how many cases were equal to their golden files, and a hash of all that was dealt."""
    sys.path[:0] = [str(TESTS)]
    import numpy as np

    import croupier as cr
    from cases import CASES
    from streams import program_of, steps_of

    equal, unequal, hashed = 0, [], hashlib.blake2b(digest_size=16)
    for case in CASES:
        program = program_of(case, world_size=2)
        dealt = {}
        for epoch in (0, 1):
            steps = steps_of(program, 2, cr.Cursor(epoch=epoch, world_size=2))
            dealt[str(epoch)] = [batch.tolist() for step in steps for batch in step.batches]
            for step in steps:
                for name, values in sorted(step.batches.columns.items()):
                    hashed.update(name.encode() + np.ascontiguousarray(values).tobytes())
        hashed.update(json.dumps(dealt).encode())
        if dealt == json.loads((TESTS / "golden" / f"{case.name}.json").read_text()):
            equal += 1
        else:
            unequal.append(case.name)
    return {
        "python": f"{platform.python_version()}{'' if getattr(sys, '_is_gil_enabled', lambda: True)() else 't'}",
        "numpy": np.__version__, "equal": equal, "unequal": unequal, "hash": hashed.hexdigest(),
    }  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write(json.dumps(deals()) + "\n")
