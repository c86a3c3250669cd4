"""Made-up results on the phantom, whose file counts its slices from left to right, against the package's order."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from spinal_tf.anatomy.found_spine import FoundSpine
from spinal_tf.lesions import measure_lesions
from spinal_tf.results import (
    CaseResult,
    Classification,
    MapActivation,
    ModelRecord,
    Review,
    Segmentation,
    TaskResult,
    Zone,
)
from spinal_tf.taxonomy import NMOSD, tree

PROBABILITIES = (0.8, 0.25, 0.6)
OPERATING_POINTS = (0.5, 0.45, 0.55)
MEANS = {"core": math.nan, "rim": 0.3, "perilesional": 0.2, "elsewhere": 0.1}


@pytest.fixture
def two_lesions(phantom_volume) -> np.ndarray:
    """24 voxels on slices 2 and 3, and one on slice 5."""
    mask = np.zeros(phantom_volume.data.shape, bool)
    mask[2:4, 10:16, 20:22] = True
    mask[5, 30, 30] = True
    return mask


@pytest.fixture
def make_segmented(phantom_volume):
    """A function from a mask to the result of segmenting the phantom; keywords replace fields."""

    def make(mask, **changes) -> CaseResult:
        review = Review(needed=bool(mask.any()), reasons=("Some <doubt> & more.",) if mask.any() else ())
        lesions = measure_lesions(mask, phantom_volume)
        result = CaseResult(
            volume=phantom_volume,
            mask=mask,
            mask_provenance="automatic",
            mask_source=None,
            lesions=lesions,
            segmentation=Segmentation(
                probability=mask.astype(np.float32),
                mask=mask,
                lesions=lesions,
                threshold=0.5,
                minimum_peak=0.8,
                minimum_volume_ml=0.02,
                review=review,
            ),
            classification=None,
            models=(ModelRecord(name="segmenter", sha256="a1" * 32, summary="simulated data", kind="simulated"),),
            warnings=("A warning.",),
            timings_s={"read": 0.25, "segment": 1.5},
        )
        return dataclasses.replace(result, **changes)

    return make


@pytest.fixture
def segmented(make_segmented, two_lesions) -> CaseResult:
    return make_segmented(two_lesions)


@pytest.fixture
def without_lesion(make_segmented, two_lesions) -> CaseResult:
    return make_segmented(np.zeros_like(two_lesions))


@pytest.fixture
def classified(segmented) -> CaseResult:
    """The same mask, reviewed by a person, and called demyelinating, then NMOSD."""
    heatmap = np.zeros(segmented.mask.shape, np.float32)
    heatmap[:, 5:25, 10:40] = segmented.mask.any(axis=(1, 2))[:, np.newaxis, np.newaxis]
    tasks = tuple(
        TaskResult(
            task=task,
            probability=probability,
            operating_point=operating_point,
            tile_probabilities=(probability - 0.1, probability, probability + 0.1),
            heatmap=heatmap,
            activation=MapActivation(zone=Zone.PERILESIONAL, means=MEANS),
        )
        for task, probability, operating_point in zip(tree().tasks, PROBABILITIES, OPERATING_POINTS, strict=True)
    )
    classification = Classification(
        tasks=tasks,
        slices=(2, 3, 5),
        posterior=tree().posterior({result.task.name: result.probability for result in tasks}),
        diagnosis=NMOSD,
        with_t1c=False,
    )
    models = tuple(
        ModelRecord(name=task.name, sha256="b2" * 32, summary="simulated data", kind="simulated")
        for task in tree().tasks
    )
    return dataclasses.replace(
        segmented,
        classification=classification,
        mask_provenance="reviewed",
        mask_source="/home/jane.doe/reviewed.nii.gz",
        segmentation=None,
        models=models,
    )


@pytest.fixture
def with_levels(segmented) -> CaseResult:
    """The same two lesions, at T12 to L1 and at L1, on a scan with a spine."""
    levels = {"T12": 0.25, "L1": 0.75}, {"L1": 1.0}
    lesions = tuple(dataclasses.replace(one, levels=its) for one, its in zip(segmented.lesions, levels, strict=True))
    return dataclasses.replace(segmented, lesions=lesions, spine=FoundSpine(spine=None))
