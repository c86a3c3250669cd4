"""Painting of lesions into a background: position in the cord, displaced tissue, T2w, T1c and mask."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.fields import Array, smooth_noise
from spinal_tf.phantom.frame import Background, Frame
from spinal_tf.phantom.lesion_shapes import DrawnLesion

REACH_MM = 24.0
"""Half the width of the box around the cord that changes if the cord is widened."""


def add_lesions(
    rng: np.random.Generator, background: Background, lesions: tuple[DrawnLesion, ...]
) -> tuple[Background, np.ndarray]:
    """Draw lesions into a background.

    Args:
        rng: source of all randomness.
        background: stays unchanged.
        lesions: lesions to draw, later ones over earlier ones.

    Returns:
        The background with lesions, and the mask as float32 fraction of lesion in each voxel.
    """
    t2 = background.t2.copy()
    t1c = None if background.t1c is None else background.t1c.copy()
    cord_mask = background.cord.copy()
    mask = np.zeros(t2.shape, np.float32)
    anatomy = background.anatomy
    for lesion in lesions:
        frame = background.filum if lesion.filum and background.filum else background.frame
        box = _box(frame, t2.shape, lesion)
        cord = _CordSpace(frame, lesion, box)
        t2[box] = cord.widen(t2[box])
        cord_mask[box] = cord.widen(cord_mask[box])
        if mask[box].any():
            mask[box] = cord.widen(mask[box])
        if anatomy is not None and cord.widens:
            anatomy = anatomy.moved(box, cord.widen)
        parts = _draw_parts(rng, lesion, cord)
        _paint_t2(rng, background, lesion, cord, parts, t2[box])
        if t1c is not None:
            t1c[box] = cord.widen(t1c[box])
            _paint_t1c(lesion, parts, t1c[box])
        mask[box] = np.maximum(mask[box], parts.whole())
    return replace(background, t2=t2, t1c=t1c, cord=np.maximum(cord_mask, mask), anatomy=anatomy), mask


def _box(frame: Frame, shape: tuple[int, ...], lesion: DrawnLesion) -> tuple[slice, slice, slice]:
    slices, _, columns = shape
    beyond = max(0.6 * lesion.length_mm, 0.5 * lesion.length_mm + max(lesion.oedema_mm, lesion.syrinx_mm)) + 5
    reach = int(np.ceil(beyond / frame.spacing_mm[1]))
    valid = np.flatnonzero(np.isfinite(frame.x_mm))
    first = max(lesion.centre_row - reach, int(valid[0]))
    last = min(lesion.centre_row + reach, int(valid[-1]))
    span = slice(first, last + 1)
    widened = lesion.remaining_cord > 0 or lesion.swelling > 1
    reach_mm = REACH_MM if widened else 2 + 1.2 * float(max(frame.rl_mm[span].max(), frame.ap_mm[span].max()))
    return (
        _reach(frame.x_mm[span], frame.spacing_mm[0], slices, reach_mm),
        span,
        _reach(frame.y_mm[span], frame.spacing_mm[2], columns, reach_mm),
    )


def _reach(centre_mm: np.ndarray, spacing_mm: float, length: int, reach_mm: float) -> slice:
    first = int(np.floor((centre_mm.min() - reach_mm) / spacing_mm))
    last = int(np.ceil((centre_mm.max() + reach_mm) / spacing_mm))
    return slice(max(first, 0), min(last + 1, length))


class _CordSpace:
    """Coordinates of a box relative to the cord, before and after the lesion widens it."""

    def __init__(self, frame: Frame, lesion: DrawnLesion, box: tuple[slice, slice, slice]) -> None:
        rows = box[1]
        x = np.arange(box[0].start, box[0].stop) * frame.spacing_mm[0]
        y = np.arange(box[2].start, box[2].stop) * frame.spacing_mm[2]
        self.spacing_mm = frame.spacing_mm
        self.rows = rows
        self.z = (np.arange(rows.start, rows.stop) - lesion.centre_row) * frame.spacing_mm[1]
        self.t = self.z / (lesion.length_mm / 2)
        self.profile = np.clip(1 - np.abs(self.t) ** lesion.ends, 0, 1)
        section = lesion.section * self.profile
        grown = np.maximum(1.0, section + lesion.remaining_cord) if lesion.remaining_cord > 0 else 1.0
        swollen = 1 + (lesion.swelling - 1) * self.profile
        self.growth = ndimage.gaussian_filter1d(np.sqrt(grown * swollen * np.ones_like(section)), 3)
        self.radius_share = np.sqrt(np.clip(section, 0, None)) / self.growth
        g = self.growth[None, :, None]
        dx = (x[:, None] - frame.x_mm[rows][None, :])[:, :, None]
        dy = (y[None, :] - frame.y_mm[rows][:, None])[None, :, :]
        self.u = (dx / frame.rl_mm[rows][None, :, None] / g).astype(np.float32)
        self.v = (dy / frame.ap_mm[rows][None, :, None] / g).astype(np.float32)
        self.radius = np.hypot(self.u, self.v)
        self.ap_mm = float(frame.ap_mm[rows].mean())
        self._corners: list[tuple[Array, Array]] | None = None

    @property
    def widens(self) -> bool:
        """Whether the cord grows enough to displace its surroundings."""
        return bool(self.growth.max() >= 1.01)

    def widen(self, image: Array) -> Array:
        """Return the image after the cord has grown: tissue is displaced outwards, less with distance."""
        if not self.widens:
            return image
        if self._corners is None:
            self._corners = self._displaced(image.shape)
        flat = image.ravel()
        widened: Array = np.zeros(image.shape, np.float32)
        for index, weight in self._corners:
            widened += weight * flat[index]
        return widened

    def _displaced(self, shape: tuple[int, ...]) -> list[tuple[Array, Array]]:
        """Return where each voxel's tissue was: flat index and weight of four neighbors in its row."""
        g = self.growth[None, :, None].astype(np.float32)
        rho = self.radius * g
        outer = np.maximum(np.float32(1.35) * g, np.float32(3.4))
        pressed = 1 + (rho - g) * (outer - 1) / (outer - g)
        source = np.where(rho <= g, rho / g, np.where(rho < outer, pressed, rho))
        ratio = np.divide(source, rho, out=np.ones_like(rho), where=rho > 1e-3)
        slices, rows, columns = shape
        centre_i, centre_k = self._zero_index(self.u, 0), self._zero_index(self.v, 2)
        i = np.arange(slices, dtype=np.float32)[:, None, None]
        k = np.arange(columns, dtype=np.float32)[None, None, :]
        low_i, share_i = _split(centre_i + (i - centre_i) * ratio, slices)
        low_k, share_k = _split(centre_k + (k - centre_k) * ratio, columns)
        start = low_i * np.int32(rows * columns) + low_k
        start += (np.arange(rows, dtype=np.int32) * np.int32(columns))[None, :, None]
        next_i, next_k = np.int32(rows * columns if slices > 1 else 0), np.int32(columns > 1)
        return [
            (start, (1 - share_i) * (1 - share_k)),
            (start + next_k, (1 - share_i) * share_k),
            (start + next_i, share_i * (1 - share_k)),
            (start + next_i + next_k, share_i * share_k),
        ]

    @staticmethod
    def _zero_index(coordinate: Array, axis: int) -> Array:
        """Return the fractional index at which a linear coordinate is zero; shape (1, rows, 1)."""
        first = np.take(coordinate, [0], axis=axis)
        step = np.take(coordinate, [1], axis=axis) - first
        index: Array = -first / step
        return index


