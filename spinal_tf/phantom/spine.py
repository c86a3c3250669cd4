"""A procedural spine: vertebrae, discs, canal, cord, cauda equina and what surrounds them, on T2w and T1c.

Sizes follow published anatomy (docs/simulation.md): cord 7 x 12 mm, canal 13 x 20 mm, body plus disc
18 mm (cervical), 22-25 mm (thoracic), 33-36 mm (lumbar), conus at L1-L2. Tissue levels are on the scale where T2 of
cord is 0.3 and of cerebrospinal fluid 1. Lengths are in mm; arrays are (slice, row, column).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spinal_tf.phantom.fields import Array, inside, smooth_curve, smooth_noise
from spinal_tf.phantom.frame import Background, Frame

HEIGHTS_MM = (14.0, 22.0, *[17.5] * 5, *[20.0] * 2, *[23.0] * 6, *[25.0] * 4, *[34.0] * 5, 30.0, *[24.0] * 4)
"""Body plus disc of C1 to C7, T1 to T12, L1 to L5 and S1 to S5, from the top."""

CONUS_MM = 440.0
"""Tip of the cord below the top of C1, at L1-L2."""

CENTRAL_CANAL_SHARE = 0.2
"""Share of spines whose central canal is wide enough to be seen."""

REGION_STARTS_MM = (-200.0, 0.0, 123.5, 401.5)
"""Top of the oblongata, cervical, thoracic and lumbar regions."""

FIELD_TOPS_MM = {
    "oblongata": (-80, -50),
    "cervical": (-60, -10),
    "cervicothoracic": (-30, 30),
    "thoracic": (110, 200),
    "thoracolumbar": (270, 320),
    "lumbar": (330, 370),
}
"""Where the upper border of the field of view may lie for a lesion at that level, below the top of C1."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The drawn geometry of one spine, on its voxel grid."""

    rng: np.random.Generator
    spacing_mm: tuple[float, float, float]
    z: Array  # (rows,) below the top of C1
    dx: Array  # (slices, rows, 1) from the canal centre
    dy: Array  # (1, rows, columns) from the canal centre, posterior positive
    canal_ap: Array  # (1, rows, 1)
    canal_rl: Array

    @property
    def size(self) -> tuple[int, int, int]:
        """Voxels along slice, row, column."""
        return self.dx.shape[0], self.z.size, self.dy.shape[2]

    def noise(self, x_mm: float, z_mm: float, y_mm: float) -> Array:
        """Smooth noise whose grain is given in mm."""
        grain = (x_mm, z_mm, y_mm)
        return smooth_noise(self.rng, self.size, tuple(g / s for g, s in zip(grain, self.spacing_mm, strict=True)))


class Canvas:
    """T2w and T1c painted together, tissue by tissue, later ones over earlier ones."""

    def __init__(self, size: tuple[int, int, int], rng: np.random.Generator) -> None:
        """Start with air everywhere."""
        self.t2 = np.full(size, 0.02, np.float32)
        self.t1 = np.full(size, 0.02, np.float32)
        self.rng = rng

    def paint(self, fraction: Array, t2: float, t1: float, texture: Array | float = 0.0) -> None:
        """Blend a tissue in; its two levels vary by 8 % between cases and by ``texture`` within one."""
        vary = self.rng.normal(1, 0.08, 2)
        self.t2 += fraction * (np.maximum(t2 * vary[0] * (1 + texture), 0) - self.t2)
        self.t1 += fraction * (np.maximum(t1 * vary[1] * (1 + texture), 0) - self.t1)


def procedural_background(
    rng: np.random.Generator, *, level: str, spacing_mm: tuple[float, float, float], size: tuple[int, int, int]
) -> Background:
    """Draw a spine.

    Args:
        rng: source of all randomness.
        level: key of ``FIELD_TOPS_MM``, the part of the spine to be seen.
        spacing_mm: of slice, row, column.
        size: voxels along slice, row, column.
    """
    shape, curve = _draw_shape(rng, level, spacing_mm, size)
    canvas = Canvas(size, rng)
    _soft_tissue(canvas, shape)
    _posterior_elements(canvas, shape)
    _vertebrae(canvas, shape)
    _head(canvas, shape)
    frame = _cord_frame(shape, curve)
    cord = _canal_and_cord(canvas, shape, frame, curve)
    return Background(
        t2=canvas.t2,
        t1c=canvas.t1,
        cord=cord,
        frame=frame,
        cord_level=0.3,
        csf_level=1.0,
        gain=np.ones(shape.z.size),
    )


