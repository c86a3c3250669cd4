"""Check of a cohort: finds every fault of its table and its images in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from spinal_tf.cohort.case import Cohort
from spinal_tf.cohort.cells import IMAGE_COLUMNS
from spinal_tf.cohort.fingerprint import cohort_sha256
from spinal_tf.cohort.images import Inspection, ReadVolume, inspect_images
from spinal_tf.cohort.read_cohort import in_order, parse_table, require_no_faults
from spinal_tf.cohort.table import Fault
from spinal_tf.images.volume import read_volume
from spinal_tf.threads import Progress, map_threads


@dataclass(frozen=True, kw_only=True)
class CheckedCohort:
    """Result of a check.

    Attributes:
        cohort: cases with readable rows; their images may have faults.
        faults: faults by row and column; empty if the cohort is sound.
        warnings: unusual but valid properties of images.
        sha256: hash of the cohort, see ``cohort_sha256``; None if there are faults.
    """

    cohort: Cohort
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...]
    sha256: str | None

    def require_sound(self) -> None:
        """Reject a cohort with faults.

        Raises:
            CohortError: the cohort has faults; the message names the first.
        """
        require_no_faults(self.cohort.source, self.faults)


def check_cohort(
    path: Path, *, need_split: bool = True, read: ReadVolume = read_volume, progress: Progress | None = None
) -> CheckedCohort:
    """Check a table and read every image in it, in parallel threads.

    Args:
        path: path of the table.
        need_split: whether the table must have a split.
        read: function that reads a T2w scan.
        progress: receives every case whose images are done.

    Raises:
        CohortError: the file is not a readable table.
    """
    parsed = parse_table(path, need_split=need_split)
    work = partial(inspect_images, folder=path.parent, read=read)
    inspections = map_threads(work, parsed.table.rows, progress=progress)
    faults = [*parsed.faults, *(fault for found in inspections for fault in found.faults), *_duplicates(inspections)]
    sha256 = None
    if not faults:
        images = {found.row.cells["case"]: found.hashes | {"grid": found.grid} for found in inspections}
        sha256 = cohort_sha256(parsed.cases, images)
    return CheckedCohort(
        cohort=Cohort(source=path, cases=parsed.cases),
        faults=in_order(faults),
        warnings=in_order(warning for found in inspections for warning in found.warnings),
        sha256=sha256,
    )


def _duplicates(inspections: Sequence[Inspection]) -> list[Fault]:
    """Return a fault for each scan or mask that equals an earlier image; empty masks are not compared."""
    first: dict[str, tuple[int, str]] = {}
    faults = []
    for found in inspections:
        hashes = [(column, found.hashes[column]) for column in IMAGE_COLUMNS if column in found.hashes]
        for column, sha256 in hashes:
            if column == "mask" and found.empty_mask:
                continue
            place = found.row.number, column
            earlier = first.setdefault(sha256, place)
            if earlier != place:
                problem = f"{found.row.cells[column]}: is the same image as {_shown(earlier, place)}"
                faults.append(Fault(row=found.row.number, column=column, problem=problem))
    return faults


def _shown(earlier: tuple[int, str], place: tuple[int, str]) -> str:
    row, column = earlier
    if row == place[0]:
        return f"the {column} of this row; name the right file"
    return f"the {column} of row {row}; remove one of the cases, or name the right file"
