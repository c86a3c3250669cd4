"""Measure released classifiers, and what they rely on, on simulated test cases; writes Markdown for their cards.

    python data_prep/measure_classifiers.py WEIGHTS NOTES --cases 64
    spinal-tf weights release RUN --into WEIGHTS --data "..." --notes NOTES/TASK.md --overwrite

Each class has half of a task's cases: T2w scans in drawn spines, with seeds that no training uses. They are classified
with the drawn lesions and with the segmenter's. Then each group of the simulator's parameters is taken from each
disease of the task in turn, so that it contains no information, and the cases are drawn again from the same seeds. The
loss in area under the ROC curve shows how much the classifier relies on that group. Within 16 consecutive cases, each
disease donates parameters to each disease equally often.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np

from spinal_tf.checkpoints.manifest import Checkpoint, load_network
from spinal_tf.engine import Engine, frozen_engine
from spinal_tf.evaluation.statistics.delong import area_interval, areas
from spinal_tf.files import output_files
from spinal_tf.images.volume import Volume, new_volume
from spinal_tf.models import Segmenter, load_segmenter, named_checkpoint
from spinal_tf.phantom.parameters import DISEASES, Disease
from spinal_tf.phantom.simulated_case import simulate_case
from spinal_tf.prediction_options import SegmentationOptions
from spinal_tf.segmentation import segment_volume
from spinal_tf.slices import make_tiles
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import Task, tree

SEED = 2023
"""Seed that no training set uses."""

PLACE = ("levels", "eccentric", "dorsolateral")
SIZE = ("log_volume_ml", "kept", "count", "extent_vertebrae", "longest", "section")
OTHERS = tuple(field.name for field in fields(Disease) if field.name not in (*PLACE, *SIZE))
NARROWED = {
    "level, place in the cord's section": PLACE,
    "volume, number, extent, section": SIZE,
    "brightness, margin, cysts, caps, edema, swelling": OTHERS,
    "all of these": (*PLACE, *SIZE, *OTHERS),
}

NOTES = """## Test

{count} simulated cases, half of either class, that the training has not seen; T2w alone
(`data_prep/measure_classifiers.py WEIGHTS NOTES --cases {count}`).

| masks, and parameters without information | area under the ROC curve (95 %, DeLong) | cases |
|---|---|---|
{rows}

Parameters without information are taken from each disease of this task equally often; everything else
stays the same (`data_prep/measure_classifiers.py`). The more the area falls, the more the classifier
relies on them. It learned what the simulator contains about the diseases; none of this holds for
patients.
"""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A task with its classifier and the segmenter."""

    task: Task
    checkpoint: Checkpoint
    classifier: Engine
    segmenter: Segmenter


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """A case to classify."""

    volume: Volume
    mask: np.ndarray
    label: int


def main() -> None:
    """Read the command line and write the notes of each task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--cases", type=int, default=64, help="of each task, a multiple of 16")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    segmenter = load_segmenter(given.weights)
    for task in tree().tasks:
        checkpoint = named_checkpoint(given.weights, task.name)
        classifier = frozen_engine(load_network(given.weights, checkpoint))
        asked = Asked(task=task, checkpoint=checkpoint, classifier=classifier, segmenter=segmenter)
        rows = [f"| {name} | {area} | {count} |" for name, area, count in _areas(asked, given.cases)]
        notes = NOTES.format(count=given.cases, rows="\n".join(rows))
        with output_files(given.out / f"{task.name}.md", overwrite=True) as (page,):
            page.write_text(notes, encoding="utf-8")
        print(f"{task.name}\n{notes}", flush=True)


def _areas(asked: Asked, count: int) -> Iterator[tuple[str, str, int]]:
    """Yield name, area with interval, and number of cases with a tile, for each kind of masks or parameters."""
    whole = list(_cases(asked.task, count, ()))
    yield "drawn lesions", *_area(asked, whole)
    found = [replace(case, mask=_segmented(case.volume, asked.segmenter)) for case in whole]
    yield "the segmenter's lesions", *_area(asked, found)
    for name, narrowed in NARROWED.items():
        yield f"drawn lesions; {name}", *_area(asked, list(_cases(asked.task, count, narrowed)))


def _cases(task: Task, count: int, narrowed: Sequence[str]) -> Iterator[Simulated]:
    """Yield cases of the task's diseases in turn; each of these diseases in turn donates the narrowed parameters."""
    diseases = [disease for disease in tree().diagnoses if task.applies_to(disease)]
    for number in range(count):
        disease = diseases[number % len(diseases)]
        donor = DISEASES[diseases[number // len(diseases) % len(diseases)]]
        drawn = replace(DISEASES[disease], **{name: getattr(donor, name) for name in narrowed})
        with patch.dict(DISEASES, {disease: drawn}):
            case = simulate_case(np.random.default_rng([SEED, number]), disease)
        volume = new_volume(case.t2, case.affine, source=f"{number}")
        yield Simulated(volume=volume, mask=case.mask, label=task.label(disease))


def _segmented(volume: Volume, segmenter: Segmenter) -> np.ndarray:
    return segment_volume(volume, segmenter, SegmentationOptions(), Stopwatch()).mask


def _area(asked: Asked, cases: Sequence[Simulated]) -> tuple[str, int]:
    mask_mode = asked.checkpoint.mask_mode or "channel"
    labels, scores = [], []
    for case in cases:
        tiles = make_tiles(case.volume, case.mask, preprocessing=asked.checkpoint.preprocessing, mask_mode=mask_mode)
        if tiles.slices:
            labels.append(case.label)
            scores.append(float(asked.classifier(tiles.images)[:, 1].mean()))
    found = areas(np.array(labels, bool), np.array(scores)[None])
    limits = area_interval(found)
    spread = f" ({limits.low:.3f}, {limits.high:.3f})" if limits.known else ""
    return f"{found.values[0]:.3f}{spread}", len(labels)


if __name__ == "__main__":
    main()
