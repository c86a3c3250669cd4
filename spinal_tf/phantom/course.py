"""Course of a drawn spine through the image: its curvature, and each voxel's position along and behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.fields import Array, smooth_curve
from spinal_tf.phantom.skeleton import S1_MM, place_in_tables

TILT_DEGREES = (
    *((-120, -8), (0, 4), (60, 10), (125, 26), (190, 16)),
    *((260, 0), (340, -12), (400, -9), (480, 2), (540, 12)),
    *((571, 28), (592, 52), (625, 56), (660, 42), (695, 5)),
)
"""Distance below the top of C1 in mm and mean tilt, positive where the spine runs posteriorly on its way down:
cervical lordosis, thoracic kyphosis, lumbar lordosis, and the sacrum, which curves forward again."""

TILT_SD_DEGREES = 4.5
TILT_VARIES_MM = (-120, 0, 60, 125, 190, 260, 340, 400, 480, 592)
"""Places of independent deviations from the mean tilt; the sacrum is one bone, so it deviates as a whole."""

CURVED = (0.4, 1.2)
"""Range of the curvature of a person's spine, without the sacrum, relative to the mean."""

BEYOND_MM = 120.0
"""Length of the course above and below the field of view."""

STEP_MM = 0.5
FURTHEST_MM = 60.0
"""Distance from the spine beyond which voxels take the position along the spine of the voxel at this distance."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """Middle of the spinal canal in steps of `STEP_MM`, from above to below the field of view.

    Attributes:
        s_mm: position along the spine, 0 at the top of C1.
        z_mm: distance below the first row of the image; grows with s.
        y_mm: distance behind the first column.
        x_mm: distance to the left of the first slice.
    """

    s_mm: Array
    z_mm: Array
    y_mm: Array
    x_mm: Array

    def at_rows(self, rows: int, row_mm: float) -> tuple[Array, Array, Array, Array]:
        """Return s, x, y in mm and dy/dz at each row."""
        z = np.arange(rows) * row_mm
        s, x, y = (np.interp(z, self.z_mm, values) for values in (self.s_mm, self.x_mm, self.y_mm))
        return s, x, y, np.interp(z, self.z_mm, np.gradient(self.y_mm, self.z_mm))

    def straightened(self, rows: int, columns: int, spacing_mm: tuple[float, float]) -> tuple[Array, Array]:
        """Return each pixel's position along the spine and distance behind it in mm, float32 (rows, columns).

        Three steps of Newton's method without curvature find the foot of the perpendicular.
        """
        z = (np.arange(rows) * spacing_mm[0])[:, None]
        behind = np.arange(columns) * spacing_mm[1] - np.interp(z, self.z_mm, self.y_mm)
        y = np.interp(z, self.z_mm, self.y_mm) + np.clip(behind, -FURTHEST_MM, FURTHEST_MM)
        slope = np.gradient(self.y_mm, self.z_mm)
        foot = np.broadcast_to(z, behind.shape)
        for _ in range(3):
            m = np.interp(foot, self.z_mm, slope)
            foot = foot + ((z - foot) + (y - np.interp(foot, self.z_mm, self.y_mm)) * m) / (1 + m * m)
        m = np.interp(foot, self.z_mm, slope)
        beyond = behind - np.clip(behind, -FURTHEST_MM, FURTHEST_MM)
        off = (y - np.interp(foot, self.z_mm, self.y_mm)) * np.sqrt(1 + m * m) + beyond
        return np.interp(foot, self.z_mm, self.s_mm).astype(np.float32), off.astype(np.float32)


def draw_course(
    rng: np.random.Generator,
    *,
    top_mm: float,
    size: tuple[int, int, int],
    spacing_mm: tuple[float, float, float],
    s1_mm: float = S1_MM,
) -> Course:
    """Draw the curvature of a spine and its position in the field of view.

    Args:
        rng: source of all randomness.
        top_mm: distance below the top of C1 at which the spine crosses the first row.
        size: number of voxels along slice, row, column.
        spacing_mm: spacing of slice, row, column.
        s1_mm: distance of the top of S1 below the top of C1.
    """
    width_mm, height_mm, depth_mm = (n * step for n, step in zip(size, spacing_mm, strict=True))
    s = np.arange(top_mm - BEYOND_MM, top_mm + 1.5 * height_mm + BEYOND_MM, STEP_MM)
    tilt = _tilt(rng, s, s1_mm)
    seen = (s >= top_mm) & (s <= top_mm + height_mm)
    tilt -= rng.uniform(0.2, 0.9) * tilt[seen].mean() - rng.normal(0, np.radians(2.5))
    z = np.cumsum(np.cos(tilt)) * STEP_MM
    z -= np.interp(top_mm, s, z)
    y = np.cumsum(np.sin(tilt)) * STEP_MM
    in_view = y[(z >= 0) & (z <= height_mm)]
    y += depth_mm * rng.uniform(0.46, 0.6) - (in_view.min() + in_view.max()) / 2
    sway_mm = rng.uniform(0.5, 2.5) if rng.random() < 0.85 else rng.uniform(3, 7)
    x = width_mm / 2 + rng.normal(0, 1.5) + smooth_curve(rng, s.size, max(3, s.size // 160), sway_mm)
    return Course(s_mm=s, z_mm=z, y_mm=y, x_mm=x)


def _tilt(rng: np.random.Generator, s_mm: Array, s1_mm: float) -> Array:
    """Draw the angle to the vertical at each step, in radians."""
    places, degrees = np.asarray(TILT_DEGREES).T
    curved = np.where(places < S1_MM, rng.uniform(*CURVED), 1)
    deviations = rng.normal(0, TILT_SD_DEGREES, len(TILT_VARIES_MM))
    drawn = degrees * curved + np.interp(places, TILT_VARIES_MM, deviations)
    mean = np.interp(place_in_tables(s_mm, s1_mm), places, drawn)
    tilt = ndimage.gaussian_filter1d(mean, 25 / STEP_MM, mode="nearest")
    angle: Array = np.radians(np.clip(tilt + smooth_curve(rng, s_mm.size, s_mm.size // 60, 1.5), -40, 60))
    return angle
