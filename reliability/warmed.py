"""Imported once by the server that ranks are forked from: they begin with all modules and kernels loaded."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import croupier as cr
import croupier.torch
from reliability import killed_rank  # noqa: F401
from reliability.killed_runs import RUNS, dataset_table, losses_of

with tempfile.TemporaryDirectory() as _folder:
    for _place, _run in enumerate(RUNS.values()):
        _dealer = cr.Dealer(
            _run.plan(Path(_folder, str(_place))), dataset_table(), seed=0, split=_run.split_of(os.cpu_count() and 1)
        )
        for _deal in _dealer:
            if _run.signals:
                _dealer.observe(_deal, losses_of(_deal.ids, _deal.epoch, _run.signals))
