"""One simulated case: a background, lesions of one disease, an acquisition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.phantom.acquisition import acquire, thick_slices
from spinal_tf.phantom.frame import Background, Frame
from spinal_tf.phantom.lesions import DrawnLesion, add_lesions, draw_lesions
from spinal_tf.phantom.parameters import DISEASES
from spinal_tf.phantom.spine import procedural_background
from spinal_tf.taxonomy import Diagnosis

FINE_SLICE_MM = 1.75
"""Thickness at which the anatomy is drawn before slices are averaged."""

THIN_SLICE_MM = 0.9
"""The same for a scan with thin slices."""

THIN_SHARE = 0.15
"""Share of cases scanned with thin slices, as three-dimensional sequences are."""

REGION_OF_LEVEL = {
    "oblongata": (0, 1),
    "cervical": (1, 1),
    "cervicothoracic": (1, 2),
    "thoracic": (2, 2),
    "thoracolumbar": (2, 3),
    "lumbar": (3, 3),
}
"""First and last region, as numbered in ``frame.REGIONS``, in which a lesion of that level is centred."""

INTENSITY_SCALE = 600.0
"""Stored intensity of level 1; scanners store integers of about this size."""


@dataclass(frozen=True, kw_only=True)
class SimulatedCase:
    """A simulated examination.

    Attributes:
        t2: float32 (slice R->L, row S->I, column A->P), non-negative.
        t1c: the same grid, or None.
        mask: bool, the same grid.
        spacing_mm: of slice, row, column.
        lesions: the drawn parameters.
    """

    diagnosis: Diagnosis
    t2: np.ndarray
    t1c: np.ndarray | None
    mask: np.ndarray
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
    rng: np.random.Generator, diagnosis: Diagnosis, background: Background | None = None, *, thin: bool = False
) -> SimulatedCase:
    """Simulate one case.

    Args:
        rng: source of all randomness; the same generator state gives the same case.
        diagnosis: the disease to draw.
        background: a spine without lesion; None draws a procedural one with the published mix of levels.
        thin: scanned with thin slices in any case, as three-dimensional sequences do, instead of in a few.
    """
    if background is None:
        level, background = _draw_background(rng, diagnosis, THIN_SLICE_MM if thin else FINE_SLICE_MM)
        rows = _rows_of_level(background.frame, level)
    else:
        rows = np.flatnonzero(np.isfinite(background.frame.x_mm))
    rows = rows[rows.size // 12 : max(rows.size - rows.size // 12, rows.size // 12 + 1)]
    lesions = draw_lesions(rng, diagnosis, background.frame, rows)
    drawn, fraction = add_lesions(rng, background, lesions)
    return _scan(rng, diagnosis, drawn, fraction, lesions, thin)


def _draw_background(rng: np.random.Generator, diagnosis: Diagnosis, fine_mm: float) -> tuple[str, Background]:
    levels = DISEASES[diagnosis].levels
    weights = np.asarray(list(levels.values()))
    level = str(rng.choice(list(levels), p=weights / weights.sum()))
    in_plane = float(rng.uniform(0.6, 0.95))
    height = rng.uniform(230, 290) if level in ("oblongata", "cervical") else rng.uniform(260, 340)
    width = height * rng.uniform(0.6, 1.0)
    slices = round(int(rng.integers(23, 29)) * FINE_SLICE_MM / fine_mm)
    size = (slices, round(height / in_plane), round(width / in_plane))
    spacing = (fine_mm, in_plane, in_plane)
    return level, procedural_background(rng, level=level, spacing_mm=spacing, size=size)


def _rows_of_level(frame: Frame, level: str) -> np.ndarray:
    """Rows of the wanted region with room to the border; any row where the region is out of view."""
    first, last = REGION_OF_LEVEL[level]
    rows = np.flatnonzero((frame.region >= first) & (frame.region <= last))
    return rows if rows.size > 20 else np.arange(frame.region.size)


def _scan(
    rng: np.random.Generator,
    diagnosis: Diagnosis,
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
    mask = thick_slices(fraction, per_slice, gap) >= 0.5
    t2 = acquire(rng, thick_slices(drawn.t2, per_slice, gap) / drawn.csf_level, spacing)
    t1c = None
    if drawn.t1c is not None:
        t1c = acquire(rng, thick_slices(drawn.t1c, per_slice, gap), spacing) * INTENSITY_SCALE
    return SimulatedCase(
        diagnosis=diagnosis,
        t2=t2 * INTENSITY_SCALE,
        t1c=t1c,
        mask=mask,
        spacing_mm=spacing,
        lesions=lesions,
    )
