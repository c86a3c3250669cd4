"""Surroundings of a drawn spine: skin, fat, muscles of the back, neck, chest and abdomen, and the lower head."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.course import Course
from spinal_tf.phantom.fields import Array, inside, smooth_curve
from spinal_tf.phantom.painting import Band, Grain, Paint, Tissue
from spinal_tf.phantom.skeleton import Skeleton

BACK_MM = (
    *((-110, 80), (-60, 82), (-25, 66), (20, 48), (60, 50), (105, 60)),
    *((140, 62), (220, 55), (320, 56), (420, 62), (540, 66), (600, 58), (640, 46), (690, 42)),
)
"""Distance below the top of C1, and distance of the skin of the back behind the middle of the canal."""

FRONT_MM = (
    *((-110, 130), (-20, 125), (18, 118), (36, 106), (52, 80)),
    *((92, 68), (118, 80), (145, 105), (200, 150), (300, 230)),
)
FAT_MM = ((-60, 5), (0, 6), (60, 8), (115, 16), (160, 11), (280, 9), (420, 16), (540, 24))
ORGAN_LEVELS = (0.04, 0.1, 0.15, 0.22, 0.4)
"""Levels of the tissue in front of the spine; four are drawn per person."""

SKIN_MM = 1.8


class Surroundings:
    """Everything outside the bones and the canal."""

    def __init__(
        self, rng: np.random.Generator, course: Course, size: tuple[int, int, int], spacing_mm: tuple[float, ...]
    ) -> None:
        """Draw outlines and grain.

        Args:
            rng: source of all randomness.
            course: course of the spine.
            size: number of voxels along slice, row, column.
            spacing_mm: spacing of slice, row, column.
        """
        rows, columns = size[1:]
        s, self.x, y, slope = course.at_rows(rows, spacing_mm[1])
        smooth = ndimage.gaussian_filter1d(y, 45 / spacing_mm[1], mode="nearest")
        along = ndimage.gaussian_filter1d(np.cos(np.arctan(slope)), 30 / spacing_mm[1], mode="nearest")
        column_mm = np.arange(columns, dtype=np.float32) * np.float32(spacing_mm[2])
        self.behind = ((column_mm[None, :] - smooth[:, None]) * along[:, None]).astype(np.float32)
        self.s = s
        stout = rng.lognormal(0, 0.35)
        back = _line(rng, s, BACK_MM, rng.uniform(0.88, 1.12), 2.0) + 6 * (stout - 1)
        fat = np.clip(_line(rng, s, FAT_MM, stout, 1.2), 2, 45)
        front = _line(rng, s, FRONT_MM, rng.uniform(0.9, 1.1), 2.5)
        self.to_back = back[:, None].astype(np.float32) - self.behind
        self.to_front = front[:, None].astype(np.float32) + self.behind
        self.fat = fat[:, None].astype(np.float32)

        def grain(z_mm: float, y_mm: float, x_mm: float) -> Grain:
            return Grain(rng, (rows, columns), (z_mm / spacing_mm[1], y_mm / spacing_mm[2]), x_mm)

        self.fine, self.coarse = grain(2.5, 2.5, 4), grain(rng.uniform(8, 16), rng.uniform(8, 14), 14)
        self.septa = grain(4, 9, 12)
        self.others = grain(rng.uniform(14, 30), rng.uniform(10, 20), 18)
        self.organs = (rng.choice(ORGAN_LEVELS, 4) * rng.uniform(0.7, 1.3, 4)).astype(np.float32)
        self.organs_t1 = np.clip(0.25 + 0.9 * self.organs, 0, 1)

    def paint(self, paint: Paint, tissues: Mapping[str, Tissue], x_mm: float) -> None:
        """Paint one slice; the paint covers the whole slice."""
        aside = x_mm - float(self.x.mean())
        to_back = self.to_back - np.float32(aside * aside / 160)
        body = inside(np.minimum(to_back, self.to_front))
        fine = self.fine.at(x_mm)
        paint.paint(body, tissues["muscle"], 1 + np.float32(0.15) * fine)
        self._paint_front(paint, tissues, x_mm, body)
        fascia = np.minimum(to_back - SKIN_MM, self.fat - to_back)
        front_fat = np.minimum(self.to_front - SKIN_MM, np.float32(0.5) * self.fat + 2 - self.to_front)
        septa = np.clip(1 - np.abs(self.septa.at(x_mm)) / 0.1, 0, 1)
        fat = inside(np.maximum(fascia, front_fat), 1.5)
        paint.paint(fat, tissues["fat"], 1 + np.float32(0.05) * fine - np.float32(0.25) * septa)
        skin = np.maximum(np.minimum(to_back, SKIN_MM - to_back), np.minimum(self.to_front, SKIN_MM - self.to_front))
        paint.paint(inside(skin) * body, tissues["skin"])

    def _paint_front(self, paint: Paint, tissues: Mapping[str, Tissue], x_mm: float, body: Array) -> None:
        """Paint four kinds of patches, according to whether two smooth fields are high or low."""
        one, two = (np.clip(grain.at(x_mm) * 3 + 0.5, 0, 1) for grain in (self.coarse, self.others))
        ahead = inside(-18 - self.behind, 10) * body
        for image, levels in ((paint.t2, self.organs), (paint.t1, self.organs_t1)):
            if image is not None:
                first = levels[0] + one * (levels[1] - levels[0])
                second = levels[2] + one * (levels[3] - levels[2])
                image += ahead * (first + two * (second - first) - image)


def _line(
    rng: np.random.Generator, s_mm: Array, table: tuple[tuple[float, float], ...], scale: float, sd_mm: float
) -> Array:
    """Make an outline from a table: scaled, smoothed and a little wavy."""
    places, values = np.asarray(table, float).T
    row_mm = float(np.abs(np.diff(s_mm)).mean())
    line = ndimage.gaussian_filter1d(np.interp(s_mm, places, values * scale), 6 / row_mm, mode="nearest")
    waves: Array = line + smooth_curve(rng, s_mm.size, max(4, int(s_mm.size * row_mm / 35)), sd_mm)
    return waves


class Trunk:
    """Muscles and vessels that follow the spine, in its coordinates."""

    def __init__(self, rng: np.random.Generator, band: Band, bones: Skeleton, deep: Array) -> None:
        """Draw grain and positions.

        Args:
            rng: source of all randomness.
            band: band around the spine.
            bones: skeleton of the person.
            deep: float32 (n,), depth below the fat under the skin in mm.
        """
        self.band = band
        self.strips = band.grain(rng, rng.uniform(30, 60), rng.uniform(4, 7), 8)
        self.marbling = band.grain(rng, 18, 3.5, 6)
        self.behind = inside(band.n - 11, 4) * inside(deep)
        self.lean = float(rng.uniform(0.9, 2.2))
        self.planes = float(rng.uniform(0.1, 0.9))
        depth = np.interp(band.s, (bones.edges[:-1] + bones.edges[1:]) / 2, bones.depth)
        front = -band.n - 8 - depth
        neck = inside(125 - band.s, 25)
        throat = rng.uniform(6, 11) + np.interp(band.s, (-20, 60, 140, 220), (2, 3, 9, 22))
        width = rng.uniform(3.0, 6.0) * (0.75 + 0.25 * np.sin(band.s / rng.uniform(9, 16)))
        self.airway = ((width - np.abs(front - throat)) * 1.0).astype(np.float32)
        self.airway_end = inside(band.s + 12, 10) * inside(230 - band.s, 20)
        self.prevertebral = np.minimum(front - 0.5, rng.uniform(3, 6) - front).astype(np.float32)
        self.neck = neck
        self.aorta = np.minimum(9 - np.abs(front - 11), (band.s - 190) / 4).astype(np.float32)
        self.lung = np.minimum(front - 6, (band.s - 135) / 3).astype(np.float32)
        self.side = float(rng.choice([-1.0, 1.0], p=[0.05, 0.95]))

    def paint(self, paint: Paint, tissues: Mapping[str, Tissue], x_mm: float) -> None:
        """Paint one slice."""
        aside = x_mm - self.band.x
        strips = np.clip(1 - np.abs(self.strips.at(x_mm)) / 0.13, 0, 1) * np.float32(self.planes)
        marbling = np.clip(self.marbling.at(x_mm) - self.lean, 0, 1)
        paint.paint(np.maximum(strips, marbling) * self.behind, tissues["fat"])
        wall = inside(np.minimum(self.prevertebral, 15 - np.abs(aside)), 1.5)
        paint.paint(wall * self.neck, tissues["muscle"])
        airway = np.minimum(self.airway, 10 - np.abs(aside))
        paint.paint(inside(airway + 1.2, 1.5) * self.airway_end, tissues["grey matter"])
        paint.paint(inside(airway) * self.airway_end, tissues["air"])
        lung = np.minimum(self.lung, np.abs(aside) - 14)
        paint.paint(inside(lung, 3) * inside(330 - self.band.s, 30), tissues["lung"])
        aorta = np.minimum(self.aorta, 10 - np.abs(aside - 14 * self.side))
        paint.paint(inside(aorta, 1.5), tissues["vessel"])


class Head:
    """The lower head: occiput, cerebellum, cisterns around the brain stem, clivus; the stem belongs to the cord."""

    def __init__(self, rng: np.random.Generator, s: Array, n: Array, around: Surroundings) -> None:
        """Measure a slice.

        Args:
            rng: source of all randomness.
            s: distance below the top of C1 in mm, float32 (rows, columns).
            n: distance behind the middle of the canal in mm, likewise.
            around: surroundings whose grain is used.
        """
        up, size = -s, rng.normal(1, 0.05)
        self.around, self.above = around, up
        outline = (1 - np.hypot((n + 6) / (90 * size), (up - 62) / (74 * size))) * 74
        fossa = (1 - np.hypot((n - 22) / (44 * size), (up - 42) / (36 * size))) * 36
        slope = rng.uniform(0.45, 0.65)
        fossa = np.minimum(fossa, n + 12 + slope * (up - 10))
        cerebrum = np.minimum(outline - 13, up - 62 - 0.15 * n)
        self.skull = np.minimum(outline - 8, np.maximum(fossa, cerebrum) + 7)
        self.cavity = np.maximum(fossa, cerebrum)
        self.cerebrum = cerebrum - 4
        magna = np.minimum(fossa, rng.uniform(5, 9) - np.hypot(0.5 * (n - 14), up - rng.uniform(8, 14)))
        stem = np.interp(up, (0, 20, 45, 75), (9, 11, 19, 18)) - np.abs(n + np.interp(up, (10, 45, 75), (0, 9, 11)))
        ventricle = (1 - np.hypot((n - 7 - 0.1 * up) / 3.0, (up - 44) / 10)) * 3.0
        self.cisterns = np.maximum(np.maximum(magna, ventricle), np.minimum(stem, n + 14 + slope * (up - 10)))
        self.folds = np.hypot(n - 6, up - 46) * np.float32(1 / rng.uniform(0.5, 0.75))
        self.clivus = np.minimum(np.minimum(-1.5 - n - 12 - slope * (up - 10), n + 25 + slope * (up - 10)), 55 - up)

    def paint(self, paint: Paint, tissues: Mapping[str, Tissue], x_mm: float, aside: float) -> None:
        """Paint one slice; the paint covers the whole slice."""
        if self.above.max() < 3:
            return
        narrow = np.float32(aside * aside / 120)
        above = inside(self.above - 5, 6)
        paint.paint(inside(self.skull - narrow, 2) * above, tissues["cortex"])
        diploe = np.minimum(self.skull - narrow - 2, -self.cavity - 2)
        paint.paint(inside(diploe, 1.5) * above * np.float32(0.7), tissues["marrow"])
        paint.paint(inside(self.clivus - narrow) * above, tissues["marrow"])
        coarse, fine = self.around.coarse.at(x_mm), self.around.septa.at(x_mm)
        cavity = inside(self.cavity - narrow) * above
        paint.paint(cavity, tissues["fluid"])
        furrows = inside(self.cavity - narrow - 2.5 - fine, 2)
        folds = np.sin(self.folds + 4 * coarse + fine + np.float32(0.15 * aside))
        lobes = furrows * cavity * np.clip(1 - inside(self.cerebrum, 3) * np.clip(1 - 5 * np.abs(coarse), 0, 1), 0, 1)
        paint.paint(lobes, tissues["brain"], np.float32(1) + np.float32(0.1) * folds + np.float32(0.08) * fine)
        width = np.float32(0.12 * aside * aside)
        paint.paint(inside(self.cisterns - width, 1.5) * cavity, tissues["fluid"])
