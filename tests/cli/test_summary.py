"""What the terminal says of a case."""

from __future__ import annotations

import numpy as np

from spinal_tf.cli.summary import summary
from spinal_tf.images.volume import read_volume
from spinal_tf.results import CaseResult, Classification, ModelRecord
from spinal_tf.taxonomy import ASTROCYTOMA, tree


def classified(path, kind) -> CaseResult:
    volume = read_volume(path)
    return CaseResult(
        volume=volume,
        mask=np.zeros(volume.data.shape, bool),
        mask_provenance="reviewed",
        mask_source=None,
        lesions=(),
        segmentation=None,
        classification=Classification(
            tasks=(),
            slices=(),
            posterior=dict.fromkeys(tree().diagnoses, 0.25),
            diagnosis=ASTROCYTOMA,
            with_t1c=False,
        ),
        models=(ModelRecord(name="ms_vs_nmosd", sha256="a1" * 32, summary="cases", kind=kind),),
    )


def test_a_diagnosis_by_weights_that_saw_simulated_lesions_says_so(bright_file):
    sentence = "  The weights in use were trained on simulated lesions."
    assert sentence in summary(classified(bright_file, "simulated"), []).splitlines()
    for kind in ("patients", None):
        assert "simulated" not in summary(classified(bright_file, kind), [])
