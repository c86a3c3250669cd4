"""Simulate the cases that the first weights are trained on: procedural spines, and real healthy scans with lesions.

    python data_prep/simulate_training_set.py CASES --scans FOLDER --cases 800 --part 0 --parts 2

FOLDER holds a folder for each healthy scan, with t2.nii.gz and a cord mask named t2_cord*.nii.gz; one with a lesion
mask t2_lesion*.nii.gz is left out. Every second group of four cases is drawn into one of them. The result, a .npz for
each case, holds real images and is not to be published.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from spinal_tf.phantom.case import SimulatedCase, simulate_case
from spinal_tf.phantom.frame import Background
from spinal_tf.phantom.scan import scan_background
from spinal_tf.taxonomy import Diagnosis
from spinal_tf.volume import read_mask, read_volume

SEED = 2022
BODY_SCALE = (0.8, 1.2)
"""Range by which a person's size is changed, by restating the spacing."""

LARGEST_STORED = 65_000


def main() -> None:
    """Read the command line and write the cases; those that exist are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scans", type=Path, required=True)
    parser.add_argument("--cases", type=int, default=800)
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--parts", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--thin", action="store_true", help="thin slices only")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    backgrounds = [_background(folder) for folder in sorted(given.scans.iterdir()) if _is_healthy(folder)]
    for number in range(given.first + given.part, given.first + given.cases, given.parts):
        path = given.out / f"{number:05d}.npz"
        if not path.exists():
            _save(path, _case(number, backgrounds, thin=given.thin))


def _is_healthy(folder: Path) -> bool:
    return any(folder.glob("t2_cord*")) and not any(folder.glob("t2_lesion*"))


def _background(folder: Path) -> Background:
    volume = read_volume(folder / "t2.nii.gz")
    cord = read_mask(next(folder.glob("t2_cord*.nii.gz")), like=volume)
    return scan_background(volume.data, cord, volume.spacing_mm)


def _case(number: int, backgrounds: list[Background], *, thin: bool) -> SimulatedCase:
    rng = np.random.default_rng([SEED, number])
    diagnosis = list(Diagnosis)[number % 4]
    if number // 4 % 2 == 0:
        return simulate_case(rng, diagnosis, thin=thin)
    chosen = backgrounds[rng.integers(len(backgrounds))]
    return simulate_case(rng, diagnosis, _varied(rng, chosen), thin=thin)


def _varied(rng: np.random.Generator, background: Background) -> Background:
    """Another person of the same scan: fewer slices at the sides, another size."""
    first, last = rng.integers(0, 8), background.t2.shape[0] - rng.integers(0, 8)
    frame, scale = background.frame, rng.uniform(*BODY_SCALE)
    slice_mm, row_mm, column_mm = frame.spacing_mm
    frame = replace(
        frame,
        spacing_mm=(slice_mm, row_mm * scale, column_mm * scale),
        x_mm=frame.x_mm - first * slice_mm,
        y_mm=frame.y_mm * scale,
        ap_mm=frame.ap_mm * scale,
    )
    return replace(background, t2=background.t2[first:last], frame=frame)


def _save(path: Path, case: SimulatedCase) -> None:
    images = {"t2": case.t2} if case.t1c is None else {"t2": case.t2, "t1c": case.t1c}
    stored = {name: np.clip(image, 0, LARGEST_STORED).astype(np.uint16) for name, image in images.items()}
    temporary = path.with_suffix(".new.npz")
    np.savez(temporary, mask=case.mask, spacing=case.spacing_mm, diagnosis=case.diagnosis.value, **stored)
    temporary.replace(path)


if __name__ == "__main__":
    main()
