"""Choose the operating points of released classifiers for T2w + T1c, and measure them on other cases.

    python data_prep/contrast_points.py WEIGHTS NOTES --validation VALIDATION.csv --test TEST.csv

The tables are from score_contrast.py; each option may be repeated. Youden's J over the validation cases chooses the
point with T1c, which is written to WEIGHTS/manifest.json; the point without T1c is kept. NOTES/TASK.md is for the card.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spinal_tf.checkpoints.manifest import MANIFEST, manifest_json, read_manifest
from spinal_tf.evaluation.statistics.delong import area_interval, areas
from spinal_tf.evaluation.statistics.operating_point import youden
from spinal_tf.files import output_files
from spinal_tf.locks import locked
from spinal_tf.taxonomy import tree

BLOCK = 50
"""Number of consecutive cases in which each disease occurs with each kind of background."""

NOTES = """## With T1c

{test.count} simulated test cases with T1c and drawn lesions, half of either class. Neither the training nor
the choice of an operating point used them.

| images | operating point | area under the ROC curve (95 %, DeLong) | correct calls |
|---|---|---|---|
{rows}

Youden's J chose the operating point for T2w + T1c on {validation.count} other simulated cases. The last row
shows the calls at the point for T2w, as before there was one for T2w + T1c. T1c is simulated; in
real backgrounds it is made from the T2w scan. None of this holds for patients.

Commands: `data_prep/score_contrast.py` with `{validation}` (validation) and
`{test}` (test), then `data_prep/contrast_points.py`. These numbers seed the cases;
a fifth of them is healthy and left out.
"""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores of the cases of a task: ``labels`` is bool (n,), scores are float (n,) for each input."""

    numbers: list[int]
    labels: np.ndarray
    t2w: np.ndarray
    t2w_t1c: np.ndarray

    @property
    def count(self) -> int:
        """Number of cases."""
        return len(self.labels)

    def __str__(self) -> str:
        """Return the options of score_contrast.py that make the cases."""
        first = min(self.numbers) // BLOCK * BLOCK
        return f"--first {first} --cases {(max(self.numbers) // BLOCK + 1) * BLOCK - first}"


def main() -> None:
    """Read the command line, write the notes of each task, and change the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--validation", type=Path, action="append", required=True)
    parser.add_argument("--test", type=Path, action="append", required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    checkpoints, points = read_manifest(given.weights), dict[str, float]()
    for name in tree().task_names:
        validation, test = _read(given.validation, name), _read(given.test, name)
        point, own = checkpoints[name].operating_point, float(youden(validation.labels, validation.t2w_t1c))
        points[name] = own
        rows = [
            _row("T2w", point, test.labels, test.t2w),
            _row("T2w + T1c", own, test.labels, test.t2w_t1c),
            _row("T2w + T1c", point, test.labels, test.t2w_t1c),
        ]
        notes = NOTES.format(test=test, rows="\n".join(rows), validation=validation)
        with output_files(given.out / f"{name}.md", overwrite=True) as (page,):
            page.write_text(notes, encoding="utf-8")
        print(f"{name}\n{notes}", flush=True)
    manifest = given.weights / MANIFEST
    with locked(manifest), output_files(manifest, overwrite=True) as (new,):
        changed = {
            name: replace(kept, operating_point_t1c=points.get(name, kept.operating_point_t1c))
            for name, kept in read_manifest(given.weights).items()
        }
        new.write_text(manifest_json(changed), encoding="utf-8")


def _read(paths: Sequence[Path], task: str) -> Scores:
    rows = []
    for path in paths:
        with path.open(newline="", encoding="utf-8") as file:
            rows += [row for row in csv.DictReader(file) if row["task"] == task]
    return Scores(
        numbers=[int(row["number"]) for row in rows],
        labels=np.array([row["label"] == "1" for row in rows]),
        t2w=np.array([float(row["t2w"]) for row in rows]),
        t2w_t1c=np.array([float(row["t2w_t1c"]) for row in rows]),
    )


def _row(images: str, point: float, labels: np.ndarray, scores: np.ndarray) -> str:
    found = areas(labels, scores[None])
    limits = area_interval(found)
    right = int(np.count_nonzero((scores >= point) == labels))
    area = f"{found.values[0]:.3f} ({limits.low:.3f}, {limits.high:.3f})"
    return f"| {images} | {point:.3f} | {area} | {right} of {len(labels)} ({100 * right / len(labels):.0f} %) |"


if __name__ == "__main__":
    main()
