from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from croupier.core.fingerprint import describe
from croupier.core.score_layout import ScoreLayout
from croupier.core.score_statistics import (
    Count,
    Ema,
    Forgotten,
    Last,
    Mean,
    Variance,
    checked_statistics,
    statistic_of,
)
from croupier.errors import BadArgument


@pytest.mark.parametrize("decay", [np.float64(0.9), Fraction(9, 10), 0.9])
def test_equal_statistics_are_kept_under_one_name(decay):
    assert Ema(decay) == Ema(0.9)
    assert repr(Ema(decay)) == repr(Ema(0.9))
    assert ScoreLayout((Ema(0.9),)).keeps(Ema(decay))


@pytest.mark.parametrize("statistic", [Last(), Mean("margin"), Variance(), Count("el2n"), Ema(0.99, "x"), Forgotten()])
def test_each_is_found_again_from_its_description(statistic):
    assert statistic_of(describe(statistic)) == statistic


def test_what_describes_none_is_refused():
    for description in (None, {"class": "Median"}, {"class": "Ema", "decay": 2.0}):
        with pytest.raises(ValueError, match=r"describes no statistic|decay must be"):
            statistic_of(description)


def test_one_alone_and_lists_become_tuples():
    assert checked_statistics(Mean()) == checked_statistics([Mean()]) == (Mean(),)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: checked_statistics(()), r"statistics must be a tuple of statistics, got \(\); write \(Last\(\), Mean"),
        (lambda: checked_statistics(("mean",)), r"statistics must be Last, Mean, Variance, Count, Ema or Forgotten"),
        (lambda: checked_statistics((Mean(), Mean("loss"))), r"statistics must differ.*name each once"),
        (lambda: Mean("my loss"), r"signal must be a name, got my loss"),
        (lambda: Last(None), r"signal must be a name, got None"),
        (lambda: Variance(""), r"signal must be a name"),
        (lambda: Count(3), r"signal must be a name"),
        (lambda: Forgotten("a-b"), r"signal must be a name"),
        (lambda: Ema(1.0), r"decay must be below 1, got 1.0; or it would stay at the first value"),
        (lambda: Ema(0.0), r"decay must be a number in \(0, 1\], got 0.0"),
    ],
)
def test_bad_arguments_are_refused(build, text):
    with pytest.raises(BadArgument, match=text):
        build()
