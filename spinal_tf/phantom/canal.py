"""Spinal canal: fluid and its flow, cord with gray matter, roots, cauda equina."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spinal_tf.phantom.fields import Array, inside, smooth_curve
from spinal_tf.phantom.painting import Band, Paint, Tissue
from spinal_tf.phantom.skeleton import S1_MM, place_in_tables

CANAL_WIDENS = (
    *((-60, 2.2), (-20, 1.45), (0, 1.25), (20, 1.1), (60, 1.0), (150, 0.95), (380, 1.05)),
    *((450, 1.15), (570, 1.1), (600, 0.8), (625, 0.5), (650, 0.2), (680, 0.15)),
)
CANAL_AP_MM, CANAL_RL_MM = 6.6, 10.0
CORD_AP_MM, CORD_RL_MM = 3.2, 4.6
CORD_AP_GROWS = ((-75, 4.0), (-45, 3.4), (-25, 1.6), (0, 1.05))
CORD_RL_GROWS = ((-75, 3.2), (-45, 2.7), (-25, 1.5), (0, 1.0))
CORD_SHIFT_MM = ((0, 0), (60, -0.3), (250, -1.2), (400, 0.8))
"""Distance of the cord behind the middle of the canal along the spine: anterior in the thoracic kyphosis."""

CENTRAL_CANAL_SHARE = 0.2
"""Share of spines with a visible central canal."""

THINNEST = 0.02
"""Cross-section of the cord below its tip, relative to the full one."""


@dataclass(frozen=True, kw_only=True)
class CanalSizes:
    """Half-widths in mm on a grid along the spine, from top to bottom.

    Attributes:
        s_mm: position along the spine.
        canal_ap, canal_rl: half-widths of the canal.
        cord_ap, cord_rl: half-widths of the cord, as if it had no end.
        shift: distance of the cord behind the middle of the canal.
        tip_mm: position of the end of the cord.
    """

    s_mm: Array
    canal_ap: Array
    canal_rl: Array
    cord_ap: Array
    cord_rl: Array
    shift: Array
    tip_mm: float

    def at(self, values: Array, s_mm: Array) -> Array:
        """Interpolate one of the arrays at positions along the spine, float32."""
        found: Array = np.interp(s_mm, self.s_mm, values).astype(np.float32)
        return found

    def taper(self, s_mm: Array) -> Array:
        """Return the relative width of the cord: 1 above the conus, the square root of `THINNEST` below the tip."""
        taper: Array = np.clip((self.tip_mm - s_mm) / 25, THINNEST, 1) ** 0.5
        return taper


def draw_canal(rng: np.random.Generator, s_mm: Array, tip_mm: float, s1_mm: float = S1_MM) -> CanalSizes:
    """Draw the sizes of canal and cord, which vary a little along their course; S1 begins at ``s1_mm``."""
    canal, cord = rng.normal(1, 0.07), rng.normal(1, 0.05)
    widen = _table(CANAL_WIDENS, place_in_tables(s_mm, s1_mm))
    arm, leg = np.exp(-(((s_mm - 75) / 35) ** 2)), np.exp(-(((s_mm - 400) / 30) ** 2))
    enlargement = arm + 0.8 * leg
    wobble = [1 + smooth_curve(rng, s_mm.size, max(4, s_mm.size // 24), 0.022) for _ in range(4)]
    long_wave = smooth_curve(rng, s_mm.size, max(4, s_mm.size // 90), 0.7)
    fine_wave = smooth_curve(rng, s_mm.size, max(4, s_mm.size // 24), 0.18)
    return CanalSizes(
        s_mm=s_mm,
        canal_ap=CANAL_AP_MM * canal * widen * wobble[0],
        canal_rl=CANAL_RL_MM * canal * widen * wobble[1],
        cord_ap=cord * (CORD_AP_MM + 0.45 * enlargement) * _table(CORD_AP_GROWS, s_mm) * wobble[2],
        cord_rl=cord * (CORD_RL_MM + 1.9 * enlargement) * _table(CORD_RL_GROWS, s_mm) * wobble[3],
        shift=_table(CORD_SHIFT_MM, s_mm) * rng.uniform(0.6, 1.5) + long_wave + fine_wave,
        tip_mm=tip_mm,
    )


def _table(pairs: tuple[tuple[float, float], ...], s_mm: Array) -> Array:
    places, values = np.asarray(pairs, float).T
    found: Array = np.interp(s_mm, places, values)
    return found


class Canal:
    """Paints the canal and what it holds."""

    def __init__(self, rng: np.random.Generator, band: Band, sizes: CanalSizes, bulge: Array, fine_mm: float) -> None:
        """Measure the band.

        Args:
            rng: source of all randomness.
            band: band around the canal.
            sizes: sizes of canal and cord.
            bulge: float32 (n,), protrusion of discs into the canal in mm.
            fine_mm: thickness of the slices; it blurs borders that a slice cuts obliquely.
        """
        self.band = band
        canal_ap, self.canal_rl = sizes.at(sizes.canal_ap, band.s), sizes.at(sizes.canal_rl, band.s)
        self.middle = bulge / 2
        self.canal_ap = canal_ap - bulge / 2
        taper = sizes.taper(band.s).astype(np.float32)
        self.cord_ap = sizes.at(sizes.cord_ap, band.s) * taper
        self.cord_rl = sizes.at(sizes.cord_rl, band.s) * taper
        self.shift = np.clip(sizes.at(sizes.shift, band.s), self.cord_ap - canal_ap + 1, canal_ap - self.cord_ap - 1)
        self.has_cord = inside(taper - 0.2, 0.1)
        self.edge_mm = max(0.8, 0.35 * fine_mm)
        below = inside(band.s - sizes.tip_mm + 30, 20)
        self.cauda = below * inside(0.75 * canal_ap - np.abs(band.n - 1.5), 2)
        self.flow = band.grain(rng, rng.uniform(12, 40), rng.uniform(2.5, 5), 6)
        self.strands = band.grain(rng, rng.uniform(35, 70), rng.uniform(1.0, 1.5), 2.5)
        self.tissue_grain = band.grain(rng, 10, 2, 3)
        behind = inside(band.n - self.shift, 4)
        dorsal = rng.uniform(0, 1)
        self.flow_share = (rng.uniform(0, 0.65) * rng.choice([0.25, 1.0]) * (dorsal * behind + (1 - dorsal))).astype(
            np.float32
        )
        self.root_share = float(rng.uniform(0.05, 0.45))
        self.grey_share = float(rng.uniform(0.2, 1))
        self.has_central_canal = rng.random() < CENTRAL_CANAL_SHARE

    def paint(self, paint: Paint, tissues: Mapping[str, Tissue], x_mm: float) -> tuple[Array, Array]:
        """Paint one slice; return the fractions of cord and of canal, cord included, in each pixel of the band."""
        aside = x_mm - self.band.x
        if np.abs(aside).min() > self.canal_rl.max() + 3:
            return np.zeros(self.band.s.size, np.float32), np.zeros(self.band.s.size, np.float32)
        behind = self.band.n
        radius = np.hypot(aside / self.canal_rl, (behind - self.middle) / self.canal_ap)
        canal = (1 - radius) * self.canal_ap
        paint.paint(inside(canal + 1.0), tissues["ligament"])
        flow = np.clip(self.flow.at(x_mm) - 0.4, 0, 1) * self.flow_share
        fluid = inside(canal, self.edge_mm)
        paint.paint(fluid, tissues["fluid"], 1 - flow)
        self._paint_roots(paint, x_mm, aside, fluid)
        u, v = aside / self.cord_rl, (behind - self.shift) / self.cord_ap
        cord: Array = inside((1 - np.hypot(u, v)) * self.cord_ap, self.edge_mm) * self.has_cord
        paint.paint(cord, tissues["cord"], 1 + np.float32(0.05) * self.tissue_grain.at(x_mm))
        paint.paint(grey_matter(u, v) * cord * np.float32(self.grey_share), tissues["grey matter"])
        if self.has_central_canal:
            paint.paint(inside(0.7 - np.hypot(u * self.cord_rl, v * self.cord_ap)) * cord, Tissue(0.8, 0.3))
        return cord, fluid

    def _paint_roots(self, paint: Paint, x_mm: float, aside: Array, fluid: Array) -> None:
        """Paint roots beside the cord, and the cauda equina below it."""
        strands = self.strands.at(x_mm)
        beside = np.clip(np.abs(aside) / self.canal_rl - 0.35, 0, 0.6)
        roots = beside * np.clip(strands - 0.2, 0, 1) * np.float32(2 * self.root_share)
        cauda = self.cauda * np.clip(0.9 * strands + 0.25, 0, 0.85)
        paint.paint(np.maximum(roots, cauda) * fluid, Tissue(0.35, 0.45))


def grey_matter(u: Array, v: Array) -> Array:
    """Return the fraction of gray matter: the butterfly in the cord's cross-section, stripes on sagittal slices.

    Args:
        u: right-left position, 1 on the cord's surface.
        v: anteroposterior position, likewise.
    """
    horns = inside(0.16 - np.abs(np.abs(u) - 0.36), 0.15) * inside(0.62 - np.abs(v), 0.15)
    bridge = inside(0.4 - np.abs(u), 0.15) * inside(0.18 - np.abs(v), 0.15)
    butterfly: Array = np.maximum(horns, bridge)
    return butterfly
