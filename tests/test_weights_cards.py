"""The bundled weights' cards say what their manifest says."""

from __future__ import annotations

from pathlib import Path

import pytest

from spinal_tf.checkpoints.data_kind import data_kind
from spinal_tf.checkpoints.manifest import read_manifest
from spinal_tf.structures import ANATOMY

WEIGHTS = Path(__file__).parents[1] / "weights"
CHECKPOINTS = read_manifest(WEIGHTS)


@pytest.mark.parametrize("name", [name for name, one in CHECKPOINTS.items() if "t1c" in one.modalities])
def test_a_classifiers_card_tells_both_operating_points_and_what_they_were_chosen_on(name):
    checkpoint = CHECKPOINTS[name]
    card = (WEIGHTS / checkpoint.card).read_text(encoding="utf-8")
    alone, together = (f"{checkpoint.point(with_t1c=with_t1c):.3f}" for with_t1c in (False, True))
    assert alone != together
    assert f"| operating point | {alone} for T2w, chosen on the validation cases; {together} for T2w + T1c" in card
    section = card.partition("## With T1c")[2]
    for words in (f"| T2w | {alone} |", f"| T2w + T1c | {together} |", f"| T2w + T1c | {alone} |"):
        assert words in section
    for words in ("simulated test cases", "--first 3000 --cases 150", "None of this holds for patients"):
        assert words in section


@pytest.mark.parametrize("name", [name for name in CHECKPOINTS if name != ANATOMY])
def test_the_bundled_weights_are_known_to_be_trained_on_simulated_lesions(name):
    checkpoint = CHECKPOINTS[name]
    assert data_kind(checkpoint.training) == "simulated"
    assert "Trained on simulated lesions" in (WEIGHTS / checkpoint.card).read_text(encoding="utf-8")
