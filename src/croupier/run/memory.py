"""What learning stages have learned: scores, the observations not yet applied, and the way back."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from croupier.core.batches import Int64
from croupier.core.keeping import Keeping, Kept, Reading, check_readers
from croupier.core.score_statistics import LOSS
from croupier.core.stage import Learned, Learning, Stage
from croupier.errors import BadArgument, BadState, FeedbackTooLate
from croupier.run.learned_scores import DELAY, LearnedScores, Signals

__all__ = ["Gather", "Memory", "Report"]

REPORT_FIELDS = ("ordinals", "places", "ids", "values")


@dataclass(frozen=True, slots=True)
class Report:
    """Signals of one deal: the segment they belong to, their places in its flat order, the ids, the values by name."""

    ordinal: int
    places: Int64
    ids: Int64
    signals: Signals

    def is_before(self, place: int) -> bool:
        """Whether all of it was dealt before a place of its segment."""
        return bool(self.places.max(initial=-1) < place)

    @property
    def told(self) -> set[tuple[int, str]]:
        """What no other report may tell: a signal of a deal, which its first place stands for."""
        first = int(self.places[0]) if self.places.size else -1
        return {(first, name) for name in self.signals}


Gather = Callable[[list[Report]], list[list[Report]]]
"""Exchange reports: called by every rank at the same boundary, returns what each rank passed, by rank."""


class Memory:
    """The learned state of a run.

    ``version`` v means: the observations of segments 0 .. v - 1 are in the scores.
    """

    def __init__(self, leaves: Sequence[tuple[tuple[str, ...], Stage]], rows: int, *, writes_files: bool) -> None:
        self.version = 0
        self._writes_files = writes_files
        self.gather: Gather = _alone
        self._pass_version = 0
        self._is_over = False
        self._reports: dict[int, list[Report]] = {}
        self._told: dict[int, set[tuple[int, str]]] = {}
        stages = [stage for _, stage in leaves]
        check_readers(stages)
        self._scores = [LearnedScores(p, stage, rows) for p, stage in leaves if isinstance(stage, (Learning, Keeping))]
        self.learns = any(isinstance(stage, (Learning, Reading)) for stage in stages)
        """Whether what is observed has an effect on any plan: what is only kept has none."""

    def learned(self) -> dict[str, Any]:
        """The scores as nested mappings by stage name, for a context."""
        nested: dict[str, Any] = {}
        for scores in self._scores:
            if self._writes_files:
                scores.check_folder_is_ours()
            if isinstance(scores.stage, Keeping):
                continue
            level = nested
            for name in scores.path[:-1]:
                level = level.setdefault(name, {})
            level[scores.path[-1]] = Learned(scores.artefact.values, self.version)
        return nested

    def kept(self) -> Kept:
        """The statistics that stages keep, for a context."""
        parts = [(s.stage.layout, s.artefact.values) for s in self._scores if isinstance(s.stage, Keeping)]
        return Kept(parts, self.version)

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that stages make use of."""
        return tuple(dict.fromkeys(name for scores in self._scores for name in scores.signals))

    def begin_pass(self, ordinal: int, place: int) -> None:
        """A pass begins at a place of a segment: what was observed beyond it was of a pass that was abandoned.

        What is learned already counts from its first segment on, also where it deals one again.
        """
        self._check_going_on()
        self._pass_version = self.version
        kept = {known: reports for known, reports in self._reports.items() if known < ordinal}
        kept[ordinal] = [report for report in self._reports.get(ordinal, []) if report.is_before(place)]
        self._keep(kept)

    def _keep(self, reports: dict[int, list[Report]]) -> None:
        self._reports = {known: these for known, these in reports.items() if these}
        self._told = {known: set().union(*(report.told for report in these)) for known, these in self._reports.items()}

    def report(self, report: Report) -> None:
        """Take note of what training observed."""
        unknown = set(report.signals).difference(self.signals)
        if self._scores and unknown:
            raise BadArgument(
                "signal", f"be of {', '.join(map(repr, self.signals))}", ", ".join(map(repr, sorted(unknown))),
                "no stage of the plan keeps it: leave it out, or add KeepScores",
            )  # fmt: skip
        for scores in self._scores:
            scores.check(report.signals)
        if self._scores and report.ordinal >= self._pass_version:
            self._take_note(report)

    def _take_note(self, report: Report) -> None:
        if report.ordinal < self.version:
            raise FeedbackTooLate(
                f"segment {report.ordinal} was observed after its observations were taken in, for segment"
                f" {self.version + DELAY - 1}; observe each batch before the next one is asked for"
            )
        known = self._told.setdefault(report.ordinal, set())
        if not known.isdisjoint(report.told):
            raise BadArgument(
                "observe", "be told of a signal once for each deal", "the same deal again", "leave the second call out"
            )
        known |= report.told
        self._reports.setdefault(report.ordinal, []).append(report)

    def advance(self, ordinal: int, received: int) -> None:
        """Apply what segment ``ordinal`` may know. Collective: every rank calls it at the same boundary.

        ``received`` is the segment of the last deal that the training loop received.
        """
        target = max(0, ordinal - DELAY + 1)
        if not self._scores or target <= self.version:
            return
        if received < target:
            raise FeedbackTooLate(
                f"segment {ordinal} must be planned with the observations of segment {target - 1}, but the loop has"
                f" only received batches of segment {received}: more is prefetched than a segment holds; raise"
                " segment_ids of the chain, or lower num_workers or prefetch_factor"
            )
        mine = [report for known in range(self.version, target) for report in self._reports.get(known, [])]
        everyones = [report for rank in self.gather(mine) for report in rank]
        for known in range(self.version, target):
            self._apply(known, [report for report in everyones if report.ordinal == known])
        self.version = target

    def _apply(self, ordinal: int, reports: list[Report]) -> None:
        if not reports:
            return
        places = np.concatenate([report.places for report in reports])
        dealt = np.argsort(places, kind="stable")
        ids = np.concatenate([report.ids for report in reports])[dealt]
        signals = {name: values[dealt] for name, values in _joined_signals(reports).items()}
        for scores in self._scores:
            if self._writes_files:
                scores.take_file()
            scores.apply(ordinal, ids, signals)

    # Checkpoints.

    def state(self, ordinal: int) -> dict[str, Any]:
        """What a run that stands in segment ``ordinal`` needs; collective where ranks report on their own."""
        if not self._scores:
            return {}
        self._check_going_on()
        version = min(max(self._pass_version, ordinal - DELAY + 1), self.version)
        mine = [report for known, reports in self._reports.items() if known >= version for report in reports]
        everyones = sorted(
            (report for rank in self.gather(mine) for report in rank), key=lambda r: (r.ordinal, r.places[:1].tolist())
        )
        signals = _joined_signals(everyones)
        sizes = [report.ids.size for report in everyones]
        reports = {
            "ordinals": np.repeat([report.ordinal for report in everyones], sizes).astype(np.int64),
            "places": _joined([report.places for report in everyones], np.int64),
            "ids": _joined([report.ids for report in everyones], np.int64),
            "values": signals.pop(LOSS, np.full(sum(sizes), np.nan, dtype=np.float32)),
        }
        return {
            "version": version,
            "scores": {"/".join(scores.path): scores.saved_at(version) for scores in self._scores},
            "reports": {**reports, "signals": signals} if signals else reports,
        }

    def aside(self) -> Memory:
        """One that knows the same and may load a state while this one stays as it is."""
        other = copy(self)
        other._scores = [copy(scores) for scores in self._scores]
        other._reports = dict(self._reports)
        return other

    def load(self, state: Any, *, keep_reports: bool) -> None:
        """Take over a state; one rank alone keeps its reports, or they would count once for each."""
        try:
            self._load(state, keep_reports=keep_reports)
        except BadState:
            raise
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError) as error:
            what = f"{type(error).__name__}: {error}"
            raise BadState("learned", "be as state_dict() wrote it", what, "load an undamaged state") from None

    def _load(self, state: dict[str, Any], *, keep_reports: bool) -> None:
        if not self._scores:
            return
        version = operator.index(state["version"])
        reports = {name: np.asarray(state["reports"][name]) for name in REPORT_FIELDS}
        others = {str(name): np.asarray(values) for name, values in state["reports"].get("signals", {}).items()}
        sizes = {values.shape for values in (*reports.values(), *others.values())}
        are_whole = all(reports[name].dtype.kind in "iu" for name in REPORT_FIELDS[:3])
        if not 0 <= version < 2**62 or len(sizes) != 1 or reports["ids"].ndim != 1 or not are_whole:
            raise BadState("learned reports", "be aligned columns of a version >= 0", sizes, "load an undamaged state")
        if any(int(reports[name].min(initial=0)) < 0 for name in ("ordinals", "places")):
            raise BadState("learned reports", "be of segments and places from 0 on", "less", "load an undamaged state")
        ids = reports["ids"]
        if ids.size and not 0 <= ids.min() <= ids.max() < self._scores[0].artefact.values.size:
            raise BadState("learned reports", "be of rows of the table", f"ids up to {ids.max()}", "use its own table")
        names = {"/".join(scores.path) for scores in self._scores}
        if set(state.get("scores", {})) != names:
            raise BadState("learned scores", f"be of {sorted(names)}", sorted(state.get("scores", {})), "use its plan")
        self._is_over = False
        for scores, found in [(s, s.found(state["scores"]["/".join(s.path)])) for s in self._scores]:
            scores.go_on_with(found)
        self.version = self._pass_version = version
        self._keep({})
        for ordinal in np.unique(reports["ordinals"]).tolist() if keep_reports else ():
            here = reports["ordinals"] == ordinal
            named = {LOSS: reports["values"], **others}
            signals = {name: values[here].astype(np.float32) for name, values in named.items()}
            # A loss that was masked throughout was observed all the same.
            needed = {LOSS}.intersection(self.signals)
            observed = {name: v for name, v in signals.items() if name in needed or not np.isnan(v).all()}
            self.report(Report(ordinal, reports["places"][here], reports["ids"][here], observed))

    def take_in_all(self) -> None:
        """Apply all that was observed, also what no plan could know yet: the run is over. Collective, as advance is."""
        everyones = [
            report for rank in self.gather([r for mine in self._reports.values() for r in mine]) for report in rank
        ]
        for known in sorted({report.ordinal for report in everyones if report.ordinal >= self.version}):
            self._apply(known, [report for report in everyones if report.ordinal == known])
            self.version = known + 1
        self._keep({})
        self._is_over = True

    def _check_going_on(self) -> None:
        if self._is_over:
            raise BadArgument(
                "run", "go on without knowing what it observed last", "a run whose scores were read to the end",
                "read them after the last epoch, and save before; to go on, load that state",
            )  # fmt: skip

    def grown(self, leaves: Sequence[tuple[tuple[str, ...], Stage]], rows: int) -> Memory:
        """A memory for another number of rows that knows what this one knows of the rows they share."""
        other = Memory(leaves, rows, writes_files=self._writes_files)
        other.version, other.gather = self.version, self.gather
        other._keep(self._reports)
        for theirs, mine in zip(other._scores, self._scores, strict=True):
            if mine.stage.artefact is not None:
                raise BadState(
                    f"artefact {mine.stage.artefact}", "keep the size of its table", f"{rows} rows",
                    "a table may not grow under an artefact: start a new run from the trained model",
                )  # fmt: skip
            known = min(theirs.artefact.values.size, mine.artefact.values.size)
            theirs.artefact.values[:known] = mine.artefact.values[:known]
        return other

    def forget_before(self, ordinal: int) -> None:
        """Drop reports that no checkpoint of a run standing in this segment can need."""
        for old in [known for known in self._reports if known < ordinal - DELAY]:
            del self._reports[old], self._told[old]


def _alone(reports: list[Report]) -> list[list[Report]]:
    """What a run of one rank exchanges."""
    return [reports]


def _joined(arrays: list[npt.NDArray[Any]], dtype: Any) -> npt.NDArray[Any]:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)


def _joined_signals(reports: Sequence[Report]) -> dict[str, npt.NDArray[np.float32]]:
    """Each signal of these reports end to end, with what is not a number where one did not have it."""
    names = dict.fromkeys(name for report in reports for name in report.signals)
    joined: dict[str, npt.NDArray[np.float32]] = {}
    for name in names:
        parts = [r.signals.get(name, np.full(r.ids.size, np.nan, dtype=np.float32)) for r in reports]
        joined[name] = np.concatenate(parts).astype(np.float32, copy=False)
    return joined
