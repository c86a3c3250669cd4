"""Simulate the training cases of the first weights in drawn spines, real healthy scans and an average spine.

    python data_prep/simulate_training_set.py CASES --scans FOLDER --template FOLDER --cases 1000 --part 0 --parts 2

The scans folder holds a folder for each healthy person, with t2.nii.gz and a cord mask named t2_cord*.nii.gz. Folders
with a lesion mask t2_lesion*.nii.gz are left out. The template folder holds *_t2.nii.gz, *_cord.nii.gz and
*_levels.nii.gz. Of every 50 cases, ten have each of the diseases and ten are healthy. The result, one .npz file for
each case, contains real images: do not publish it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from spinal_tf.cohort.case import diagnosis_word
from spinal_tf.files import output_files
from spinal_tf.phantom.simulated_case import SimulatedCase, simulate_case
from spinal_tf.phantom.sources import (
    BackgroundSource,
    drawn_spine,
    from_scans,
    from_template,
    read_scans,
    read_template,
)
from spinal_tf.taxonomy import tree

SEED = 2022
DIAGNOSES = (*tree().diagnoses, None)
THIN_SHARE = 0.4
LARGEST_STORED = 65_000


def main() -> None:
    """Read the command line and write the cases; those that exist are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    sources = sources_in(given.scans, given.template)
    for number in range(given.part, given.cases, given.parts):
        path = given.out / f"{number:05d}.npz"
        if not path.exists():
            _save(path, simulated(number, sources))


def sources_in(scans: Path, template: Path) -> tuple[BackgroundSource, ...]:
    """Return the sources of spines, in the order in which cases use them."""
    real, average = from_scans(read_scans(scans)), from_template(read_template(template))
    return (drawn_spine, drawn_spine, drawn_spine, *[real] * 4, *[average] * 3)


def simulated(number: int, sources: tuple[BackgroundSource, ...]) -> SimulatedCase:
    """Simulate the case of a number; each disease occurs with each source within 50 consecutive cases."""
    rng = np.random.default_rng([SEED, number])
    diagnosis = DIAGNOSES[number % len(DIAGNOSES)]
    source = sources[number // len(DIAGNOSES) % len(sources)]
    return simulate_case(rng, diagnosis, source, thin=rng.random() < THIN_SHARE)


def _save(path: Path, case: SimulatedCase) -> None:
    images = {"t2": case.t2} if case.t1c is None else {"t2": case.t2, "t1c": case.t1c}
    stored = {name: np.clip(image, 0, LARGEST_STORED).astype(np.uint16) for name, image in images.items()}
    diagnosis = diagnosis_word(case.diagnosis)
    with output_files(path) as (temporary,):
        np.savez(temporary, mask=case.mask, cord=case.cord, spacing=case.spacing_mm, diagnosis=diagnosis, **stored)


if __name__ == "__main__":
    main()
