"""Convert cases of simulate_training_set.py to a cohort that spinal-tf trains on.

    python data_prep/stored_cases_to_cohort.py CASES COHORT
    spinal-tf train segmenter --cohort COHORT/cohort.csv --out RUN

Writes NIfTI images and cohort.csv, with cord masks in a separate column. Every eighth block of 50 cases is for
validation; cases from number 1000 on are for the test. The images contain real scans: do not publish them.
After `spinal-tf segment COHORT/*/t2.nii.gz`, run this again to add these masks in the column model_mask.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from stored_cases import simulated_volume, split_of

from spinal_tf.cohort.case import SIMULATED, diagnosis_word
from spinal_tf.files import output_files
from spinal_tf.images.volume import write_on_grid

COLUMNS = ("case", "patient", "t2", "t1c", "mask", "cord", "model_mask", "diagnosis", "split", "scanner")


def main() -> None:
    """Read the command line and write the cohort; existing images are kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", type=Path)
    parser.add_argument("cohort", type=Path)
    given = parser.parse_args()
    rows = [_row(path, given.cohort) for path in sorted(given.cases.glob("?????.npz"))]
    with (
        output_files(given.cohort / "cohort.csv", overwrite=True) as (new_table,),
        new_table.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        table.writerows(rows)


def _row(path: Path, cohort: Path) -> dict[str, str]:
    """Write a case's images, and return its row of the table."""
    name = f"sim-{path.stem}"
    volume, mask, diagnosis = simulated_volume(path)
    stored = np.load(path)
    images = {"t2": volume.data, "cord": stored["cord"]}
    images |= {"mask": mask} if diagnosis else {}
    images |= {"t1c": stored["t1c"].astype(np.float32)} if "t1c" in stored else {}
    (cohort / name).mkdir(parents=True, exist_ok=True)
    for kind, array in images.items():
        image = cohort / name / f"{kind}.nii.gz"
        if not image.exists():
            with output_files(image) as (temporary,):
                write_on_grid(array, temporary, like=volume)
    segmented = f"{name}/t2_lesion.nii.gz"
    return {
        "case": name,
        "patient": name,
        **{kind: f"{name}/{kind}.nii.gz" for kind in images},
        "model_mask": segmented if (cohort / segmented).exists() else "",
        "diagnosis": diagnosis_word(diagnosis),
        "split": split_of(int(path.stem)).value,
        "scanner": SIMULATED,
    }


if __name__ == "__main__":
    main()