def _draw_shape(
    rng: np.random.Generator, level: str, spacing_mm: tuple[float, float, float], size: tuple[int, int, int]
) -> tuple[Shape, tuple[Array, Array]]:
    slices, rows, columns = size
    z = rng.uniform(*FIELD_TOPS_MM[level]) + np.arange(rows) * spacing_mm[1]
    sway = 9 * np.sin((z - 60) / 95 + rng.uniform(-0.4, 0.4)) * rng.uniform(0.3, 1.3)
    width = columns * spacing_mm[2]
    tilt = rng.normal(0, 0.06) * (z - z.mean())
    yc = width * rng.uniform(0.45, 0.58) + sway + tilt + smooth_curve(rng, rows, 6, 2.0)
    xc = (slices - 1) / 2 * spacing_mm[0] + rng.normal(0, 1.5) + smooth_curve(rng, rows, 4, rng.uniform(0.5, 2.5))
    x = np.arange(slices) * spacing_mm[0]
    y = np.arange(columns) * spacing_mm[2]
    scale = rng.normal(1, 0.07)
    widen = np.interp(z, (-40, 0, 20, 60, 150, 380, 450), (1.7, 1.3, 1.1, 1.0, 0.95, 1.05, 1.15))
    shape = Shape(
        rng=rng,
        spacing_mm=spacing_mm,
        z=z,
        dx=(x[:, None, None] - xc[None, :, None]).astype(np.float32),
        dy=(y[None, None, :] - yc[None, :, None]).astype(np.float32),
        canal_ap=(6.6 * scale * widen)[None, :, None].astype(np.float32),
        canal_rl=(10.0 * scale * widen)[None, :, None].astype(np.float32),
    )
    return shape, (xc, yc)


def _soft_tissue(canvas: Canvas, s: Shape) -> None:
    rng = s.rng
    streaks = 0.25 * s.noise(12, 25, 4) + 0.12 * s.noise(4, 4, 4)
    back = rng.uniform(48, 75) + 6 * np.sin(s.z / 70 + rng.uniform(0, 6))[None, :, None]
    front = np.interp(s.z, (-60, 0, 90, 140, 200), (95, 75, 62, 90, 400))[None, :, None]
    body = inside(back - s.dy) * inside(s.dy + front)
    canvas.paint(body, 0.16, 0.4, streaks)
    fat = rng.uniform(6, 22)
    canvas.paint(inside(back - 2 - s.dy) * inside(s.dy - back + 2 + fat), rng.uniform(0.6, 1.0), 0.95, 0.1 * streaks)
    marbling = np.clip(s.noise(10, 30, 5) - 1.2, 0, 1) * inside(s.dy - 15) * body
    canvas.paint(marbling, 0.7, 0.9)
    neck = inside(120 - s.z, 20)[None, :, None]
    airway = inside(rng.uniform(5, 9) - np.hypot(s.dx, s.dy + rng.uniform(30, 38)))
    canvas.paint(airway * neck, 0.02, 0.02)
    chest = inside(s.z - 140, 30)[None, :, None] * inside(-s.dy - rng.uniform(38, 46), 4)
    canvas.paint(chest, rng.uniform(0.05, 0.25), rng.uniform(0.1, 0.5), 0.7 * s.noise(15, 18, 15))
    vessel = inside(9 - np.hypot(s.dx - rng.uniform(-12, 12), s.dy + 48))
    canvas.paint(vessel * inside(s.z - 150, 20)[None, :, None], 0.04, 0.5)


def _phase(s: Shape, slope: float) -> tuple[Array, Array]:
    """Position within the vertebral level, 0 at its top to 1, and the level's height in mm."""
    edges = np.concatenate([[0.0], np.cumsum(HEIGHTS_MM)])
    z = s.z[None, :, None] + slope * s.dy
    index = np.clip(np.searchsorted(edges, z, side="right") - 1, 0, len(HEIGHTS_MM) - 1)
    heights = np.asarray(HEIGHTS_MM)[index]
    return ((z - edges[index]) / heights).astype(np.float32), heights.astype(np.float32)


