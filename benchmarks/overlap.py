"""How long a pair of masks takes to score, beside distance transforms of the whole volume; aim: 10 times faster."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
from scipy import ndimage

from spinal_tf.evaluation.overlap import score_mask
from spinal_tf.lesions import label_lesions

ROUNDS = 3
SCANS = {"15 x 512 x 512": ((15, 512, 512), (3.3, 0.6, 0.6)), "60 x 512 x 512": ((60, 512, 512), (1.0, 0.6, 0.6))}
TUMOUR_MM = ((6, 40, 7), [(0.5, 0.5)])
MS_MM = ((4, 9, 3), [(0.1 + 0.1 * number, 0.3 + 0.05 * number) for number in range(8)])


def masks(shape: tuple[int, ...], spacing_mm: tuple[float, ...], radii_mm, places) -> tuple[np.ndarray, np.ndarray]:
    """Ellipsoids as the reference, and the same moved by a voxel in rows and columns as the prediction."""
    grid = np.ogrid[tuple(slice(size) for size in shape)]
    reference = np.zeros(shape, bool)
    for row, column in places:
        centre = (shape[0] / 2, shape[1] * row, shape[2] * column)
        steps = zip(grid, centre, spacing_mm, radii_mm, strict=True)
        reference |= sum(((axis - middle) * size / radius) ** 2 for axis, middle, size, radius in steps) <= 1
    return np.roll(reference, (1, 1), axis=(1, 2)), reference


def plain(prediction: np.ndarray, reference: np.ndarray, spacing_mm: tuple[float, ...]) -> None:
    """Whole-volume distance transforms for the surfaces, whole-volume masks for each pair of lesions."""
    for mask in (prediction, reference):
        ndimage.distance_transform_edt(mask == ndimage.binary_erosion(mask), sampling=spacing_mm)
    (marks, marked), (lesions, count) = label_lesions(prediction), label_lesions(reference)
    for lesion in range(1, count + 1):
        for mark in range(1, marked + 1):
            for combined in ((lesions == lesion) & (marks == mark), (lesions == lesion) | (marks == mark)):
                np.count_nonzero(combined)


def seconds(action: Callable[[], object], rounds: int = ROUNDS) -> float:
    """Median of a few rounds."""
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    """Print both times and their ratio for a tumour and for eight small lesions."""
    for name, (shape, spacing_mm) in SCANS.items():
        for lesions, (radii_mm, places) in (("one tumour", TUMOUR_MM), ("eight lesions", MS_MM)):
            pair = masks(shape, spacing_mm, radii_mm, places)
            ours_s = seconds(lambda pair=pair, spacing_mm=spacing_mm: score_mask(*pair, spacing_mm))
            plain_s = seconds(lambda pair=pair, spacing_mm=spacing_mm: plain(*pair, spacing_mm))
            print(
                f"{name}, {lesions:13}  {ours_s:6.2f} s, plain {plain_s:6.2f} s: {plain_s / ours_s:5.0f} times faster"
            )


if __name__ == "__main__":
    main()
