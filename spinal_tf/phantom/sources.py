"""Where backgrounds come from: drawn spines, real scans of healthy people, an average spine with labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from spinal_tf.errors import VolumeError
from spinal_tf.phantom.frame import REGION_OF_LEVEL, Background
from spinal_tf.phantom.scan import scan_background
from spinal_tf.phantom.spine import procedural_background
from spinal_tf.phantom.template import Template, template_background
from spinal_tf.phantom.vary import vary_background
from spinal_tf.volume import read_aligned, read_mask, read_volume

BackgroundSource = Callable[[np.random.Generator, str, float], Background]
"""Draws a spine: source of all randomness, key of `REGION_OF_LEVEL` to be seen, thickness of the fine slices in mm."""

IN_PLANE_MM = (0.6, 0.95)

WIDTH_MM = 44.0
"""Right-left reach of a drawn spine, on average."""


def drawn_spine(rng: np.random.Generator, level: str, fine_mm: float) -> Background:
    """A procedural spine in a field of view such as is used for that level."""
    in_plane = float(rng.uniform(*IN_PLANE_MM))
    height = rng.uniform(230, 290) if level in ("oblongata", "cervical") else rng.uniform(260, 340)
    width = height * rng.uniform(0.6, 1.0)
    slices = round(WIDTH_MM * rng.uniform(0.9, 1.12) / fine_mm)
    size = (slices, round(height / in_plane), round(width / in_plane))
    return procedural_background(rng, level=level, spacing_mm=(fine_mm, in_plane, in_plane), size=size)


def from_scans(scans: Sequence[Background]) -> BackgroundSource:
    """A source that makes other people out of scans of healthy ones; a scan shows what it shows, whatever the level."""

    def draw(rng: np.random.Generator, level: str, fine_mm: float) -> Background:
        del level, fine_mm
        return vary_background(rng, scans[int(rng.integers(len(scans)))])

    return draw


def from_template(template: Template) -> BackgroundSource:
    """A source that makes people out of an average spine."""

    def draw(rng: np.random.Generator, level: str, fine_mm: float) -> Background:
        background = template_background(rng, template, regions=REGION_OF_LEVEL[level], fine_mm=fine_mm)
        return vary_background(rng, background)

    return draw


def read_scan(folder: Path) -> Background:
    """Read ``t2.nii.gz`` and the cord mask ``t2_cord*.nii.gz`` of a healthy person.

    Raises:
        VolumeError: one is missing or unsuitable, or no lesion can be drawn into that cord.
    """
    volume = read_volume(folder / "t2.nii.gz")
    cord = read_mask(_only(folder, "t2_cord*.nii*"), like=volume)
    try:
        return scan_background(volume.data, cord, volume.spacing_mm)
    except ValueError as error:
        raise VolumeError(f"{folder.name}: {error}; choose another scan") from error


def read_template(folder: Path) -> Template:
    """Read an average spine such as PAM50: ``*_t2.nii.gz``, ``*_cord.nii.gz``, ``*_levels.nii.gz`` on one grid.

    Raises:
        VolumeError: one is missing or unsuitable.
    """
    t2 = read_volume(_only(folder, "*_t2.nii*"), allow_plane=True)
    cord = read_mask(_only(folder, "*_cord.nii*"), like=t2)
    levels = read_aligned(_only(folder, "*_levels.nii*"), like=t2).data
    return Template(t2=t2.data, cord=cord, levels=np.where(cord, levels, 0).astype(np.uint8), spacing_mm=t2.spacing_mm)


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise VolumeError(f"{folder}: holds {len(found) or 'no'} files {pattern}, but one is needed; put it there")
    return found[0]