def _vertebrae(canvas: Canvas, s: Shape) -> None:
    rng = s.rng
    u, height = _phase(s, rng.normal(0, 0.06))
    depth = np.interp(s.z, (0, 60, 130, 400, 560), (13, 15, 18, 27, 34))[None, :, None]
    half_width = np.interp(s.z, (0, 130, 400), (9, 14, 24))[None, :, None]
    waist = 1.2 * (1 - (2 * u - 1) ** 2)
    front = s.dy + s.canal_ap + 1 + depth - waist
    rear = -s.dy - s.canal_ap - 1 - 0.5 * waist
    column = np.minimum(np.minimum(front, rear), half_width - np.abs(s.dx))
    below_skull = inside(s.z)[None, :, None]
    canvas.paint(inside(column + 1.2) * below_skull, 0.05, 0.1)
    disc_share = rng.uniform(0.2, 0.28)
    disc = (u - (1 - disc_share)) * height
    disc = np.minimum(disc, (1 - u) * height)
    body = np.minimum((1 - disc_share - u) * height, u * height) - 0.6
    grain = 0.08 * s.noise(5, 5, 5) + 0.15 * s.noise(60, 25, 60)
    canvas.paint(inside(np.minimum(body, column)) * below_skull, rng.uniform(0.25, 0.6), rng.uniform(0.4, 0.7), grain)
    age = rng.uniform(0.08, 0.75)
    nucleus = np.minimum(disc - 0.4, column - 1)
    centre = np.clip(column / 5, 0.3, 1)
    canvas.paint(inside(nucleus) * below_skull, age, 0.35, 0.4 * (centre - 0.7) + 0.1 * s.noise(20, 20, 20))


def _posterior_elements(canvas: Canvas, s: Shape) -> None:
    rng = s.rng
    u, height = _phase(s, rng.uniform(-0.35, -0.15))
    behind = s.dy - s.canal_ap
    canvas.paint(inside(6 - np.abs(s.dx)) * inside(behind) * inside(6 - behind), 0.1, 0.2)
    length = np.interp(s.z, (0, 60, 130, 400), (14, 20, 32, 30))[None, :, None] * rng.uniform(0.85, 1.15)
    gap = (np.abs(u - 0.5) - 0.28) * height
    fat = np.minimum(np.minimum(gap, 5.0 - behind), np.minimum(behind, 7 - np.abs(s.dx)))
    canvas.paint(inside(fat), rng.uniform(0.6, 1.0), 0.95)
    process = np.minimum((0.30 - np.abs(u - 0.5)) * height, np.minimum(behind - 4, length - behind))
    process = np.minimum(process, 4.5 - np.abs(s.dx))
    canvas.paint(inside(process + 1), 0.05, 0.1)
    canvas.paint(inside(process), rng.uniform(0.3, 0.6), rng.uniform(0.4, 0.7), 0.1 * s.noise(5, 5, 5))


def _head(canvas: Canvas, s: Shape) -> None:
    if s.z[0] > -5:
        return
    z = s.z[None, :, None]
    rng = s.rng
    skull = inside(-6 - z - 0.25 * s.dy, 6) * inside(75 - np.abs(s.dy + 5), 12)
    canvas.paint(skull, 0.06, 0.15)
    base = inside(-14 - z, 6) * inside(66 - np.abs(s.dy + 5), 12) * skull
    folds = np.sin((s.dy * 0.5 + z) / rng.uniform(1.2, 2.2) + 2 * s.noise(20, 12, 12))
    canvas.paint(base, rng.uniform(0.15, 0.4), 0.4, 0.3 * s.noise(12, 14, 14))
    cistern = inside(10 + 0.25 * np.minimum(-z, 60) - np.abs(s.dy - 4), 2)
    canvas.paint(base * cistern, 0.95, 0.15)
    cerebellum = 26 - np.hypot(0.7 * s.dx, np.hypot(s.dy - 30, z + 44))
    canvas.paint(inside(cerebellum + 3) * base, 0.9, 0.15)
    canvas.paint(inside(cerebellum) * base, 0.42, 0.5, 0.18 * folds)
    clivus = np.minimum(7 - np.abs(s.dy + 24 + 0.6 * (z + 20)), -z)
    canvas.paint(inside(clivus), 0.4, 0.7)


