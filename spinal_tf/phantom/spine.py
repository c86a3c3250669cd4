"""A procedural spine: vertebrae, discs, canal, cord, cauda equina and what surrounds them, on T2w and T1c.

Sizes follow published anatomy (docs/simulation.md). Tissue levels are on a scale with T2 of cord 0.3 and of
cerebrospinal fluid 1. Lengths are in mm; arrays are (slice, row, column). Slices are painted one at a time, so that
their pixels stay in the processor's cache.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spinal_tf.phantom.anatomy import BEYOND_PART, BONE_PART, CANAL_PART, DISC_PART, Anatomy, blank_anatomy
from spinal_tf.phantom.bones import SPINE_MM, Column, Processes
from spinal_tf.phantom.canal import Canal, CanalSizes, draw_canal
from spinal_tf.phantom.course import Course, draw_course
from spinal_tf.phantom.fields import Array
from spinal_tf.phantom.frame import Background, Frame, region_of_level
from spinal_tf.phantom.painting import Band, DrawTissues, Paint, Tissue, draw_tissues
from spinal_tf.phantom.skeleton import HEIGHTS_MM, L1, S1, Skeleton, draw_skeleton
from spinal_tf.phantom.surroundings import Head, Surroundings, Trunk

CONUS_SD_MM = 9.0
"""SD of the tip of the cord around the disc below L1."""

FIELD_TOPS_MM = {
    "oblongata-cervical": (-85, -50),
    "cervical": (-70, -15),
    "cervical-thoracic": (-35, 25),
    "thoracic": (110, 200),
    "thoracic-lumbar": (260, 310),
    "lumbar": (320, 365),
}
"""Range of the upper border of the field of view below the top of C1, by level of the lesion."""

CANAL_MARGIN_MM = 6.0


@dataclass(frozen=True, kw_only=True)
class _Person:
    course: Course
    bones: Skeleton
    sizes: CanalSizes
    tissues: dict[str, Tissue]


def procedural_background(
    rng: np.random.Generator,
    *,
    level: str,
    spacing_mm: tuple[float, float, float],
    size: tuple[int, int, int],
    with_t1c: bool = True,
    tissues: DrawTissues = draw_tissues,
) -> Background:
    """Draw a spine.

    Args:
        rng: source of all randomness.
        level: key of ``FIELD_TOPS_MM``, the part of the spine in view.
        spacing_mm: spacing of slice, row, column.
        size: number of voxels along slice, row, column.
        with_t1c: also draw a contrast-enhanced T1w image.
        tissues: function that draws the levels of the tissues.
    """
    person = _draw_person(rng, level, spacing_mm, size, tissues)
    t2 = np.full(size, 0.02, np.float32)
    t1c = np.full(size, 0.02, np.float32) if with_t1c else None
    cord = np.zeros(size, np.float32)
    anatomy = blank_anatomy(size)
    _paint(rng, person, spacing_mm, t2, t1c, cord, anatomy)
    frame = _frame(person, size[1], spacing_mm)
    return Background(
        t2=t2,
        t1c=t1c,
        cord=cord,
        frame=frame,
        cord_level=0.3,
        csf_level=1.0,
        gain=np.ones(size[1]),
        filum=_filum(person, frame),
        anatomy=anatomy,
    )


def _draw_person(
    rng: np.random.Generator,
    level: str,
    spacing_mm: tuple[float, float, float],
    size: tuple[int, int, int],
    tissues: DrawTissues,
) -> _Person:
    bones = draw_skeleton(rng)
    scale = bones.edges[-1] / sum(HEIGHTS_MM)
    top = float(rng.uniform(*FIELD_TOPS_MM[level]) * scale)
    s1_mm = float(bones.edges[S1])
    course = draw_course(rng, top_mm=top, size=size, spacing_mm=spacing_mm, s1_mm=s1_mm)
    tip = float(bones.edges[L1 + 1] + rng.normal(0, CONUS_SD_MM))
    sizes = draw_canal(rng, course.s_mm, tip, s1_mm)
    return _Person(course=course, bones=bones, sizes=sizes, tissues=tissues(rng))


def _paint(
    rng: np.random.Generator,
    person: _Person,
    spacing_mm: tuple[float, float, float],
    t2: Array,
    t1c: Array | None,
    cord: Array,
    anatomy: Anatomy,
) -> None:
    """Paint all slices, from the outer structures to the inner ones, and record what is painted where."""
    size = (t2.shape[0], t2.shape[1], t2.shape[2])
    course, bones, sizes, tissues = person.course, person.bones, person.sizes, person.tissues
    s, n = course.straightened(*size[1:], spacing_mm[1:])
    band = _band(course, s, n, (n > SPINE_MM[0]) & (n < SPINE_MM[1]))
    canal_ap, canal_rl = sizes.at(sizes.canal_ap, band.s), sizes.at(sizes.canal_rl, band.s)
    near = np.flatnonzero(np.abs(band.n) < canal_ap + CANAL_MARGIN_MM)
    inner = Band(pixels=band.pixels[near], s=band.s[near], n=band.n[near], x=band.x[near])
    around = Surroundings(rng, course, size, spacing_mm)
    head = Head(rng, s, n, around)
    deep = (around.to_back - around.fat).ravel()[band.pixels]
    trunk = Trunk(rng, band, bones, deep)
    column = Column(rng, band, bones, canal_ap)
    processes = Processes(rng, band, bones, (canal_ap, canal_rl), deep)
    canal = Canal(rng, inner, sizes, column.bulge[near], spacing_mm[0])
    middle_mm = float(band.x.mean())
    anatomy.level.ravel()[band.pixels] = column.level
    for index in range(size[0]):
        x_mm = index * spacing_mm[0]
        whole = Paint(t2[index], None if t1c is None else t1c[index])
        around.paint(whole, tissues, x_mm)
        head.paint(whole, tissues, x_mm, x_mm - middle_mm)
        flat = (t2[index].ravel(), None if t1c is None else t1c[index].ravel())
        paint = band.lift(*flat)
        trunk.paint(paint, tissues, x_mm)
        processes.paint(paint, tissues, x_mm)
        bone, disc = column.paint(paint, tissues, x_mm)
        band.drop(paint, *flat)
        paint = inner.lift(*flat)
        cord[index].ravel()[inner.pixels], within = canal.paint(paint, tissues, x_mm)
        inner.drop(paint, *flat)
        anatomy.record(BONE_PART, index, band.pixels, bone)
        anatomy.record(DISC_PART, index, band.pixels, disc)
        anatomy.record(CANAL_PART, index, inner.pixels, within * column.extent[near])
        anatomy.record(BEYOND_PART, index, inner.pixels, within * (1 - column.extent[near]))


def _band(course: Course, s: Array, n: Array, where: Array) -> Band:
    pixels = np.flatnonzero(where).astype(np.int32)
    along = s.ravel()[pixels]
    x = np.interp(along, course.s_mm, course.x_mm).astype(np.float32)
    return Band(pixels=pixels, s=along, n=n.ravel()[pixels], x=x)


def _frame(person: _Person, rows: int, spacing_mm: tuple[float, float, float]) -> Frame:
    """Return the course of the cord by rows; rows cut a tilted cord obliquely, which makes it deeper."""
    course, bones, sizes = person.course, person.bones, person.sizes
    s, x, y, slope = course.at_rows(rows, spacing_mm[1])
    oblique = np.hypot(1, slope)
    shift, ap, rl = (np.interp(s, sizes.s_mm, values) for values in (sizes.shift, sizes.cord_ap, sizes.cord_rl))
    taper = sizes.taper(s)
    index, _, height = bones.vertebra(s)
    level = np.where((s >= 0) & (s < bones.edges[-1]), index + 1, 0)
    return Frame(
        spacing_mm=spacing_mm,
        x_mm=x,
        y_mm=y + shift * oblique,
        rl_mm=rl * taper,
        ap_mm=ap * oblique * taper,
        vertebra_mm=height / oblique,
        region=np.where(s < 0, 0, region_of_level(np.maximum(level, 1))),
        level=level,
        end_row=int(np.searchsorted(s, sizes.tip_mm)),
    )


def _filum(person: _Person, frame: Frame) -> Frame:
    """Return the course and size of the canal by rows, between the tip of the cord and S1."""
    course, bones, sizes = person.course, person.bones, person.sizes
    s, x, y, slope = course.at_rows(frame.level.size, frame.spacing_mm[1])
    ap, rl = (np.interp(s, sizes.s_mm, values) for values in (sizes.canal_ap, sizes.canal_rl))
    within = (s > sizes.tip_mm) & (s < bones.edges[S1])
    return replace(
        frame,
        x_mm=np.where(within, x, np.nan),
        y_mm=np.where(within, y, np.nan),
        rl_mm=rl,
        ap_mm=ap * np.hypot(1, slope),
        end_row=frame.level.size,
    )
