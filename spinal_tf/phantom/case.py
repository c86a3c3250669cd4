"""One simulated case: a background, lesions of one disease, an acquisition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.phantom.acquisition import acquire, thick_slices
from spinal_tf.phantom.frame import REGION_OF_LEVEL, Background, Frame
from spinal_tf.phantom.lesions import DrawnLesion, add_lesions, draw_lesions
from spinal_tf.phantom.parameters import DISEASES
from spinal_tf.phantom.sources import BackgroundSource, drawn_spine
from spinal_tf.taxonomy import Diagnosis

FINE_SLICE_MM = 1.75
"""Thickness at which the anatomy is drawn before slices are averaged."""

THIN_SLICE_MM = 0.9
"""The same for a scan with thin slices."""

THIN_SHARE = 0.15
"""Share of cases scanned with thin slices, as three-dimensional sequences are."""

INTENSITY_SCALE = 600.0
"""Stored intensity of level 1; scanners store integers of about this size."""


@dataclass(frozen=True, kw_only=True)
class SimulatedCase:
    """A simulated examination.

    Attributes:
        t2: float32 (slice R->L, row S->I, column A->P), non-negative.
        t1c: the same grid, or None.
        mask: bool, the same grid.
        cord: bool, the same grid; lesions are part of it.
        levels: uint8, the same grid, vertebral level of each voxel of the cord, 1 for C1; 0 elsewhere or unknown.
        spacing_mm: of slice, row, column.
        lesions: the drawn parameters; none for a healthy person.
    """

    diagnosis: Diagnosis | None
    t2: np.ndarray
    t1c: np.ndarray | None
    mask: np.ndarray
    cord: np.ndarray
    levels: np.ndarray
    spacing_mm: tuple[float, float, float]
    lesions: tuple[DrawnLesion, ...]

    @property
    def affine(self) -> np.ndarray:
        """(4, 4) float64 from (slice, row, column) to patient RAS mm, centred on the patient's origin."""
        axes = np.zeros((3, 3))
        axes[0, 0], axes[2, 1], axes[1, 2] = -self.spacing_mm[0], -self.spacing_mm[1], -self.spacing_mm[2]
        affine = np.eye(4)
        affine[:3, :3] = axes
        affine[:3, 3] = -axes @ ((np.asarray(self.t2.shape) - 1) / 2)
        return affine


def simulate_case(
    rng: np.random.Generator,
    diagnosis: Diagnosis | None,
    source: BackgroundSource = drawn_spine,
    *,
    thin: bool = False,
) -> SimulatedCase:
    """Simulate one case.

    Args:
        rng: source of all randomness; the same generator state gives the same case.
        diagnosis: the disease to draw, None for a healthy person.
        source: of spines without lesion.
        thin: scanned with thin slices in any case, as three-dimensional sequences do, instead of in a few.
    """
    level = _draw_level(rng, diagnosis)
    background = source(rng, level, THIN_SLICE_MM if thin else FINE_SLICE_MM)
    lesions: tuple[DrawnLesion, ...] = ()
    fraction = np.zeros(background.t2.shape, np.float32)
    if diagnosis is not None:
        rows = _rows_of_level(background.frame, level)
        rows = rows[rows.size // 12 : max(rows.size - rows.size // 12, rows.size // 12 + 1)]
        lesions = draw_lesions(rng, diagnosis, background.frame, rows)
        background, fraction = add_lesions(rng, background, lesions)
    return _scan(rng, diagnosis, background, fraction, lesions, thin)


def _draw_level(rng: np.random.Generator, diagnosis: Diagnosis | None) -> str:
    levels = dict.fromkeys(REGION_OF_LEVEL, 1.0) if diagnosis is None else DISEASES[diagnosis].levels
    weights = np.asarray(list(levels.values()))
    return str(rng.choice(list(levels), p=weights / weights.sum()))


def _rows_of_level(frame: Frame, level: str) -> np.ndarray:
    """Rows of the wanted region with room to the border; any row of cord where the region is out of view."""
    first, last = REGION_OF_LEVEL[level]
    rows = np.flatnonzero((frame.region >= first) & (frame.region <= last))
    return rows if rows.size > 20 else np.flatnonzero(np.isfinite(frame.x_mm))


def _scan(
    rng: np.random.Generator,
    diagnosis: Diagnosis | None,
    drawn: Background,
    fraction: np.ndarray,
    lesions: tuple[DrawnLesion, ...],
    thin: bool,
) -> SimulatedCase:
    fine_mm, row_mm, column_mm = drawn.frame.spacing_mm
    thickness_mm = fine_mm if thin or rng.random() < THIN_SHARE else rng.uniform(2.6, 3.6)
    per_slice = max(1, round(float(thickness_mm) / fine_mm))
    gap = int(rng.random() < 0.3 and per_slice > 1 and fine_mm < 1.2)
    spacing = ((per_slice + gap) * fine_mm, row_mm, column_mm)
    mask, cord = (thick_slices(image, per_slice, gap) >= 0.5 for image in (fraction, drawn.cord))
    t2 = acquire(rng, thick_slices(drawn.t2, per_slice, gap) / drawn.csf_level, spacing)
    t1c = None
    if drawn.t1c is not None:
        t1c = acquire(rng, thick_slices(drawn.t1c, per_slice, gap), spacing) * INTENSITY_SCALE
    return SimulatedCase(
        diagnosis=diagnosis,
        t2=t2 * INTENSITY_SCALE,
        t1c=t1c,
        mask=mask,
        cord=cord,
        levels=cord * drawn.frame.level.astype(np.uint8)[None, :, None],
        spacing_mm=spacing,
        lesions=lesions,
    )
