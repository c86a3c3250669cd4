"""Lesions drawn in the cord's own coordinates, on any background whose cord is known.

A lesion's cross-section is an ellipse in the cord's normalised coordinates (u to the left, v to the back, 1 on the
cord's surface), its size a profile along the cord. Tumours displace cord, so the cord is widened first and everything
around it pressed together; demyelinating lesions replace it. The mask is the whole lesion: solid part, cysts, cap and
oedema, as the readers of Zhuo et al. 2022 outlined it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.fields import Array, smooth_noise
from spinal_tf.phantom.frame import Background, Frame
from spinal_tf.phantom.parameters import DISEASES, NORMAL_SECTION_MM2, Disease
from spinal_tf.taxonomy import Diagnosis

REACH_MM = 24.0
"""Half the width of the box around the cord in which anything changes."""

LONGEST_PLAQUE = 1.9
"""Vertebrae that a lesion of multiple sclerosis spans at most: published ones stay under two."""


@dataclass(frozen=True, kw_only=True)
class DrawnLesion:
    """The parameters of one lesion, as drawn; lengths in mm, sections in normal cord sections.

    Attributes:
        centre_row: row of the background.
        length_mm: along the cord, without oedema and syrinx.
        section: largest cross-section.
        offset_u, offset_v: centre to the left and to the back, 1 where the lesion touches the cord's surface.
        softness: width of the margin over the lesion's radius.
        roughness: SD of the radius, relative.
        t2: level, cord 0.3 and fluid 1.
        patchy: SD of that level within the lesion, relative.
        ends: exponent of the profile along the cord; high is blunt.
        remaining_cord: section of displaced cord; 0 where the lesion replaces cord.
        swelling: section of the cord over normal, at the middle of a lesion that replaces cord.
        cysts: centre and half-length of each, in half-lengths of the lesion.
        syrinx_mm, cap_mm, oedema_mm: how far syrinx and oedema reach beyond the lesion, and how thick the dark cap is;
            0 where there is none.
        bright_spots: whether it holds spots nearly as bright as fluid.
        enhancement: level on T1c, 0 where it does not enhance.
    """

    centre_row: int
    length_mm: float
    section: float
    offset_u: float
    offset_v: float
    softness: float
    roughness: float
    t2: float
    patchy: float
    ends: float
    remaining_cord: float
    swelling: float
    cysts: tuple[tuple[float, float], ...]
    syrinx_mm: float
    cap_mm: float
    oedema_mm: float
    bright_spots: bool
    enhancement: float


def draw_lesions(
    rng: np.random.Generator, diagnosis: Diagnosis, frame: Frame, rows: np.ndarray
) -> tuple[DrawnLesion, ...]:
    """Draw the lesions of one case.

    Args:
        rng: source of all randomness.
        diagnosis: the disease.
        frame: course of the cord.
        rows: rows on which a lesion's centre may lie.
    """
    disease = DISEASES[diagnosis]
    count = 1 + int(rng.choice(len(disease.count), p=disease.count))
    volume_ml = float(np.exp(np.clip(rng.normal(), -2, 2) * disease.log_volume_ml[1] + disease.log_volume_ml[0]))
    shares = rng.dirichlet(np.full(count, 3.0))
    low, median, high = disease.extent_vertebrae
    extent = float(
        np.interp(rng.uniform(0.03, 0.97), (0, 0.25, 0.5, 0.75, 1), (low / 2, low, median, high, 1.6 * high))
    )
    enhancing = rng.random() < disease.enhancing
    burdens = [_Burden(volume_ml=volume_ml * s, extent_vertebrae=extent * s, enhancing=enhancing) for s in shares]
    return tuple(_draw_lesion(rng, disease, frame, rows, burden) for burden in burdens)


@dataclass(frozen=True, kw_only=True)
class _Burden:
    """What one lesion has of its case's volume and extent."""

    volume_ml: float
    extent_vertebrae: float
    enhancing: bool