def _split(position: Array, length: int) -> tuple[Array, Array]:
    """Return the lower neighbor and the weight of the upper one; positions beyond the ends are clipped."""
    position = np.clip(position, 0, length - 1)
    below = np.minimum(position.astype(np.int32), max(length - 2, 0))
    return below, (position - below).astype(np.float32)


def _membership(rng: np.random.Generator, lesion: DrawnLesion, cord: _CordSpace) -> tuple[Array, Array]:
    """Return the fraction of solid lesion, and the distance from the lesion's axis in lesion radii."""
    share = np.maximum(cord.radius_share, 1e-3)[None, :, None].astype(np.float32)
    room = np.clip(1 - share, 0, None) if lesion.remaining_cord > 0 else np.float32(1.0) - 0.45 * share
    shape = cord.radius.shape
    grain = tuple(max(6.0 / s, 1.0) for s in cord.spacing_mm)
    wobble = 1 + lesion.roughness * smooth_noise(rng, shape, grain)
    distance = np.hypot(cord.u - lesion.offset_u * room, cord.v - lesion.offset_v * room) / share * wobble
    soft = np.clip((1 - distance) / lesion.softness + 0.5, 0, 1)
    within_cord = np.clip((1.02 - cord.radius) * cord.ap_mm / 0.8 + 0.5, 0, 1)
    present = (cord.profile > 0)[None, :, None]
    return (soft * within_cord * present).astype(np.float32), distance.astype(np.float32)


