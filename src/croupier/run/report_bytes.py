"""What ranks observed, as bytes that they exchange: JSON and raw arrays, so that receiving executes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from croupier.run.memory import Report

__all__ = ["reports_from_bytes", "reports_to_bytes"]

INT64, FLOAT32 = np.dtype("<i8"), np.dtype("<f4")


def reports_to_bytes(reports: Sequence[Report]) -> bytes:
    """Reports end to end: a line that says how many ids each has and of which signals, then their arrays.

    Examples
    --------
    >>> report = Report(3, np.array([0, 1]), np.array([7, 5]), {"loss": np.array([0.5, 2.0], np.float32)})
    >>> [known] = reports_from_bytes(reports_to_bytes([report]))
    >>> known.ordinal, known.ids.tolist(), known.signals["loss"].tolist()
    (3, [7, 5], [0.5, 2.0])
    """
    head = [[report.ordinal, report.ids.size, list(report.signals)] for report in reports]
    parts = [json.dumps(head).encode() + b"\n"]
    for report in reports:
        parts += [report.places.astype(INT64).tobytes(), report.ids.astype(INT64).tobytes()]
        parts += [values.astype(FLOAT32).tobytes() for values in report.signals.values()]
    return b"".join(parts)


def reports_from_bytes(received: bytes) -> list[Report]:
    """The reports that :func:`reports_to_bytes` made bytes of."""
    begin = received.index(b"\n") + 1
    reports: list[Report] = []
    for ordinal, count, names in json.loads(received[:begin]):
        places, ids = np.frombuffer(received, INT64, 2 * count, begin).reshape(2, count)
        begin += 2 * count * INT64.itemsize
        signals = np.frombuffer(received, FLOAT32, len(names) * count, begin).reshape(len(names), count)
        begin += len(names) * count * FLOAT32.itemsize
        reports.append(Report(ordinal, places, ids, dict(zip(names, signals, strict=True))))
    return reports
