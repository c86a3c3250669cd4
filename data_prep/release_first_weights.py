"""Measure the first weights on their validation cases and put them, with a card each, into a weights folder.

    python data_prep/release_first_weights.py CASES RUN weights --scans FOLDER

RUN holds weights and states of a training by an earlier version of this folder; spinal-tf weights release takes what
spinal-tf train wrote. The segmenter's operating point is the threshold with the best mean Dice, the classifiers' is
Youden's J, both on validation cases; what is measured there says nothing about patients. FOLDER holds two public scans
that no training has seen: sct_fake_lesion, with a lesion drawn in, and errsm20, healthy.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve
from stored_cases import SEGMENTER_INPUT, case_paths, simulated_volume

from spinal_tf.checkpoints import Checkpoint, load_network, save_checkpoint
from spinal_tf.engine import frozen_engine
from spinal_tf.lesions import remove_specks
from spinal_tf.models import SEGMENTER, Segmenter
from spinal_tf.networks.densenet import build_densenet
from spinal_tf.networks.multiresunet import build_multiresunet
from spinal_tf.pipeline import SegmentationOptions, segment_volume
from spinal_tf.preprocess import Preprocessing
from spinal_tf.results import Segmentation
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.taxonomy import TASKS, Task
from spinal_tf.volume import Volume, read_mask, read_volume

DATA = "simulated lesions, in drawn spines, an average spine (PAM50) and three real healthy scans"
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
MEASURED_EVERY = 2
"""One of so many validation cases is measured; the kinds of case come in turn, five by five."""

COMPARED = 4
"""Validation cases on which full and half precision are compared."""

CARD = """# {name}

**Trained on simulated data. Research use only. Not a medical device.**

{what}

| | |
|---|---|
| network | {network} |
| trained on | {data} |
| training | {training} |
| operating point | {operating_point:.3f}, chosen on the validation cases |

## Measured

{cases} simulated validation cases, drawn by the simulator that drew the training cases.

{measures}

These numbers say how well the network learned the simulator. They say nothing about patients, and none of the figures
of Zhuo et al. 2022 apply to these weights. No real lesion was in the training.
"""


def main() -> None:
    """Read the command line and release what RUN holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--scans", type=Path, required=True)
    given = parser.parse_args()
    if (given.run / "segmenter.weights.h5").exists():
        _release_segmenter(given.cases, given.run, given.weights, given.scans)
    for task in TASKS:
        if (given.run / f"{task.name}.json").exists():
            _release_classifier(task, given.run, given.weights)


def _release_segmenter(cases: Path, run: Path, folder: Path, scans: Path) -> None:
    model = build_multiresunet()
    model.load_weights(run / "segmenter.weights.h5")
    checkpoint = Checkpoint(
        name=SEGMENTER,
        network="multiresunet",
        preprocessing=SEGMENTER_INPUT,
        operating_point=0.5,
        training=_training(run, SEGMENTER),
        card="segmenter.md",
    )
    full = Segmenter(checkpoint=checkpoint, engine=frozen_engine(model))
    checkpoint = save_checkpoint(model, folder, checkpoint, half_precision=True)
    half = Segmenter(checkpoint=checkpoint, engine=frozen_engine(load_network(folder, checkpoint)))
    paths = case_paths(cases, validation=True)[::MEASURED_EVERY]
    best, dice = _best_threshold(paths, half)
    changed = sum(_changed(path, full, half, best) for path in paths[:COMPARED])
    drawn_dice, healthy_ml = _public_scans(scans, half, best)
    measures = {
        "cases": len(paths),
        "mean_dice": {name: round(value, 3) for name, value in dice.items()},
        "voxels_changed_by_half_precision": changed,
        "dice_of_the_lesion_drawn_in_a_public_scan": round(drawn_dice, 3),
        "marked_on_a_healthy_public_scan_ml": round(healthy_ml, 3),
    }
    lines = [f"- mean Dice, {name}: {value:.2f}" for name, value in dice.items()]
    lines += [
        f"- mask voxels changed by storing kernels in half precision: {changed} in {COMPARED} cases",
        f"- Dice of the lesion drawn in the public scan sct_fake_lesion: {drawn_dice:.2f}",
        f"- marked on the healthy public scan errsm20, rightly 0: {healthy_ml:.2f} mL",
    ]
    _finish(model, folder, replace(checkpoint, operating_point=best), measures, lines, "Finds and outlines lesions.")


