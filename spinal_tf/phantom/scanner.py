"""From fine anatomy to an acquired scan: thick slices, blur, coil, noise, and artifacts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.fields import Array, smooth_noise

CHANCES: Mapping[str, float] = {
    "ringing": 0.5,
    "ghost": 0.3,
    "bright_skin": 0.35,
    "wrap": 0.1,
    "metal": 0.03,
    "fade": 0.4,
}
"""Shares of cases with each degradation; all cases have blur, coil and noise."""

METAL_FROM_CORD_MM = 22.0
"""Minimum distance of metal from the cord: a lesion hidden by metal would be a wrong example."""


@dataclass(frozen=True, kw_only=True)
class Degradations:
    """Degradations of one examination, 0 if one does not occur; T2w and T1c of a case share them.

    Attributes:
        blur_mm: SD of the point spread in the plane.
        coil_mm: depth over which sensitivity falls to 1/e.
        coil_drop, coil_centre: loss towards the upper and lower end, and position without loss, in heights.
        bright_skin: additional brightness of the back beyond the coil's decay.
        noise: SD relative to the level of fluid.
        ringing, ringing_axis: share of k-space kept along one axis, row 1 or column 2.
        ghost, ghost_shift, ghost_axis: strength of the first ghost, its distance in fields of view, its axis.
        wrap, wrap_share, wrap_axis: strength of the wrap-around, the share of the axis it covers, its axis.
        metal_mm: radius of the void.
        metal_at: row and column of the void, in fields of view.
        fade: share of its brightness above the cord that the fluid loses; see `spinal_tf.phantom.fade`.
        fade_from, fade_over: start of the fade and distance over which it grows, in heights from the top.
        fade_up: whether the fade runs from the bottom instead.
    """

    blur_mm: float
    coil_mm: float
    coil_drop: float
    coil_centre: float
    bright_skin: float
    noise: float
    ringing: float
    ringing_axis: int
    ghost: float
    ghost_shift: float
    ghost_axis: int
    wrap: float
    wrap_share: float
    wrap_axis: int
    metal_mm: float
    metal_at: tuple[float, float]
    fade: float
    fade_from: float
    fade_over: float
    fade_up: bool


def draw_degradations(rng: np.random.Generator, *, shaded: bool = False) -> Degradations:
    """Draw the degradations of one examination.

    Images that are ``shaded`` already contain a coil's shading and fading: they get weaker coil decay and no fading.
    """
    has = {name: rng.random() < chance for name, chance in CHANCES.items()}
    return Degradations(
        blur_mm=float(rng.uniform(0.25, 0.6)),
        coil_mm=float(rng.uniform(60, 120) if rng.random() < 0.4 else rng.uniform(120, 500)) * (4 if shaded else 1),
        coil_drop=float(rng.uniform(0, 1.2)),
        coil_centre=float(rng.uniform(0.3, 0.7)),
        bright_skin=float(rng.uniform(0.3, 1.5)) * (has["bright_skin"] and not shaded),
        noise=float(rng.uniform(0.005, 0.045)),
        ringing=float(rng.uniform(0.6, 0.9)) * has["ringing"],
        ringing_axis=int(rng.integers(1, 3)),
        ghost=float(rng.uniform(0.01, 0.06)) * has["ghost"],
        ghost_shift=float(rng.uniform(0.06, 0.3)) * has["ghost"],
        ghost_axis=int(rng.integers(1, 3)),
        wrap=float(rng.uniform(0.2, 0.7)) * has["wrap"],
        wrap_share=float(rng.uniform(0.04, 0.14)) * has["wrap"],
        wrap_axis=int(rng.integers(1, 3)),
        metal_mm=float(rng.uniform(4, 13)) * has["metal"],
        metal_at=(float(rng.uniform(0.1, 0.9)), float(rng.uniform(0.05, 0.95))),
        fade=float(rng.uniform(0.3, 0.9)) * (has["fade"] and not shaded),
        fade_from=float(rng.uniform(0.1, 0.7)),
        fade_over=float(rng.uniform(0.15, 0.5)),
        fade_up=bool(rng.random() < 0.2),
    )


def thick_slices(fine: Array, per_slice: int, gap: int) -> Array:
    """Average groups of fine slices, as a slice profile does; ``gap`` fine slices between groups are left out."""
    step = per_slice + gap
    count = (fine.shape[0] + gap) // step
    thick = np.empty((count, *fine.shape[1:]), np.float32)
    for number in range(count):
        np.mean(fine[number * step : number * step + per_slice], axis=0, out=thick[number])
    return thick


def acquire(
    rng: np.random.Generator,
    image: Array,
    spacing_mm: tuple[float, float, float],
    happened: Degradations,
    *,
    cord: Array | None = None,
) -> Array:
    """Degrade an image as scanners do; levels keep their scale, and the result is non-negative.

    Args:
        rng: source of the noise and of the coil's unevenness.
        image: float32 (slice, row, column), fluid 1.
        spacing_mm: spacing of slice, row, column.
        happened: degradations to apply.
        cord: bool, the same grid; metal is placed away from it.
    """
    blur = happened.blur_mm / np.asarray(spacing_mm[1:])
    image = ndimage.gaussian_filter(image, (0, *blur), truncate=3)
    if happened.metal_mm:
        image = _metal(image, spacing_mm, happened, cord)
    image *= _coil(rng, image.shape, spacing_mm, happened)
    if happened.wrap:
        _fold(image, happened)
    if happened.ringing:
        image = _ringing(image, happened)
    if happened.ghost:
        _add_ghosts(image, happened)
    real = rng.standard_normal(image.shape, dtype=np.float32)
    real *= np.float32(happened.noise)
    real += image
    imaginary = rng.standard_normal(image.shape, dtype=np.float32)
    imaginary *= np.float32(happened.noise)
    magnitude: Array = np.hypot(real, imaginary, out=real)
    return magnitude


def _coil(
    rng: np.random.Generator, shape: tuple[int, ...], spacing_mm: tuple[float, float, float], happened: Degradations
) -> Array:
    """Return the sensitivity of surface coils behind the patient, times a smooth random field."""
    rows, columns = shape[1:]
    depth = np.arange(columns) * spacing_mm[2]
    decay = np.exp((depth - depth.mean()) / happened.coil_mm)
    decay *= 1 + happened.bright_skin * np.exp((depth - 0.72 * depth[-1]) / 25).clip(0, 2)
    along = np.arange(rows) / rows - happened.coil_centre
    drop = 1 - happened.coil_drop * along**2
    field = 1 + 0.1 * smooth_noise(rng, (rows, columns), (rows / 3, columns / 3))
    sensitivity: Array = decay[None, :] * np.clip(drop, 0.3, 1)[:, None] * field
    return sensitivity.astype(np.float32)


def _ringing(image: Array, happened: Degradations) -> Array:
    """Truncate k-space along one in-plane axis, which leaves Gibbs ringing beside sharp edges."""
    axis = happened.ringing_axis
    spectrum = np.fft.rfft(image, axis=axis)
    keep = int(spectrum.shape[axis] * happened.ringing)
    window = np.arange(spectrum.shape[axis]) < keep
    spectrum *= window[:, None] if axis == 1 else window
    truncated: Array = np.fft.irfft(spectrum, n=image.shape[axis], axis=axis)
    return truncated.astype(np.float32)


def _add_ghosts(image: Array, happened: Degradations) -> None:
    """Add copies at equal distances along the phase-encoding axis, with changing sign and decreasing strength."""
    ghost = image.copy()
    length = image.shape[happened.ghost_axis]
    for order, strength in ((1, 1.0), (-1, -1.0), (2, -0.4), (-2, 0.4)):
        shift = round(order * happened.ghost_shift * length)
        image += np.float32(happened.ghost * strength) * np.roll(ghost, shift, axis=happened.ghost_axis)
    np.abs(image, out=image)


def _fold(image: Array, happened: Degradations) -> None:
    """Wrap tissue beyond one border to the opposite one; the mirror image of the tissue inside stands for it."""
    axis = happened.wrap_axis
    view = np.moveaxis(image, axis, 0)
    length = view.shape[0]
    count = max(2, int(length * happened.wrap_share))
    fade = np.linspace(happened.wrap, 0, count, dtype=np.float32)[:, None, None]
    at_start, at_end = view[:count].copy(), view[length - count :].copy()
    view[length - count :] += (fade * at_start)[::-1]
    view[:count] += fade * at_end[::-1]


def _metal(image: Array, spacing_mm: tuple[float, float, float], happened: Degradations, cord: Array | None) -> Array:
    """Add a void with a bright rim, as from an implant or a dental filling, unless the cord is too near."""
    slices, rows, columns = image.shape
    at = (0.5 * slices, happened.metal_at[0] * rows, happened.metal_at[1] * columns)
    away = [(np.arange(n) - c) * step for n, c, step in zip(image.shape, at, spacing_mm, strict=True)]
    distance = np.sqrt(0.5 * away[0][:, None, None] ** 2 + away[1][None, :, None] ** 2 + away[2][None, None, :] ** 2)
    if cord is not None and cord.any() and distance[cord].min() < METAL_FROM_CORD_MM:
        return image
    radius = happened.metal_mm
    void = np.clip((distance - radius) / 1.5, 0, 1)
    rim = 1.2 * np.exp(-(((distance - radius - 1.5) / 1.2) ** 2)) * (away[1][None, :, None] > 0)
    spoiled: Array = (image * void * (1 + rim) + 0.3 * rim * image.mean()).astype(np.float32)
    return spoiled
