"""Variation of a background into another person: fewer lateral slices, other size, curve of the spine and contrast."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from spinal_tf.phantom.fields import Array, smooth_curve
from spinal_tf.phantom.frame import Background

SIDE_SHARE = 0.15
"""Maximum share of the slices that is removed at either side."""

BODY_SCALE = (0.8, 1.2)
"""Range of the factor on a person's size, applied to the in-plane spacing."""

BEND_MM = 6.0
"""SD of the forward or backward shift of the spine at each height."""

TONES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5, 2.5)
"""Levels, fluid 1, between which the contrast is stretched or compressed."""

TONE_SPREAD = 0.35
"""SD of the logarithm of that stretch."""


def vary_background(rng: np.random.Generator, background: Background) -> Background:
    """Change a background without lesions so that it shows another person, scanned with another sequence.

    Args:
        rng: source of all randomness.
        background: stays unchanged.

    Returns:
        A background on a grid with fewer slices and another in-plane spacing; its T1c keeps its contrast.
    """
    return _retoned(rng, _bent(rng, _resized(rng, _narrowed(rng, background))))


def _narrowed(rng: np.random.Generator, background: Background) -> Background:
    slices = background.t2.shape[0]
    first, last = (int(rng.uniform(0, SIDE_SHARE) * slices) for _ in range(2))
    frame = background.frame
    frame = replace(frame, x_mm=frame.x_mm - first * frame.spacing_mm[0])
    return _on_images(replace(background, frame=frame), lambda image: image[first : slices - last])


def _resized(rng: np.random.Generator, background: Background) -> Background:
    scale, frame = rng.uniform(*BODY_SCALE), background.frame
    slice_mm, row_mm, column_mm = frame.spacing_mm
    frame = replace(
        frame,
        spacing_mm=(slice_mm, row_mm * scale, column_mm * scale),
        y_mm=frame.y_mm * scale,
        ap_mm=frame.ap_mm * scale,
        vertebra_mm=frame.vertebra_mm * scale,
    )
    return replace(background, frame=frame)


def _bent(rng: np.random.Generator, background: Background) -> Background:
    """Shift each row along the columns by a smooth curve; the edge voxel is repeated where the row leaves a gap."""
    frame, (_, rows, columns) = background.frame, background.t2.shape
    shift = smooth_curve(rng, rows, 5, BEND_MM)
    source = np.arange(columns)[None, :] - (shift / frame.spacing_mm[2])[:, None]
    source = np.clip(source, 0, columns - 1)
    below = np.minimum(source.astype(int), columns - 2)
    share = (source - below).astype(np.float32)
    at = np.arange(rows)[:, None]

    def moved(image: Array) -> Array:
        start = image[:, at, below]
        bent: Array = start + share * (image[:, at, below + 1] - start)
        return bent

    return _on_images(replace(background, frame=replace(frame, y_mm=frame.y_mm + shift)), moved)


def _retoned(rng: np.random.Generator, background: Background) -> Background:
    """Change the contrast by a random curve that keeps the order of tissues and the level of fluid."""
    levels = np.asarray(TONES)
    steps = np.diff(levels) * np.exp(rng.normal(0, TONE_SPREAD, levels.size - 1))
    tones = np.concatenate([[0.0], np.cumsum(steps)])
    tones /= np.interp(1.0, levels, tones)

    def toned(intensity: Array | float) -> Array:
        scaled: Array = np.interp(np.asarray(intensity) / background.csf_level, levels, tones)
        return scaled * background.csf_level

    cord_level = float(toned(background.cord_level))
    return replace(
        background,
        t2=toned(background.t2).astype(np.float32),
        cord_level=cord_level,
        gain=toned(background.cord_level * background.gain) / cord_level,
    )


def _on_images(background: Background, change: Callable[[Array], Array]) -> Background:
    return replace(
        background,
        t2=change(background.t2),
        t1c=None if background.t1c is None else change(background.t1c),
        cord=change(background.cord),
    )