def _draw_lesion(
    rng: np.random.Generator, disease: Disease, frame: Frame, rows: np.ndarray, burden: _Burden
) -> DrawnLesion:
    row = int(rng.choice(rows))
    ends = rng.uniform(*disease.ends)
    vertebra_mm = float(frame.vertebra_mm[row])
    room_mm = LONGEST_PLAQUE * vertebra_mm if disease.dorsolateral else 0.9 * rows.size * frame.spacing_mm[1]
    length, section = _fit_size(disease, burden, vertebra_mm=vertebra_mm, room_mm=room_mm, ends=ends)
    offset_u, offset_v = _draw_offset(rng, disease)
    return DrawnLesion(
        centre_row=row,
        length_mm=length,
        section=section,
        offset_u=offset_u,
        offset_v=offset_v,
        softness=rng.uniform(*disease.softness),
        roughness=disease.roughness,
        t2=rng.uniform(*disease.t2),
        patchy=disease.patchy,
        ends=ends,
        remaining_cord=rng.uniform(*disease.remaining_cord),
        swelling=rng.uniform(1.05, 1.3) if disease.bright_spots and rng.random() < 0.6 else 1.0,
        cysts=_draw_cysts(rng, disease),
        syrinx_mm=rng.uniform(10, 40) if rng.random() < disease.syrinx else 0.0,
        cap_mm=rng.uniform(1.5, 4) if rng.random() < disease.cap else 0.0,
        oedema_mm=rng.uniform(4, 20) if rng.random() < disease.oedema else 0.0,
        bright_spots=rng.random() < disease.bright_spots,
        enhancement=rng.uniform(0.75, 1.1) if burden.enhancing else 0.0,
    )


def _fit_size(
    disease: Disease, burden: _Burden, *, vertebra_mm: float, room_mm: float, ends: float
) -> tuple[float, float]:
    """Length and section that give the drawn volume: the section follows from the extent, then the length from it."""
    fill = ends / (ends + 1)  # mean of 1 - |t| ** ends
    area_mm2 = burden.volume_ml * 1000 / (NORMAL_SECTION_MM2 * fill)
    wanted = burden.extent_vertebrae * vertebra_mm * 0.9
    if disease.dorsolateral:
        wanted = min(wanted, 1.8 * vertebra_mm)
    section = float(np.clip(area_mm2 / max(wanted, 5), 0.6 * disease.section[0], 1.25 * disease.section[1]))
    return float(np.clip(area_mm2 / section, 4, room_mm)), section


def _draw_offset(rng: np.random.Generator, disease: Disease) -> tuple[float, float]:
    """Place in the cord's section: to the left, to the back; half of the dorsolateral lesions lie at a side."""
    angle = rng.uniform(np.pi / 4, 3 * np.pi / 4) if disease.dorsolateral else rng.uniform(0, 2 * np.pi)
    if disease.dorsolateral and rng.random() < 0.5:
        angle = rng.choice([0.0, np.pi]) + rng.normal(0, 0.4)
    eccentric = rng.uniform(*disease.eccentric)
    return eccentric * float(np.cos(angle)), eccentric * float(np.sin(angle))


def _draw_cysts(rng: np.random.Generator, disease: Disease) -> tuple[tuple[float, float], ...]:
    """Centre and half-length of each cyst, in half-lengths of the lesion."""
    cysts = []
    if rng.random() < disease.cyst:
        cysts += [(rng.uniform(-0.6, 0.6), rng.uniform(0.12, 0.4)) for _ in range(rng.integers(1, 3))]
    if rng.random() < disease.polar_cyst:
        poles = [-1.0, 1.0] if rng.random() < 0.5 else [float(rng.choice([-1.0, 1.0]))]
        cysts += [(pole * rng.uniform(0.9, 1.1), rng.uniform(0.15, 0.35)) for pole in poles]
    return tuple(cysts)


