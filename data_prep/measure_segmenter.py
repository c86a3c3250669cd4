"""Measure released segmenter weights on a cohort's test cases and on public scans; prints Markdown for their card.

    python data_prep/measure_segmenter.py WEIGHTS COHORT.csv --scans FOLDER > notes.md
    spinal-tf weights release RUN --into WEIGHTS --data "..." --notes notes.md --overwrite

FOLDER holds two public scans that no training used: sct_fake_lesion, with a drawn lesion, and errsm20, healthy. It also
holds three healthy scans that served as backgrounds: errsm11, errsm18 and sct_example.
With --full RUN, masks are also compared with those of the run's weights in full precision.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spinal_tf.checkpoints.manifest import build_network
from spinal_tf.cohort.case import Case, Split
from spinal_tf.cohort.read_cohort import read_cohort
from spinal_tf.engine import frozen_engine
from spinal_tf.evaluation.overlap import SegmentationScore, score_mask
from spinal_tf.evaluation.overlap_summary import summarise
from spinal_tf.evaluation.overlap_text import LEGEND, as_text
from spinal_tf.images.lesion_mask import ANY_MASK, read_lesion_mask
from spinal_tf.images.volume import Volume, read_volume
from spinal_tf.models import Segmenter, load_segmenter
from spinal_tf.prediction_options import MaskValues, SegmentationOptions
from spinal_tf.segmentation import segment_volume
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import Diagnosis, tree
from spinal_tf.training.job import load_best
from spinal_tf.training.run_folder import RunFolder
from spinal_tf.training.validation import THRESHOLDS, Point, dice_at_points, operating_points

COMPARED = 10
"""Number of cases on which full and half precision are compared."""

NOTES = """## Test

{cases} simulated test cases, seen neither by the training nor by the choice of step and operating point
(`data_prep/measure_segmenter.py WEIGHTS TEST/cohort.csv --scans SCANS`).

```text
{table}
{legend}
```

| threshold | minimum peak | {diseases} | healthy: left empty | healthy: mean mL marked |
|---|---|{rule}---|---|
{points}

## Public scans

Two people that no training has seen. The lesion is drawn in, not real.

- `sct_fake_lesion`: Dice {fake.dice:.2f}, {fake.volume_ml:.2f} mL marked, {fake.reference_volume_ml:.2f} mL drawn
- `errsm20`, healthy: {unseen_ml:.2f} mL marked (0 is right)

Three healthy people whose scans, in other shapes and with lesions drawn in, were among the training
cases (0 is right):

{seen}
"""

SEEN = ("errsm11", "errsm18", "sct_example")
"""Healthy scans that served as backgrounds."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Scores of a case with the released weights and at each of the `_points`, and voxels changed by half precision."""

    diagnosis: Diagnosis | None
    score: SegmentationScore
    dice: tuple[float, ...]
    marked_ml: tuple[float, ...]
    changed: int


def main() -> None:
    """Read the command line and print the notes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("cohort", type=Path)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--full", type=Path)
    given = parser.parse_args()
    segmenter = load_segmenter(given.weights)
    full = _full_precision(RunFolder(path=given.full), segmenter) if given.full else None
    cases = read_cohort(given.cohort).of_split(Split.TEST)
    judged = [_judge(case, segmenter, full if turn < COMPARED else None) for turn, case in enumerate(cases)]
    print(_notes(judged, given.scans, segmenter))
    if full:
        changed = [case.changed for case in judged[:COMPARED]]
        print(f"Storing kernels in half precision changed {sum(changed)} mask voxels in {COMPARED} cases.")


def _full_precision(run: RunFolder, released: Segmenter) -> Segmenter:
    model = build_network(run.path, released.checkpoint)
    load_best(run, model)
    return Segmenter(checkpoint=released.checkpoint, engine=frozen_engine(model))


def _judge(case: Case, segmenter: Segmenter, full: Segmenter | None) -> Judged:
    volume = read_volume(case.t2)
    truth = _truth(case.mask, volume, case.mask_values)
    ours = segment_volume(volume, segmenter, SegmentationOptions(), Stopwatch())
    dice, marked_ml = dice_at_points(ours.probability, truth, _points(segmenter), voxel_ml=volume.voxel_volume_ml)
    theirs = segment_volume(volume, full, SegmentationOptions(), Stopwatch()).mask if full else ours.mask
    return Judged(
        diagnosis=case.diagnosis,
        score=score_mask(ours.mask, truth, volume.spacing_mm),
        dice=tuple(dice),
        marked_ml=tuple(marked_ml),
        changed=int(np.count_nonzero(ours.mask != theirs)),
    )


def _points(segmenter: Segmenter) -> tuple[Point, ...]:
    """Return each threshold, without a minimum peak and with that of the weights."""
    return operating_points(THRESHOLDS, [segmenter.checkpoint.minimum_peak])


def _notes(judged: Sequence[Judged], scans: Path, segmenter: Segmenter) -> str:
    groups = {kind: [case for case in judged if case.diagnosis is kind] for kind in (*tree().diagnoses, None)}
    return NOTES.format(
        cases=len(judged),
        table=as_text(summarise({kind: [case.score for case in groups[kind]] for kind in tree().diagnoses})),
        legend=LEGEND,
        diseases=" | ".join(f"{kind.printed}: mean Dice" for kind in tree().diagnoses),
        rule="---|" * len(tree().diagnoses),
        points="\n".join(_row(place, point, groups) for place, point in enumerate(_points(segmenter))),
        fake=_public_scan(scans / "sct_fake_lesion", segmenter),
        unseen_ml=_public_scan(scans / "errsm20", segmenter).volume_ml,
        seen="\n".join(f"- `{name}`: {_public_scan(scans / name, segmenter).volume_ml:.2f} mL" for name in SEEN),
    )


def _row(place: int, point: Point, groups: Mapping[Diagnosis | None, Sequence[Judged]]) -> str:
    dice = [np.mean([case.dice[place] for case in groups[kind]]) for kind in tree().diagnoses]
    healthy = [case.marked_ml[place] for case in groups[None]]
    empty = f"{healthy.count(0)} of {len(healthy)}"
    peak = point[1] or "-"
    return f"| {point[0]} | {peak} | {' | '.join(f'{d:.2f}' for d in dice)} | {empty} | {np.mean(healthy):.2f} |"


def _truth(mask: Path | None, volume: Volume, values: MaskValues = ANY_MASK) -> np.ndarray:
    return read_lesion_mask(mask, like=volume, values=values).mask if mask else np.zeros(volume.data.shape, bool)


def _public_scan(folder: Path, segmenter: Segmenter) -> SegmentationScore:
    volume, drawn = read_volume(folder / "t2.nii.gz"), folder / "t2_lesion.nii.gz"
    truth = _truth(drawn if drawn.exists() else None, volume)
    ours = segment_volume(volume, segmenter, SegmentationOptions(), Stopwatch())
    return score_mask(ours.mask, truth, volume.spacing_mm)


if __name__ == "__main__":
    main()
