from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from croupier.run.memory import Report
from croupier.run.report_bytes import reports_from_bytes, reports_to_bytes

REPORTS = st.lists(
    st.tuples(
        st.integers(0, 2**62),
        st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 2**62)), max_size=5),
        st.lists(st.text(max_size=5), max_size=3, unique=True),
    ),
    max_size=4,
)


@given(REPORTS, st.randoms())
def test_reports_come_back_as_they_were(given_reports, chance):
    reports = [
        Report(
            ordinal,
            np.array([place for place, _ in rows], np.int64),
            np.array([id_ for _, id_ in rows], np.int64),
            {name: np.array([chance.choice([np.nan, 0.5, -3e38]) for _ in rows], np.float32) for name in names},
        )
        for ordinal, rows, names in given_reports
    ]
    again = reports_from_bytes(reports_to_bytes(reports))
    assert [report.ordinal for report in again] == [report.ordinal for report in reports]
    for old, new in zip(reports, again, strict=True):
        assert new.places.tolist() == old.places.tolist()
        assert new.ids.tolist() == old.ids.tolist()
        assert list(new.signals) == list(old.signals)
        for name in old.signals:
            assert np.array_equal(new.signals[name], old.signals[name], equal_nan=True)
