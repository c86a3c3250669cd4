"""Vertebrae, discs, ligaments and the tissues between the bones, painted slice by slice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spinal_tf.phantom.fields import Array, inside, rounded
from spinal_tf.phantom.painting import Band, Paint, Tissue
from spinal_tf.phantom.skeleton import Skeleton, smooth_along

GAP_MM = 1.2
"""Distance from the canal to the vertebral bodies: dura, veins and posterior longitudinal ligament."""

CORTEX_MM = 0.9
SPINE_MM = (-58.0, 80.0)
"""Range of the band of a spine: distance behind the middle of the canal, negative in front."""


class Column:
    """Vertebral bodies and discs."""

    def __init__(self, rng: np.random.Generator, band: Band, bones: Skeleton, canal_ap: Array) -> None:
        """Measure the band.

        Args:
            rng: source of all randomness.
            band: band around the spine.
            bones: skeleton of the person.
            canal_ap: float32 (n,), half the canal's depth at the band's pixels in mm.
        """
        self.band = band
        front = -(band.n + canal_ap)  # distance in front of the canal
        depth_here = smooth_along(bones.edges, bones.depth, band.s, 4)
        tilted = band.s + smooth_along(bones.edges, bones.wedge, band.s, 3) * (front - depth_here / 2)
        v, u, height = bones.vertebra(tilted)
        share, depth = 1 - bones.disc[v], bones.depth[v]
        hump = 1 - (2 * np.clip(front / depth, 0, 1) - 1) ** 2
        top, bottom = u * height, (share - u) * height
        # C1 has no body: the dens of C2 takes its place, and both are drawn as one bone.
        axial = np.where(v == 0, top - 2, np.where(v == 1, bottom, np.minimum(top, bottom)))
        axial = axial - 0.5 - bones.cave[v] * hump
        to_edge = np.minimum(top, bottom)
        within = np.clip(u / share, 0, 1)
        spur = np.where(v > 1, bones.lip[v] * np.exp(-np.maximum(to_edge, 0) / 1.8), 0)
        self.front, self.depth, self.axial = front, depth, axial.astype(np.float32)
        self.reach = (depth - 4 * bones.waist[v] * within * (1 - within) + spur).astype(np.float32)
        self.half_width = bones.half_width[v]
        self.shade = bones.marrow[v]
        self.bulge = bones.bulge[v] * np.exp(-(((1 - u - (1 - share) / 2) * height / 2.5) ** 2))
        self.wetness, self.has_disc = bones.wetness[v], (v > 0) & (share < 1)
        self.extent = inside(np.minimum(band.s - 1, bones.edges[-1] - band.s))
        self.vein = np.maximum(1.0 - 0.12 * front, 0.1) - np.abs((u - share / 2) * height)
        self.bone_grain = band.grain(rng, 3, 3, 4)
        self.patches = band.grain(rng, 14, 14, 14)
        self.vein_level = float(rng.uniform(0, 0.6))
        self.arch = _arch_of_c1(band, front, depth)
        # The dens belongs to C2; what C1 has is the arch.
        number = np.where(self.arch > -CORTEX_MM, 1, np.maximum(v, 1) + 1)
        self.level = np.where(self.extent > 0, number, 0).astype(np.uint8)

    def paint(self, paint: Paint, tissues: Mapping[str, Tissue], x_mm: float) -> tuple[Array, Array]:
        """Paint one slice; return the fractions of bone and of disc in each pixel of the band."""
        aside = np.abs(x_mm - self.band.x)
        round_off = 1 - np.sqrt(np.clip(1 - (aside / self.half_width) ** 2, 0, 1))
        front = self.reach - 0.55 * self.depth * round_off - self.front
        rear = self.front - GAP_MM - 0.2 * self.depth * round_off
        across = np.minimum(np.minimum(front, rear), 2.5 * (self.half_width - aside))
        shell = inside(across + CORTEX_MM + 0.8) * self.extent
        paint.paint(shell, tissues["ligament"])
        disc = self._paint_disc(paint, tissues, np.minimum(across + self.bulge, across + 1.5 * (front < rear)))
        body = inside(rounded(self.axial, across, 2.2)) * self.extent
        texture = self.shade * (1 + 0.08 * self.bone_grain.at(x_mm) + 0.12 * self.patches.at(x_mm))
        paint.paint(body, tissues["marrow"], texture)
        if self.vein_level > 0.15:
            veins = inside(np.minimum(self.vein, 9 - self.front), 1.0) * body * inside(4 - aside, 2)
            paint.paint(veins * np.float32(self.vein_level), Tissue(0.75, 0.8))
        distance = self.arch + np.minimum(0, 11 - aside)
        arch = inside(distance)
        paint.paint(inside(distance + CORTEX_MM), tissues["cortex"])
        paint.paint(arch, tissues["marrow"])
        return np.maximum(body, arch), disc

    def _paint_disc(self, paint: Paint, tissues: Mapping[str, Tissue], across: Array) -> Array:
        between = -self.axial - 0.8
        disc: Array = inside(np.minimum(between, across)) * self.extent * self.has_disc
        paint.paint(disc, tissues["dry disc"])
        core = rounded(between - 0.3, across - 0.16 * self.depth, 1.6)
        paint.paint(inside(core, 2.0) * disc * self.wetness, tissues["wet disc"])
        return disc


def _arch_of_c1(band: Band, front: Array, depth: Array) -> Array:
    """Return the signed distance inside the anterior arch of C1, in front of the dens."""
    arch: Array = (1 - np.hypot((band.s - 8) / 5.5, (front - depth - 4.2) / 3.2)) * 3.2
    return arch


class Processes:
    """Structures behind and beside the canal: spinous processes, laminae, joints, pedicles, and roots between them."""

    def __init__(
        self, rng: np.random.Generator, band: Band, bones: Skeleton, canal: tuple[Array, Array], deep: Array
    ) -> None:
        """Measure the band.

        Args:
            rng: source of all randomness.
            band: band around the spine.
            bones: skeleton of the person.
            canal: half the canal's depth and width at the band's pixels in mm, float32 (n,).
            deep: depth below the fat under the skin in mm, float32 (n,).
        """
        canal_ap, canal_rl = canal
        self.band, self.canal_rl = band, canal_rl
        behind = self.behind = band.n - canal_ap
        slope = smooth_along(bones.edges, bones.spinous_slope, band.s, 6)
        v, u, height = bones.vertebra(band.s - slope * np.maximum(behind - 1, 0))
        length = self.length = bones.spinous[v]
        along = np.clip(behind / length, 0, 1)
        half = bones.spinous_half[v] * (1.05 - 0.75 * along + 0.7 * along**3)
        axial = half - np.abs(u - 0.58) * height / np.sqrt(1 + slope * slope)
        self.spinous = rounded(axial, np.minimum(np.minimum(behind - 2.5, length - behind), deep - 2), 3.0)
        self.spinous_width = 2.6 + 2.6 * along**2
        self.between = np.minimum(np.minimum(behind - 0.8, length + 1.5 - behind), deep)
        v, u, height = bones.vertebra(band.s - 0.45 * np.maximum(behind, 0))
        self.lamina = rounded((0.3 - np.abs(u - 0.55)) * height, np.minimum(behind - 0.7, 7.0 - behind), 2.5)
        self.flavum = np.minimum(behind - 0.3, 4.5 - behind)
        gap = (np.abs(u - 0.55) - 0.3) * height
        self.epidural = np.minimum(gap, np.minimum(behind + 1.2, 4.2 - behind - 0.15 * gap))
        self._measure_sides(rng, bones, canal_ap)
        self.grain = band.grain(rng, 4, 4, 4)
        self.streaks = band.grain(rng, 3, 9, 5)
        self.fattiness = float(rng.uniform(-0.8, 1.0))
        self.shade = bones.marrow[v] * float(rng.uniform(0.8, 1.25))

    def _measure_sides(self, rng: np.random.Generator, bones: Skeleton, canal_ap: Array) -> None:
        band = self.band
        cervical = inside(125 - band.s, 30)
        v, u, height = bones.vertebra(band.s - (0.35 + 0.45 * cervical) * band.n)
        joint = (0.5 - np.abs(u - 0.5)) * height - 0.7
        self.pillar = rounded(joint, np.minimum(self.behind + 5, 7.0 - self.behind), 3.0)
        v, u, height = bones.vertebra(band.s)
        self.pedicle = rounded((0.22 - np.abs(u - 0.3)) * height, np.minimum(band.n + canal_ap + 3, -self.behind), 2.0)
        oval = np.hypot((u - 0.76) * height / (0.27 * height), (band.n + 0.5) / (canal_ap + 0.5))
        self.foramen = (1 - oval) * canal_ap
        self.root = 2.4 - np.hypot((u - 0.7) * height, band.n + 0.5)
        self.artery = np.where((v >= 1) & (v <= 5), 1.0, -9.0) + 0.9 - np.abs(band.n + canal_ap + 4)
        self.half_width = bones.half_width[v]
        self.joint_fluid = float(rng.uniform(0, 0.7))

    def paint(self, paint: Paint, tissues: Mapping[str, Tissue], x_mm: float) -> None:
        """Paint one slice."""
        aside = np.abs(x_mm - self.band.x)
        grain = self.shade * (1 + 0.1 * self.grain.at(x_mm))
        nearest = float(aside.min())
        if nearest < 10:
            self._paint_middle(paint, tissues, x_mm, aside, grain)
        if float(aside.max()) > 7:
            self._paint_sides(paint, tissues, aside, grain)

    def _paint_middle(
        self, paint: Paint, tissues: Mapping[str, Tissue], x_mm: float, aside: Array, grain: Array
    ) -> None:
        streaks = np.clip(0.5 * (self.streaks.at(x_mm) + np.float32(self.fattiness)), 0, 1)
        middle = inside(np.minimum(self.between, 6.5 - aside), 2.0)
        paint.paint(middle, tissues["ligament"])
        paint.paint(middle * streaks * np.float32(0.8), tissues["fat"])
        paint.paint(inside(np.minimum(self.flavum, 10 - aside)), tissues["ligament"])
        paint.paint(inside(np.minimum(self.epidural, 5.5 - aside), 1.2), tissues["fat"])
        spinous = np.minimum(self.spinous, self.spinous_width - aside)
        lamina = np.minimum(self.lamina, 14 - aside)
        bone = np.maximum(spinous, lamina)
        paint.paint(inside(bone + CORTEX_MM), tissues["cortex"])
        paint.paint(inside(bone), tissues["marrow"], grain)

    def _paint_sides(self, paint: Paint, tissues: Mapping[str, Tissue], aside: Array, grain: Array) -> None:
        outside = aside - self.canal_rl
        hole = inside(np.minimum(self.foramen, np.minimum(outside + 1.5, self.half_width + 5 - aside)), 1.5)
        paint.paint(hole, tissues["fat"], np.float32(0.35) + np.float32(0.3) * grain)
        root = inside(np.minimum(self.root, outside + 2)) * hole
        paint.paint(root, Tissue(0.28, 0.5))
        column = np.minimum(outside - 0.5, 21 - aside)
        bone = np.maximum(np.minimum(self.pillar, column), np.minimum(self.pedicle, np.minimum(outside, 19 - aside)))
        paint.paint(inside(bone + CORTEX_MM + 0.2), tissues["cortex"])
        paint.paint(inside(bone), tissues["marrow"], grain)
        paint.paint(inside(np.minimum(self.artery, 2.2 - np.abs(outside - 5))), tissues["vessel"])