def _best_threshold(paths: list[Path], segmenter: Segmenter) -> tuple[float, dict[str, float]]:
    """The threshold with the best mean over the groups' mean Dice, and these means.

    Groups are the diseases and, where a mask is rightly empty or gets 0, the healthy.
    """
    dice: dict[str, list[list[float]]] = {}
    for path in paths:
        volume, mask, diagnosis = simulated_volume(path)
        group = dice.setdefault(diagnosis.printed if diagnosis else "healthy, 1 where nothing is marked", [])
        probability = _segment(volume, segmenter, 0.5).probability
        masks = (_without_specks(probability >= threshold, volume) for threshold in THRESHOLDS)
        group.append([_dice(ours, mask) for ours in masks])
    means = np.array([np.mean(values, axis=0) for values in dice.values()])
    best = int(np.argmax(means.mean(axis=0)))
    return THRESHOLDS[best], dict(zip(dice, means[:, best].tolist(), strict=True))


def _without_specks(mask: np.ndarray, volume: Volume) -> np.ndarray:
    minimum_ml = SegmentationOptions().minimum_volume_ml
    return remove_specks(mask, minimum_volume_ml=minimum_ml, voxel_volume_ml=volume.voxel_volume_ml)


def _changed(path: Path, first: Segmenter, second: Segmenter, threshold: float) -> int:
    volume, _, _ = simulated_volume(path)
    masks = [_segment(volume, segmenter, threshold).mask for segmenter in (first, second)]
    return int(np.count_nonzero(masks[0] != masks[1]))


def _public_scans(folder: Path, segmenter: Segmenter, threshold: float) -> tuple[float, float]:
    """Dice of the drawn lesion, and mL marked on the healthy person."""
    drawn = read_volume(folder / "sct_fake_lesion" / "t2.nii.gz")
    truth = read_mask(folder / "sct_fake_lesion" / "t2_lesion.nii.gz", like=drawn)
    healthy = read_volume(folder / "errsm20" / "t2.nii.gz")
    marked = np.count_nonzero(_segment(healthy, segmenter, threshold).mask)
    return _dice(_segment(drawn, segmenter, threshold).mask, truth), float(marked * healthy.voxel_volume_ml)


def _segment(volume: Volume, segmenter: Segmenter, threshold: float) -> Segmentation:
    return segment_volume(volume, segmenter, SegmentationOptions(threshold=threshold), Stopwatch())


def _dice(ours: np.ndarray, truth: np.ndarray) -> float:
    total = np.count_nonzero(ours) + np.count_nonzero(truth)
    return 2 * np.count_nonzero(ours & truth) / total if total else 1.0


def _release_classifier(task: Task, run: Path, folder: Path) -> None:
    scores = json.loads((run / f"{task.name}.json").read_text(encoding="utf-8"))
    labels, probabilities = np.array(scores["labels"]), np.array(scores["probabilities"])
    false_positive, true_positive, cutoffs = roc_curve(labels, probabilities)
    cutoff = float(np.clip(cutoffs[np.argmax(true_positive - false_positive)], 0, 1))
    correct = int(np.count_nonzero((probabilities >= cutoff) == labels))
    measures = {
        "cases": len(labels),
        "auc": round(float(roc_auc_score(labels, probabilities)), 3),
        "correct_at_operating_point": correct,
    }
    model = build_densenet()
    model.load_weights(run / f"{task.name}.weights.h5")
    checkpoint = Checkpoint(
        name=task.name,
        network="densenet121",
        preprocessing=Preprocessing(),
        operating_point=cutoff,
        mask_mode="channel",
        modalities=("t2w", "t1c"),
        training=_training(run, task.name),
        card=f"{task.name}.md",
    )
    lines = [
        f"- area under the ROC curve: {measures['auc']:.3f}",
        f"- correct at the operating point, which was chosen on the same cases: {correct} of {len(labels)}",
    ]
    what = f"Tells {task.classes[0]} from {task.classes[1]} by T2w alone or with T1c. Measured on T2w alone."
    _finish(model, folder, checkpoint, measures, lines, what)


def _training(run: Path, name: str) -> dict[str, Any]:
    def steps(path: Path) -> int:
        return int(path.read_text(encoding="utf-8").split()[0])

    states = sorted(run.glob(f"{name}*.weights.txt"))
    return {
        "data": DATA,
        "steps": {path.name.removesuffix(".weights.txt"): steps(path) for path in states},
        "script": "see data_prep/README.md",
    }


def _finish(
    model: Any,  # noqa: ANN401 - a Keras model
    folder: Path,
    checkpoint: Checkpoint,
    measures: dict[str, Any],
    lines: list[str],
    what: str,
) -> None:
    final = replace(checkpoint, training={**checkpoint.training, "measured": measures})
    save_checkpoint(model, folder, final, half_precision=True)
    steps = ", ".join(f"{name} {count}" for name, count in final.training["steps"].items())
    card = CARD.format(
        cases=measures["cases"],
        name=final.name,
        what=what,
        network=final.network,
        data=DATA,
        training=f"steps: {steps}; {final.training['script']}",
        operating_point=final.operating_point,
        measures="\n".join(lines),
    )
    (folder / final.card).write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
