"""Measure the anatomy network of a weights folder on scans with labels, for its model card.

    python data_prep/measure_anatomy.py WEIGHTS SCANS/person1 SCANS/person2 ... > table.md

A scan's folder holds `t2.nii.gz` and, if they exist, `t2_cord*.nii.gz` (a mask of the cord) and `t2_vertebrae.nii.gz`
(vertebral bodies, numbered as the Spinal Cord Toolbox does: 18 for T11, 24 for L5). Labels may leave out vertebrae at
both ends, so bodies are compared on the rows from the middle of the first labeled one to that of the last, and
elsewhere up to 4 mm from a labeled one; on all slices, and on those up to 7 mm beside the middle of the canal.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import spinal_tf
from spinal_tf.anatomy.bodies import BESIDE_MM
from spinal_tf.anatomy.onto_volume import inside_on_volume
from spinal_tf.anatomy.spine import Spine
from spinal_tf.anatomy.vertebra_names import vertebra_name
from spinal_tf.images.volume import Volume, read_aligned, read_mask, read_volume
from spinal_tf.loaded_weights import LoadedWeights
from spinal_tf.spine_search import search_spine
from spinal_tf.stopwatch import Stopwatch
from spinal_tf.structures import Structure

NEAR_MM = 4.0
"""Distance from a labeled body up to which a marked voxel counts beyond the first and last labeled ones."""

FOUND = 0.5
"""Share of a labeled body that has to be marked for it to count as found."""

Array = np.ndarray


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured on one scan; None where it has no such label."""

    name: str
    canal_mm: float
    vertebrae: str
    cord_end: str
    cord_dice: float | None = None
    line_mm: float | None = None
    body_dice: float | None = None
    middle_dice: float | None = None
    bodies_found: str = ""
    level_right: float | None = None


def main() -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("scans", type=Path, nargs="+", metavar="SCAN")
    choices = parser.parse_args()
    weights = spinal_tf.load_weights(choices.weights)
    print(table([measured(folder, weights) for folder in choices.scans]))


def measured(folder: Path, weights: LoadedWeights) -> Measured:
    """Measure one scan."""
    volume = read_volume(folder / "t2.nii.gz")
    network = weights.anatomy()
    if network is None:
        raise SystemExit(f"{weights.folder}: holds no anatomy network; name a folder that has one")
    spine = search_spine(volume, network, Stopwatch()).spine
    if spine is None:
        return Measured(name=folder.name, canal_mm=0.0, vertebrae="no canal", cord_end="")
    shown = spine.shown
    first, last = spine.line.rows
    end = spine.cord_end_level
    return Measured(
        name=folder.name,
        canal_mm=(last - first) * spine.maps.spacing_mm[1],
        vertebrae=f"{vertebra_name(shown[0])}-{vertebra_name(shown[-1])}" if shown else "not numbered",
        cord_end="not seen" if spine.cord_end is None else (vertebra_name(end) if end >= 0 else "seen"),
        **_cord(folder, volume, spine),
        **_bodies(folder, volume, spine),
    )


def _cord(folder: Path, volume: Volume, spine: Spine) -> dict[str, float]:
    """Return the cord's Dice on labeled rows, and the largest distance of the canal's line from the cord's center."""
    masks = list(folder.glob("t2_cord*.nii.gz"))
    if not masks:
        return {}
    cord = read_mask(masks[0], like=volume)
    rows = np.flatnonzero(cord.any(axis=(0, 2)))
    ours = inside_on_volume(spine.maps.of(Structure.CORD), spine.maps, len(cord))[:, rows]
    common = 2 * np.count_nonzero(ours & cord[:, rows])
    middle = (cord[:, rows].sum(axis=0) * np.arange(cord.shape[2])).sum(axis=1) / cord[:, rows].sum(axis=(0, 2))
    line = np.interp(spine.maps.coarse_row(rows), np.arange(len(spine.line.at_column)), spine.line.at_column)
    away = np.abs(spine.maps.volume_column(line) - middle) * volume.spacing_mm[2]
    return {
        "cord_dice": common / (np.count_nonzero(ours) + np.count_nonzero(cord)),
        "line_mm": float(np.nanmax(away)),
    }


def _bodies(folder: Path, volume: Volume, spine: Spine) -> dict[str, float | str]:
    """Return the bodies' Dice, how many were found, and the share of their voxels with the right level."""
    path = folder / "t2_vertebrae.nii.gz"
    if not path.exists():
        return {}
    labels = np.rint(read_aligned(path, like=volume).data).astype(int)
    numbers = [int(number) for number in np.unique(labels) if number]
    ours = inside_on_volume(spine.maps.of(Structure.BODY), spine.maps, len(labels))
    counted = _near(labels > 0, volume.spacing_mm)
    first, last = (int(np.argwhere(labels == number)[:, 1].mean()) for number in (numbers[0], numbers[-1]))
    counted[:, first:last] = True
    ours &= counted
    found = sum(float(ours[labels == number].mean()) >= FOUND for number in numbers)
    voxels = np.argwhere(labels > 0)[::7]
    right = spine.level_of(voxels) == labels[tuple(voxels.T)]
    middle = _middle(volume, spine)
    return {
        "body_dice": _dice(ours, labels > 0),
        "middle_dice": _dice(ours & middle, (labels > 0) & middle),
        "bodies_found": f"{found} of {len(numbers)}",
        "level_right": float(right.mean()),
    }


def _dice(ours: Array, drawn: Array) -> float:
    return 2 * np.count_nonzero(ours & drawn) / (np.count_nonzero(ours) + np.count_nonzero(drawn))


def _middle(volume: Volume, spine: Spine) -> Array:
    """Return the voxels up to `BESIDE_MM` beside the middle of the canal on their row."""
    slices, rows, _ = volume.data.shape
    known = np.flatnonzero(np.isfinite(spine.line.at_slice))
    at = np.interp(spine.maps.coarse_row(np.arange(rows)), known, spine.line.at_slice[known])
    away_mm = np.abs(np.arange(slices)[:, None] - spine.maps.volume_slice(at)) * volume.spacing_mm[0]
    return np.broadcast_to((away_mm <= BESIDE_MM)[..., None], volume.data.shape)


def _near(labeled: Array, spacing_mm: tuple[float, float, float]) -> Array:
    size = [2 * round(NEAR_MM / step) + 1 for step in spacing_mm[1:]]
    return np.stack([cv2.dilate(plane, np.ones(size, np.uint8)) for plane in labeled.astype(np.uint8)]) > 0


def table(scans: list[Measured]) -> str:
    """Return a Markdown table with one row for each scan."""
    header = (
        "| scan | canal, mm | vertebrae numbered | cord ends at | cord Dice | line to cord, at most mm | body Dice | "
        "near the middle | bodies found | level right |"
    )
    rows = [
        f"| {scan.name} | {scan.canal_mm:.0f} | {scan.vertebrae} | {scan.cord_end} | {_number(scan.cord_dice)} | "
        f"{_number(scan.line_mm, 1)} | {_number(scan.body_dice)} | {_number(scan.middle_dice)} | "
        f"{scan.bodies_found or '-'} | "
        f"{'-' if scan.level_right is None else f'{scan.level_right:.0%}'} |"
        for scan in scans
    ]
    return "\n".join([header, "|---|---|---|---|---|---|---|---|---|---|", *rows])


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    main()
