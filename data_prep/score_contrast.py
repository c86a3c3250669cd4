"""Score simulated cases with released classifiers twice: with T2w alone, and with T2w and T1c.

    python data_prep/score_contrast.py WEIGHTS SCORES.csv --scans FOLDER --template FOLDER --first 3000 --cases 150

The cases are those of simulate_training_set.py with the same numbers, but all of them have a T1c scan. Scores use the
drawn lesions; healthy cases are left out. `contrast_points.py` chooses operating points from these scores.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from simulate_training_set import simulated, sources_in

from spinal_tf.checkpoints.manifest import Checkpoint, load_network
from spinal_tf.engine import Engine, frozen_engine
from spinal_tf.images.volume import new_volume
from spinal_tf.models import classifier_checkpoints
from spinal_tf.phantom.parameters import DISEASES
from spinal_tf.phantom.simulated_case import SimulatedCase
from spinal_tf.slices import T1C, make_tiles
from spinal_tf.taxonomy import Task, tree

COLUMNS = ("number", "background", "diagnosis", "task", "label", "t2w", "t2w_t1c")

Asked = tuple[Task, Checkpoint, Engine]


def main() -> None:
    """Read the command line and append the scores of each case as soon as they are computed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--first", type=int, required=True, help="number of the first case")
    parser.add_argument("--cases", type=int, default=150, help="a multiple of 50; a fifth of them is healthy")
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    given = parser.parse_args()
    sources = sources_in(given.scans, given.template)
    checkpoints = zip(tree().tasks, classifier_checkpoints(given.weights), strict=True)
    asked = [(task, one, frozen_engine(load_network(given.weights, one))) for task, one in checkpoints]
    with given.scores.open("a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS)
        if not file.tell():
            table.writeheader()
        with patch.dict(DISEASES, {name: replace(disease, contrast=1.0) for name, disease in DISEASES.items()}):
            for number in range(given.first + given.part, given.first + given.cases, given.parts):
                table.writerows(_scored(number, simulated(number, sources), asked))
                file.flush()


def _scored(number: int, case: SimulatedCase, asked: list[Asked]) -> Iterator[dict[str, object]]:
    """Yield a row for each task that applies to the case; no row if its lesions give no tile."""
    if case.diagnosis is None or case.t1c is None:
        return
    t2, t1c = (new_volume(image, case.affine, source=f"{number}") for image in (case.t2, case.t1c))
    for task, checkpoint, engine in asked:
        if not task.applies_to(case.diagnosis):
            continue
        mode = checkpoint.mask_mode or "channel"
        tiles = make_tiles(t2, case.mask, preprocessing=checkpoint.preprocessing, mask_mode=mode, t1c=t1c).images
        if len(tiles):
            alone = tiles.copy()
            alone[..., T1C] = 0
            yield {
                "number": number,
                "background": case.background,
                "diagnosis": case.diagnosis.value,
                "task": task.name,
                "label": task.label(case.diagnosis),
                "t2w": _score(engine, alone),
                "t2w_t1c": _score(engine, tiles),
            }


def _score(engine: Engine, tiles: np.ndarray) -> float:
    """Return the mean probability of the positive class."""
    return float(engine(tiles)[:, 1].mean())


if __name__ == "__main__":
    main()