def add_lesions(
    rng: np.random.Generator, background: Background, lesions: tuple[DrawnLesion, ...]
) -> tuple[Background, np.ndarray]:
    """Draw lesions into a background.

    Args:
        rng: source of all randomness.
        background: left as it is.
        lesions: drawn one after another, later ones over earlier ones.

    Returns:
        The background with lesions, and the mask as float32 fraction of lesion in each voxel.
    """
    t2 = background.t2.copy()
    t1c = None if background.t1c is None else background.t1c.copy()
    cord_mask = background.cord.copy()
    mask = np.zeros(t2.shape, np.float32)
    for lesion in lesions:
        box = _box(background, lesion)
        cord = _CordSpace(background.frame, lesion, box)
        t2[box] = cord.widen(t2[box])
        mask[box] = cord.widen(mask[box])
        cord_mask[box] = cord.widen(cord_mask[box])
        membership = _paint_t2(rng, background, lesion, cord, t2[box])
        if t1c is not None:
            t1c[box] = cord.widen(t1c[box])
            _paint_t1c(rng, lesion, cord, t1c[box])
        mask[box] = np.maximum(mask[box], membership)
    return replace(background, t2=t2, t1c=t1c, cord=np.maximum(cord_mask, mask)), mask


def _box(background: Background, lesion: DrawnLesion) -> tuple[slice, slice, slice]:
    frame, (slices, _, columns) = background.frame, background.t2.shape
    beyond = max(0.6 * lesion.length_mm, 0.5 * lesion.length_mm + max(lesion.oedema_mm, lesion.syrinx_mm)) + 5
    reach = int(np.ceil(beyond / frame.spacing_mm[1]))
    valid = np.flatnonzero(np.isfinite(frame.x_mm))
    first = max(lesion.centre_row - reach, int(valid[0]))
    last = min(lesion.centre_row + reach, int(valid[-1]))
    span = slice(first, last + 1)
    return (
        _reach(frame.x_mm[span], frame.spacing_mm[0], slices),
        span,
        _reach(frame.y_mm[span], frame.spacing_mm[2], columns),
    )


def _reach(centre_mm: np.ndarray, spacing_mm: float, length: int) -> slice:
    first = int(np.floor((centre_mm.min() - REACH_MM) / spacing_mm))
    last = int(np.ceil((centre_mm.max() + REACH_MM) / spacing_mm))
    return slice(max(first, 0), min(last + 1, length))


class _CordSpace:
    """Coordinates of a box relative to the cord, before and after the lesion widened it."""

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

    def widen(self, image: Array) -> Array:
        """The image after the cord has grown: displaced outwards, less with distance."""
        if self.growth.max() < 1.01:
            return image
        g = self.growth[None, :, None]
        rho = self.radius * g
        outer = np.maximum(1.35 * g, 3.4)
        pressed = 1 + (rho - g) * (outer - 1) / (outer - g)
        source = np.where(rho <= g, rho / g, np.where(rho < outer, pressed, rho))
        ratio = np.divide(source, rho, out=np.ones_like(rho), where=rho > 1e-3)
        slices, rows, columns = image.shape
        i, j, k = np.meshgrid(np.arange(slices), np.arange(rows), np.arange(columns), indexing="ij", sparse=True)
        centre_i = self._zero_index(self.u, 0)
        centre_k = self._zero_index(self.v, 2)
        at = (centre_i + (i - centre_i) * ratio, np.broadcast_to(j, rho.shape), centre_k + (k - centre_k) * ratio)
        widened: Array = ndimage.map_coordinates(image, at, order=1, mode="nearest")
        return widened

    @staticmethod
    def _zero_index(coordinate: Array, axis: int) -> Array:
        """Index, with fraction, at which a linear coordinate is zero; shape (1, rows, 1)."""
        first = np.take(coordinate, [0], axis=axis)
        step = np.take(coordinate, [1], axis=axis) - first
        index: Array = -first / step
        return index


