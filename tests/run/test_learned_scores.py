from __future__ import annotations

import numpy as np
import pytest

import croupier as cr
from croupier.errors import BadState
from croupier.run.learned_scores import LearnedScores


def scores_of(folder=None, segments=6):
    """Segment s observes s + 10 for row s."""
    scores = LearnedScores(("loss_weighted",), cr.LossWeighted(artefact=folder), rows=8)
    for ordinal in range(segments):
        if folder is not None:
            scores.take_file()
        scores.apply(ordinal, np.array([ordinal]), {"loss": np.array([ordinal + 10], np.float32)})
    return scores


def at_version(version):
    return [float(row + 10) if row < version else 1.0 for row in range(8)]


@pytest.mark.parametrize("in_file", [False, True])
@pytest.mark.parametrize("version", [3, 4, 5, 6])
def test_a_recent_version_is_saved_and_found_by_another(tmp_path, version, in_file):
    folder = tmp_path / "scores" if in_file else None
    saved = scores_of(folder).saved_at(version)
    assert isinstance(saved, dict) == in_file
    other = LearnedScores(("loss_weighted",), cr.LossWeighted(artefact=folder), rows=8)
    other.go_on_with(other.found(saved))
    assert other.artefact.values.tolist() == at_version(version)
    if in_file:
        other.take_file()
    other.apply(version, np.array([7]), {"loss": np.array([99], np.float32)})
    assert other.artefact.values.tolist() == [*at_version(version)[:7], 99.0]


def test_finding_changes_nothing():
    scores = scores_of()
    scores.found(scores_of(segments=2).saved_at(2))
    assert scores.artefact.values.tolist() == at_version(6)


def test_a_folder_of_another_run_is_refused_unless_its_state_was_loaded(tmp_path):
    saved = scores_of(tmp_path / "scores").saved_at(6)
    other = LearnedScores(("loss_weighted",), cr.LossWeighted(artefact=tmp_path / "scores"), rows=8)
    with pytest.raises(BadState, match="must be empty at the start of a run"):
        other.check_folder_is_ours()
    other.go_on_with(other.found(saved))
    other.check_folder_is_ours()


def test_journals_of_stages_that_learn_are_thinned_too(tmp_path):
    scores = LearnedScores(("loss_weighted",), cr.LossWeighted(artefact=cr.ArtefactFolder(tmp_path, 8)), rows=8)
    for ordinal in range(40):
        scores.take_file()
        scores.apply(ordinal, np.array([ordinal % 8]), {"loss": np.array([ordinal], np.float32)})
        assert ordinal < 16 or 8 <= len(list(tmp_path.glob("journal-*"))) < 16
    other = LearnedScores(("loss_weighted",), scores.stage, rows=8)
    other.go_on_with(other.found(scores.saved_at(38)))
    assert other.artefact.values.tolist() == [32.0, 33.0, 34.0, 35.0, 36.0, 37.0, 30.0, 31.0]


def test_signals_that_were_not_observed_make_no_version():
    scores = LearnedScores(("keep_scores",), cr.KeepScores((cr.Mean("margin"),)), rows=4)
    scores.apply(0, np.array([1, 2]), {"loss": np.ones(2, np.float32)})
    scores.apply(1, np.array([1, 2]), {"margin": np.full(2, np.nan, np.float32)})
    assert scores.artefact.version == 0
    scores.apply(2, np.array([1, 2]), {"margin": np.array([3.0, np.nan], np.float32)})
    assert scores.stage.layout.read(scores.artefact.values, cr.Count("margin")).tolist() == [0.0, 1.0, 0.0, 0.0]
