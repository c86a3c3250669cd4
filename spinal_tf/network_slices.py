"""Runs a network on slices of one volume, a few at a time, so that large volumes need little extra memory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spinal_tf.checkpoints.manifest import Checkpoint
from spinal_tf.engine import Engine, run_in_batches
from spinal_tf.images.volume import Volume
from spinal_tf.preprocess import from_input, in_slabs, neighbour_index, place, seen_together, to_input
from spinal_tf.scaling import intensity_scale
from spinal_tf.stopwatch import Stopwatch

SLICES_AT_ONCE = 8
"""Number of slices that are prepared, run and resampled back at a time."""

Array = np.ndarray
Flips = Sequence[tuple[int, ...]]
Window = tuple[slice, slice]


class NetworkSlices:
    """Slices of one volume as a network sees them, and its answers."""

    def __init__(self, volume: Volume, checkpoint: Checkpoint, engine: Engine, watch: Stopwatch) -> None:
        """Compute placement and intensity scale of the volume.

        Raises:
            VolumeError: the image is constant, or its spacing is invalid.
        """
        preprocessing = checkpoint.preprocessing
        slice_mm, rows_mm, columns_mm = volume.spacing_mm
        self._engine, self._watch = engine, watch
        self.placement = place(volume.data.shape[1:], (rows_mm, columns_mm), preprocessing, source=volume.source)
        self._seen = neighbour_index(len(volume.data), slice_mm, preprocessing.neighbour_mm)
        with watch.stage("preprocess"):
            self._data = in_slabs(volume.data, slice_mm, preprocessing.slab_mm)
            self._scale = intensity_scale(self._data, intensity=preprocessing.intensity, source=volume.source)

    def maps(self, slices: Sequence[int], outputs: int, *, stage: str) -> Array:
        """Run a network with several outputs: float32 (n, row, column, output), on its own grid without padding."""
        found = []
        for part in _parts(slices):
            with self._watch.stage("preprocess"):
                planes = self._prepared(part)
            with self._watch.stage(stage):
                found.append(
                    run_in_batches(self._engine, planes, outputs=outputs)[(slice(None), *self.placement.window)]
                )
        return np.concatenate(found)

    def probability(
        self,
        slices: Sequence[int],
        flips: Flips,
        *,
        windows: Sequence[Window] = (),
        parts: Sequence[slice] = (),
        stage: str = "network",
    ) -> Array:
        """Compute the probability of a network with one output, averaged over flips.

        Args:
            slices: slices to run.
            flips: flip axes of (slice, row, column), see `run_flipped`.
            windows: rows and columns of the input that the network sees, one after the other; empty for all at once.
            parts: rows of the input that are kept of each window.
            stage: stage of the stopwatch.

        Returns:
            float32, shape of the volume, 0 on other slices and outside the windows.
        """
        result = np.zeros(self._data.shape, np.float32)
        everything = slice(None), slice(None)
        for part in _parts(slices):
            with self._watch.stage("preprocess"):
                planes = self._prepared(part)
            maps = np.zeros(planes.shape[:3], np.float32)
            with self._watch.stage(stage):
                for window, kept in zip(windows or (everything,), parts or (slice(None),), strict=True):
                    found, inside = np.zeros_like(maps), (slice(None), *window)
                    found[inside] = run_flipped(self._engine, planes[inside], flips)
                    maps[:, kept] = found[:, kept]
            with self._watch.stage("postprocess"):
                result[part] = from_input(maps, self.placement)
        return result

    def _prepared(self, part: list[int]) -> Array:
        """Prepare slices with their neighbors as network input: float32 (n, rows, columns, channels)."""
        needed, places = np.unique(self._seen[part], return_inverse=True)
        planes = to_input(self._scale(self._data[needed]), self.placement)
        return seen_together(planes, places.reshape(len(part), -1))


def run_flipped(engine: Engine, planes: Array, flips: Flips) -> Array:
    """Run a network with one output on flipped planes and average its maps, flipped back: float32 (n, row, column)."""
    maps = [np.flip(run_in_batches(engine, np.flip(planes, axes))[..., 0], axes) for axes in flips]
    return np.asarray(np.mean(maps, axis=0, dtype=np.float32))


def _parts(slices: Sequence[int]) -> list[list[int]]:
    return [list(slices[start : start + SLICES_AT_ONCE]) for start in range(0, len(slices), SLICES_AT_ONCE)]
