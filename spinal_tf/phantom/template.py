"""Background from an average spine, with random tissue levels as in SynthSeg.

A network trained on an anatomy in random contrasts also segments scans of unseen contrasts (Billot et al., Medical
Image Analysis 2023, 10.1016/j.media.2023.102789). Cord and fluid keep their levels here, since a lesion is recognized
by its level between them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

from spinal_tf.phantom.contrast import near_cord
from spinal_tf.phantom.fields import Array, smooth_noise
from spinal_tf.phantom.frame import REGION_OF_LEVEL, Background, View, region_of_level
from spinal_tf.phantom.scan import scan_background
from spinal_tf.phantom.skeleton import HEIGHTS_MM

TISSUES = 8
"""Number of equidistant levels of the template that get a random level each, with interpolation between them."""

CANAL_MM = (7.0, 6.0)
"""Maximum distance of the canal's border from the cord's surface, laterally and anteroposteriorly."""

FLUID_SHARE = 0.5
"""Share of the level of fluid above which a voxel of the canal counts as fluid."""

VIEW_MM = (150.0, 300.0)
"""Range of the height of the field of view."""

MARGIN_MM = (0.0, 20.0)
"""Range by which the narrow template is padded with its mirror image in front and behind."""

IN_PLANE_MM = (0.6, 0.95)


@dataclass(frozen=True, kw_only=True)
class Template:
    """An average T2w spine with labels, arrays of (slice, row, column).

    Attributes:
        t2: float32, average intensity.
        cord: bool.
        levels: integer, vertebral level within the cord, 1 for C1, 8 for T1; 0 elsewhere.
        spacing_mm: spacing of slice, row, column.
    """

    t2: Array
    cord: Array
    levels: Array
    spacing_mm: tuple[float, float, float]


def template_background(rng: np.random.Generator, template: Template, view: View) -> Background:
    """Cut a field of view out of a template, resample it and repaint its tissues.

    Args:
        rng: source of all randomness.
        template: stays unchanged.
        view: requested view; the background has no more slices than the template covers.
    """
    part = _resampled(rng, _cut(rng, template, REGION_OF_LEVEL[view.level]), view.fine_mm)
    spare = max(part.t2.shape[0] - view.fine_slices, 0)
    kept = slice(spare // 2, part.t2.shape[0] - (spare - spare // 2))
    part = replace(part, t2=part.t2[kept], cord=part.cord[kept], levels=part.levels[kept])
    background = scan_background(part.t2, part.cord, part.spacing_mm, origin="template")
    level = part.levels.max(axis=(0, 2))
    heights = np.asarray(HEIGHTS_MM)[np.maximum(level, 1) - 1]
    known = np.isfinite(background.frame.x_mm) & (level > 0)
    frame = replace(
        background.frame,
        region=np.where(known, region_of_level(level), background.frame.region),
        level=level,
        vertebra_mm=heights,
    )
    return replace(background, t2=_repainted(rng, background), frame=frame, shaded=False)


def _cut(rng: np.random.Generator, template: Template, regions: tuple[int, int]) -> Template:
    level = template.levels.max(axis=(0, 2))
    region = np.where(level > 0, region_of_level(level), -1)
    rows = np.flatnonzero((region >= regions[0]) & (region <= regions[1]))
    centre = rng.choice(rows if rows.size else np.flatnonzero(level))
    half = rng.uniform(*VIEW_MM) / 2 / template.spacing_mm[1]
    view = slice(max(0, round(centre - half)), round(centre + half))
    return replace(template, t2=template.t2[:, view], cord=template.cord[:, view], levels=template.levels[:, view])


def _resampled(rng: np.random.Generator, part: Template, fine_mm: float) -> Template:
    in_plane = float(rng.uniform(*IN_PLANE_MM))
    spacing = (fine_mm, in_plane, in_plane)
    zoom = np.asarray(part.spacing_mm) / spacing
    margins = tuple(round(rng.uniform(*MARGIN_MM) / in_plane) for _ in range(2))
    t2 = ndimage.zoom(part.t2.astype(np.float32), zoom, order=1)
    cord = ndimage.zoom(part.cord.astype(np.float32), zoom, order=1) >= 0.5
    levels = ndimage.zoom(part.levels, zoom, order=0)
    beside = ((0, 0), (0, 0), margins)
    return Template(
        t2=np.pad(t2, beside, mode="reflect"),
        cord=np.pad(cord, beside),
        levels=np.pad(levels, beside),
        spacing_mm=spacing,
    )


def _repainted(rng: np.random.Generator, background: Background) -> Array:
    """Repaint tissues outside cord and fluid with random levels and grain."""
    t2, fluid = background.t2, background.csf_level
    bright = (t2 > FLUID_SHARE * fluid) & (near_cord(background, CANAL_MM) > 0.5)
    # The cord continues beyond the ends of its label.
    keep = np.maximum(near_cord(background, (0.5, 0.5)) > 0.5, bright).astype(np.float32)
    keep = np.clip(ndimage.gaussian_filter(keep, (0, 0.7, 0.7)) * 1.5, 0, 1)
    knots = np.linspace(0, 1.2 * fluid, TISSUES)
    levels = np.concatenate([[0.02], rng.uniform(0.03, 1.0, TISSUES - 1)]) * fluid
    grain = 1 + rng.uniform(0, 0.25) * smooth_noise(rng, t2.shape, (3.0, 4.0, 4.0))
    painted: Array = np.interp(t2, knots, levels) * np.maximum(grain, 0)
    blended: Array = keep * t2 + (1 - keep) * painted
    return blended.astype(np.float32)
