"""Simulation of one case: a background, lesions of one disease, an acquisition."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.phantom.fade import faded
from spinal_tf.phantom.frame import REGION_OF_LEVEL, Background, Frame, View
from spinal_tf.phantom.lesion_paint import add_lesions
from spinal_tf.phantom.lesion_shapes import DrawnLesion, draw_lesions
from spinal_tf.phantom.mask_facts import without_specks
from spinal_tf.phantom.parameters import parameters_of
from spinal_tf.phantom.scanner import Degradations, acquire, draw_degradations, thick_slices
from spinal_tf.phantom.sources import BackgroundSource, drawn_spine
from spinal_tf.taxonomy import Diagnosis

SLICES = (11, 15)
SLICE_MM = (3.0, 4.0)
"""Range of the number of slices, and of the distance from one to the next."""

FINE_SLICES = 2
"""Number of fine slices that are averaged for each slice, as the anatomy within a slice is."""

THIN_SLICE_MM, THIN_WIDTH_MM = 0.9, 42.0
"""Distance between slices of a three-dimensional sequence, and mean total width."""

THIN_SHARE = 0.15
"""Share of cases scanned with a three-dimensional sequence."""

HEALTHY_CONTRAST_SHARE = 0.7
"""Share of healthy people with a contrast-enhanced scan."""

INTENSITY_SCALE = 600.0
"""Stored intensity of level 1; scanners store integers of about this size."""


@dataclass(frozen=True, kw_only=True)
class SimulatedCase:
    """A simulated examination.

    Attributes:
        diagnosis: disease, None for a healthy person.
        t2: float32 (slice R->L, row S->I, column A->P), non-negative.
        t1c: the same grid, or None.
        mask: bool, the same grid.
        cord: bool, the same grid, including lesions.
        levels: uint8, the same grid, vertebral level of each voxel of the cord, 1 for C1; 0 elsewhere or unknown.
        anatomy: uint8, the same grid, labels of `spinal_tf.images.anatomy_map`; None where bones are unknown.
        vertebrae: uint8, the same grid, number of the vertebra of each voxel of a body or the sacrum, 1 for C1, 25 for
            S1; None likewise.
        spacing_mm: spacing of slice, row, column.
        frame: course of the cord for each row; its position across slices is relative to the first fine slice.
        lesions: drawn parameters, empty for a healthy person.
        view_level: key of ``frame.REGION_OF_LEVEL`` for which the field of view was chosen.
        background: source of the spine, see ``Background.origin``.
        degradations: degradations of the acquisition.
    """

    diagnosis: Diagnosis | None
    t2: np.ndarray
    t1c: np.ndarray | None
    mask: np.ndarray
    cord: np.ndarray
    levels: np.ndarray
    anatomy: np.ndarray | None
    vertebrae: np.ndarray | None
    spacing_mm: tuple[float, float, float]
    frame: Frame
    lesions: tuple[DrawnLesion, ...]
    view_level: str
    background: str
    degradations: Degradations

    @property
    def affine(self) -> np.ndarray:
        """(4, 4) float64 from (slice, row, column) to patient RAS mm, centered on the patient's origin."""
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
        source: source of spines without lesions.
        thin: always use the thin slices of a three-dimensional sequence, instead of only in a `THIN_SHARE` of cases.
    """
    contrast = HEALTHY_CONTRAST_SHARE if diagnosis is None else parameters_of(diagnosis).contrast
    thickness_mm, view = _draw_view(
        rng, _draw_level(rng, diagnosis), thin=thin or rng.random() < THIN_SHARE, with_t1c=rng.random() < contrast
    )
    background = source(rng, view)
    lesions: tuple[DrawnLesion, ...] = ()
    fraction = np.zeros(background.t2.shape, np.float32)
    if diagnosis is not None:
        lesions = draw_lesions(rng, diagnosis, background.frame, view.level, background.filum)
        background, fraction = add_lesions(rng, background, lesions)
    return _scan(rng, diagnosis, background, fraction, lesions, view=view, thickness_mm=thickness_mm)


def _draw_level(rng: np.random.Generator, diagnosis: Diagnosis | None) -> str:
    levels = dict.fromkeys(REGION_OF_LEVEL, 1.0) if diagnosis is None else parameters_of(diagnosis).levels
    weights = np.asarray(list(levels.values()))
    return str(rng.choice(list(levels), p=weights / weights.sum()))


def _draw_view(rng: np.random.Generator, level: str, *, thin: bool, with_t1c: bool) -> tuple[float, View]:
    """Draw the distance between slices in mm, and the view of the background."""
    if thin:
        slices = round(THIN_WIDTH_MM * rng.uniform(0.85, 1.15) / THIN_SLICE_MM)
        return THIN_SLICE_MM, View(level=level, fine_mm=THIN_SLICE_MM, fine_slices=slices, with_t1c=with_t1c)
    thickness_mm = float(rng.uniform(*SLICE_MM))
    slices = int(rng.integers(SLICES[0], SLICES[1] + 1)) * FINE_SLICES
    fine_mm = thickness_mm / FINE_SLICES
    return thickness_mm, View(level=level, fine_mm=fine_mm, fine_slices=slices, with_t1c=with_t1c)


def _scan(
    rng: np.random.Generator,
    diagnosis: Diagnosis | None,
    drawn: Background,
    fraction: np.ndarray,
    lesions: tuple[DrawnLesion, ...],
    *,
    view: View,
    thickness_mm: float,
) -> SimulatedCase:
    fine_mm, row_mm, column_mm = drawn.frame.spacing_mm
    per_slice = max(1, round(thickness_mm / fine_mm))
    gap = int(per_slice > 2 and fine_mm < 1.2 and rng.random() < 0.3)
    spacing = ((per_slice + gap) * fine_mm, row_mm, column_mm)
    mask, cord = (thick_slices(image, per_slice, gap) >= 0.5 for image in (fraction, drawn.cord))
    labels = (None, None) if drawn.anatomy is None else drawn.anatomy.label_maps(per_slice, gap, cord)
    happened = draw_degradations(rng, shaded=drawn.shaded)
    t2 = thick_slices(faded(drawn, happened), per_slice, gap) / drawn.csf_level
    t2 = acquire(rng, t2, spacing, happened, cord=cord)
    t1c = None
    if drawn.t1c is not None and view.with_t1c:
        t1c = acquire(rng, thick_slices(drawn.t1c, per_slice, gap), spacing, happened, cord=cord)
        t1c *= INTENSITY_SCALE
    t2 *= INTENSITY_SCALE
    return SimulatedCase(
        diagnosis=diagnosis,
        t2=t2,
        t1c=t1c,
        mask=without_specks(mask),
        cord=cord,
        levels=cord * drawn.frame.level.astype(np.uint8)[None, :, None],
        anatomy=labels[0],
        vertebrae=labels[1],
        spacing_mm=spacing,
        frame=drawn.frame,
        lesions=lesions,
        view_level=view.level,
        background=drawn.origin,
        degradations=happened,
    )