def _membership(rng: np.random.Generator, lesion: DrawnLesion, cord: _CordSpace) -> tuple[Array, Array]:
    """Fraction of solid lesion, and distance from the lesion's axis in lesion radii."""
    share = np.maximum(cord.radius_share, 1e-3)[None, :, None]
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
    """A central tube from the lesion's poles outwards, as wide as ``radius`` of the cord."""
    z = np.abs(cord.z) - inner_mm
    taper = np.clip(1 - z / max(beyond_mm, 1e-3), 0, 1) ** 0.5 * (z > -4)
    width = np.maximum(radius * taper, 1e-3)[None, :, None]
    tube: Array = np.clip((1 - cord.radius / width) * 3, 0, 1) * (taper > 0.05)[None, :, None]
    return tube


def _paint_t2(
    rng: np.random.Generator, background: Background, lesion: DrawnLesion, cord: _CordSpace, t2: Array
) -> Array:
    """Paint one lesion into a view of the T2w image; returns the fraction of whole lesion in each voxel."""
    half = lesion.length_mm / 2
    intensity = partial(background.intensity, rows=cord.rows)
    solid, distance = _membership(rng, lesion, cord)
    whole = solid
    if lesion.oedema_mm:
        oedema = _tube(cord, half - 2, lesion.oedema_mm, 0.8) * (1 - solid)
        _blend(t2, oedema, intensity(0.3 + 0.5 * (lesion.t2 - 0.3)))
        whole = np.maximum(whole, oedema)
    if lesion.syrinx_mm:
        _blend(t2, _tube(cord, half, lesion.syrinx_mm, 0.38) * (1 - solid), intensity(0.9))
    grain = tuple(max(g / s, 1.0) for g, s in zip((5, 8, 4), cord.spacing_mm, strict=True))
    texture = 1 + lesion.patchy * smooth_noise(rng, solid.shape, grain)
    level = np.clip(lesion.t2 * texture, 0.2, 1.05)
    if lesion.bright_spots:
        spots = np.clip((smooth_noise(rng, solid.shape, grain) - 0.9) * 3, 0, 1) * (distance < 0.8)
        level = level + spots * (0.92 - level)
    _blend(t2, solid, intensity(level))
    for centre, half_length in lesion.cysts:
        cyst = _cyst(cord, lesion, centre, half_length)
        _blend(t2, cyst, intensity(rng.uniform(0.9, 1.02)))
        whole = np.maximum(whole, cyst)
    if lesion.cap_mm:
        pole = np.abs(np.abs(cord.z) - half * 0.92)
        cap = np.clip((lesion.cap_mm / 2 - pole) + 0.5, 0, 1)[None, :, None] * (cord.radius < 0.75)
        _blend(t2, cap.astype(np.float32), intensity(rng.uniform(0.05, 0.15)))
        whole = np.maximum(whole, cap)
    return whole.astype(np.float32)


def _cyst(cord: _CordSpace, lesion: DrawnLesion, centre: float, half_length: float) -> Array:
    along = (cord.t - centre) / half_length
    width = np.sqrt(np.clip(1 - along**2, 1e-4, 1)) * 0.7
    inside = np.clip((1 - cord.radius / width[None, :, None]) * 5, 0, 1)
    cyst: Array = inside * (np.abs(along) < 1)[None, :, None]
    return cyst.astype(np.float32)


def _paint_t1c(rng: np.random.Generator, lesion: DrawnLesion, cord: _CordSpace, t1c: Array) -> None:
    """Paint the lesion into a view of the contrast-enhanced T1w image; its ragged border is drawn anew."""
    solid, distance = _membership(rng, lesion, cord)
    grain = tuple(max(g / s, 1.0) for g, s in zip((5, 8, 4), cord.spacing_mm, strict=True))
    level = 0.42 * (1 + 0.06 * smooth_noise(rng, solid.shape, grain))
    if lesion.enhancement:
        where = np.clip(1.1 - np.abs(distance - 0.4) + 0.5 * smooth_noise(rng, solid.shape, grain), 0, 1)
        level = level + where * (lesion.enhancement - level)
    _blend(t1c, solid, level)
    for centre, half_length in lesion.cysts:
        _blend(t1c, _cyst(cord, lesion, centre, half_length), 0.2)


def _blend(image: Array, fraction: Array, level: Array | float) -> None:
    image += fraction * (level - image)