def _cord_frame(s: Shape, curve: tuple[Array, Array]) -> Frame:
    rng, z = s.rng, s.z
    enlargement = np.exp(-(((z - 75) / 35) ** 2)) + 0.8 * np.exp(-(((z - 400) / 30) ** 2))
    scale = rng.normal(1, 0.05)
    ap = scale * (3.2 + 0.45 * enlargement) * np.interp(z, (-45, -25, 0), (3.2, 1.6, 1.05))
    rl = scale * (4.6 + 1.9 * enlargement) * np.interp(z, (-45, -25, 0), (2.6, 1.5, 1.0))
    shift = smooth_curve(rng, z.size, 5, 0.8) + np.interp(z, (0, 60, 250, 400), (0, -0.3, -1.0, 0.8))
    edges = np.concatenate([[0.0], np.cumsum(HEIGHTS_MM)])
    index = np.clip(np.searchsorted(edges, z, side="right") - 1, 0, len(HEIGHTS_MM) - 1)
    return Frame(
        spacing_mm=s.spacing_mm,
        x_mm=curve[0],
        y_mm=curve[1] + shift,
        rl_mm=rl,
        ap_mm=ap,
        vertebra_mm=np.asarray(HEIGHTS_MM)[index],
        region=np.searchsorted(REGION_STARTS_MM, z, side="right") - 1,
        level=np.where((z >= 0) & (z < edges[-1]), index + 1, 0),
    )


def _canal_and_cord(canvas: Canvas, s: Shape, frame: Frame, curve: tuple[Array, Array]) -> Array:
    """Paint them; returns the fraction of cord in each voxel."""
    rng = s.rng
    radius = np.hypot(s.dx / s.canal_rl, s.dy / s.canal_ap)
    canal = (1 - radius) * s.canal_ap
    canvas.paint(inside(canal + 1.2), 0.08, 0.15)
    flow = np.clip(s.noise(8, 25, 4) - 1.0, 0, 1) * rng.uniform(0, 0.6)
    canvas.paint(inside(canal), 1.0, 0.15, -flow)
    dx = s.dx
    dy = s.dy - (frame.y_mm - curve[1])[None, :, None].astype(np.float32)
    taper = np.clip((CONUS_MM + rng.normal(0, 8) - s.z) / 25, 0.02, 1)[None, :, None] ** 0.5
    ap = frame.ap_mm[None, :, None] * taper
    cord_radius = np.hypot(dx / (frame.rl_mm[None, :, None] * taper), dy / ap)
    has_cord = inside(taper - 0.2, 0.1)
    strands = np.sin(dy * rng.uniform(2.0, 2.8) + 2 * s.noise(4, 60, 3)) > 0.2
    cauda = inside(s.canal_ap * 0.6 - np.hypot(0.6 * s.dx, s.dy - 2)) * inside(s.z - CONUS_MM + 35, 20)[None, :, None]
    canvas.paint(cauda * strands, 0.35, 0.4)
    canvas.paint(_roots(s, frame) * inside(canal) * rng.uniform(0, 0.7), 0.5, 0.35)
    cord: Array = inside((1 - cord_radius) * ap) * has_cord
    canvas.paint(cord, 0.3, 0.5, 0.04 * s.noise(3, 12, 2))
    grey = _grey_matter(dx / frame.rl_mm[None, :, None], dy / ap) * has_cord
    canvas.paint(grey * rng.uniform(0.2, 1), rng.uniform(0.33, 0.5), 0.47)
    if rng.random() < CENTRAL_CANAL_SHARE:
        canvas.paint(inside(0.7 - np.hypot(dx, dy)) * has_cord, 0.8, 0.3)
    return cord


def _roots(s: Shape, frame: Frame) -> Array:
    """Nerve roots on their way from the cord's sides down to the foramina, as streaks in the fluid beside it."""
    beside = inside(np.abs(s.dx) - 0.7 * frame.rl_mm[None, :, None].astype(np.float32), 2)
    slant = (s.z[None, :, None] - s.rng.uniform(1, 2.5) * s.dy) * s.rng.uniform(0.3, 0.8)
    streak = np.sin(slant + 2.5 * s.noise(6, 12, 6)) + 0.7 * s.noise(4, 8, 4)
    roots: Array = beside * inside(streak - 0.4, 1)
    return roots


def _grey_matter(u: Array, v: Array) -> Array:
    """The butterfly in the cord's cross-section: two horns and the bridge between them, as stripes on sagittal slices.

    Args:
        u: right-left position, 1 on the cord's surface.
        v: antero-posterior position, likewise.
    """
    horns = inside(0.16 - np.abs(np.abs(u) - 0.36), 0.15) * inside(0.62 - np.abs(v), 0.15)
    bridge = inside(0.4 - np.abs(u), 0.15) * inside(0.18 - np.abs(v), 0.15)
    butterfly: Array = np.maximum(horns, bridge)
    return butterfly