def _tube(cord: _CordSpace, inner_mm: float, beyond_mm: float, radius: float) -> Array:
    """Return the fraction of a central tube outwards from the lesion's poles; its radius is relative to the cord's."""
    z = np.abs(cord.z) - inner_mm
    taper = np.clip(1 - z / max(beyond_mm, 1e-3), 0, 1) ** 0.5 * (z > -4)
    width = np.maximum(radius * taper, 1e-3)[None, :, None]
    tube: Array = np.clip((1 - cord.radius / width) * 3, 0, 1) * (taper > 0.05)[None, :, None]
    return tube.astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """Parts of one lesion as fractions in each voxel of its box, and its noise; shared by T2w and T1c.

    Attributes:
        solid, oedema, syrinx, cap, blood: fractions, float32.
        cysts: one such array per cyst.
        distance: distance from the lesion's axis in lesion radii.
        texture, spots: noise of unit variance.
    """

    solid: Array
    oedema: Array
    syrinx: Array
    cap: Array
    blood: Array
    cysts: tuple[Array, ...]
    distance: Array
    texture: Array
    spots: Array

    def whole(self) -> Array:
        """Return what a reader outlines: all parts except the syrinx."""
        whole: Array = np.maximum.reduce([self.solid, self.oedema, self.cap, *self.cysts])
        return whole


def _draw_parts(rng: np.random.Generator, lesion: DrawnLesion, cord: _CordSpace) -> _Parts:
    half = lesion.length_mm / 2
    solid, distance = _membership(rng, lesion, cord)
    nothing = np.zeros_like(solid)
    grain = tuple(max(g / s, 1.0) for g, s in zip((5, 8, 4), cord.spacing_mm, strict=True))
    texture, spots = smooth_noise(rng, solid.shape, grain), smooth_noise(rng, solid.shape, grain)
    cap = nothing
    if lesion.cap_mm:
        pole = np.abs(np.abs(cord.z) - half * 0.92)
        near_pole = np.clip((lesion.cap_mm / 2 - pole) + 0.5, 0, 1)[None, :, None]
        # The cap is as ragged as the border that it lines.
        cap = near_pole * np.clip((0.8 + 0.1 * spots - cord.radius) * 4 + 0.5, 0, 1)
    blood = np.clip((-texture - 0.7) * 3, 0, 1) * (distance < 0.85) * solid if lesion.haemorrhage else nothing
    return _Parts(
        solid=solid,
        oedema=_tube(cord, half - 2, lesion.oedema_mm, 0.8) if lesion.oedema_mm else nothing,
        syrinx=_tube(cord, half, lesion.syrinx_mm, 0.38) * (1 - solid) if lesion.syrinx_mm else nothing,
        cap=cap.astype(np.float32),
        blood=blood.astype(np.float32),
        cysts=tuple(_cyst(cord, centre, half_length) for centre, half_length in lesion.cysts),
        distance=distance,
        texture=texture,
        spots=spots,
    )


def _paint_t2(
    rng: np.random.Generator, background: Background, lesion: DrawnLesion, cord: _CordSpace, parts: _Parts, t2: Array
) -> None:
    """Paint one lesion into a view of the T2w image."""
    intensity = partial(background.intensity, rows=cord.rows)
    _blend(t2, parts.oedema * (1 - parts.solid), intensity(0.3 + 0.5 * (lesion.t2 - 0.3)))
    _blend(t2, parts.syrinx, intensity(0.9))
    level = np.clip(lesion.t2 * (1 + lesion.patchy * parts.texture), 0.2, 1.05)
    if lesion.bright_spots:
        spots = np.clip((parts.spots - 0.9) * 3, 0, 1) * (parts.distance < 0.8)
        level = level + spots * (0.92 - level)
    _blend(t2, parts.solid, intensity(level))
    _blend(t2, parts.blood, intensity(rng.uniform(0.05, 0.2)))
    for cyst in parts.cysts:
        _blend(t2, cyst, intensity(rng.uniform(0.9, 1.02)))
    _blend(t2, parts.cap, intensity(rng.uniform(0.05, 0.15)))


def _cyst(cord: _CordSpace, centre: float, half_length: float) -> Array:
    along = (cord.t - centre) / half_length
    width = np.sqrt(np.clip(1 - along**2, 1e-4, 1)) * 0.7
    inside = np.clip((1 - cord.radius / width[None, :, None]) * 5, 0, 1)
    cyst: Array = inside * (np.abs(along) < 1)[None, :, None]
    return cyst.astype(np.float32)


def _paint_t1c(lesion: DrawnLesion, parts: _Parts, t1c: Array) -> None:
    """Paint the same lesion into a view of the contrast-enhanced T1w image."""
    _blend(t1c, parts.oedema * (1 - parts.solid), 0.45)
    _blend(t1c, parts.syrinx, 0.2)
    level = 0.42 * (1 + 0.06 * parts.texture)
    if lesion.enhancement:
        where = np.clip(1.1 - np.abs(parts.distance - 0.4) + 0.5 * parts.spots, 0, 1)
        level = level + where * (lesion.enhancement - level)
    _blend(t1c, parts.solid, level)
    for dark, level_of_dark in [(parts.blood, 0.25), *((cyst, 0.2) for cyst in parts.cysts), (parts.cap, 0.15)]:
        _blend(t1c, dark, level_of_dark)


def _blend(image: Array, fraction: Array, level: Array | float) -> None:
    image += fraction * (level - image)
