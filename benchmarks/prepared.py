"""Prepared cases of random numbers, as the segmenter's cache holds them, for the benchmarks of its input."""

from __future__ import annotations

import numpy as np

from spinal_tf.datasets.cache import Entry
from spinal_tf.preprocess import neighbour_index

SHAPE = (13, 384, 320)
SLICE_MM = 3.5


def prepared_entry(number: int, neighbour_mm: float | None = None) -> Entry:
    """One case with a lesion; float16 planes of `SHAPE`.

    Args:
        number: of the case; the same number gives the same planes.
        neighbour_mm: see `spinal_tf.preprocess.Preprocessing`.
    """
    mask = np.zeros(SHAPE, bool)
    mask[6, 150:200, 150:160] = True
    places = np.argwhere(mask).astype(np.int32)
    return Entry(
        facts={
            "name": f"case-{number}",
            "diagnosis": "ms",
            "voxel_ml": 0.002,
            "cord_known": False,
            "neighbours": neighbour_index(SHAPE[0], SLICE_MM, neighbour_mm).tolist(),
        },
        arrays={
            "planes": np.random.default_rng(number).random(SHAPE, np.float32).astype(np.float16),
            "masks": mask.view(np.uint8),
            "lesions": places,
            "spines": places,
        },
    )
