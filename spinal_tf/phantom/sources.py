"""Sources of backgrounds: drawn spines, real scans of healthy people, an average spine with labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from spinal_tf.errors import VolumeError
from spinal_tf.images.image_registry import find_images
from spinal_tf.images.volume import read_aligned, read_mask, read_volume
from spinal_tf.phantom.contrast import with_synthetic_t1c
from spinal_tf.phantom.folder_images import images_of
from spinal_tf.phantom.frame import Background, View
from spinal_tf.phantom.painting import DrawTissues, draw_tissues
from spinal_tf.phantom.scan import scan_background
from spinal_tf.phantom.spine import procedural_background
from spinal_tf.phantom.template import Template, template_background
from spinal_tf.phantom.vary import vary_background

BackgroundSource = Callable[[np.random.Generator, View], Background]
"""Function from a random generator and the requested view to a spine; scans ignore level and thickness."""

IN_PLANE_MM = (0.6, 0.95)
HEIGHT_MM, LONG_HEIGHT_MM = (230.0, 290.0), (260.0, 340.0)
"""Field of view along the spine, for the cervical spine and for other levels."""

WIDTH_SHARE = (0.6, 1.0)
"""Ratio of the field of view's depth to its height."""


def drawn_spine(rng: np.random.Generator, view: View, *, tissues: DrawTissues = draw_tissues) -> Background:
    """Draw a procedural spine in a typical field of view for the level, with levels of tissues from a function."""
    in_plane = float(rng.uniform(*IN_PLANE_MM))
    height = rng.uniform(*(HEIGHT_MM if view.level in ("oblongata-cervical", "cervical") else LONG_HEIGHT_MM))
    width = height * rng.uniform(*WIDTH_SHARE)
    return procedural_background(
        rng,
        level=view.level,
        spacing_mm=(view.fine_mm, in_plane, in_plane),
        size=(view.fine_slices, round(height / in_plane), round(width / in_plane)),
        with_t1c=view.with_t1c,
        tissues=tissues,
    )


def from_scans(scans: Sequence[Background]) -> BackgroundSource:
    """Return a source that varies scans of healthy people, regardless of requested level and thickness."""

    def draw(rng: np.random.Generator, view: View) -> Background:
        scan = vary_background(rng, scans[int(rng.integers(len(scans)))])
        return with_synthetic_t1c(scan) if view.with_t1c else scan

    return draw


def from_template(template: Template) -> BackgroundSource:
    """Return a source that varies an average spine."""

    def draw(rng: np.random.Generator, view: View) -> Background:
        background = vary_background(rng, template_background(rng, template, view))
        return with_synthetic_t1c(background) if view.with_t1c else background

    return draw


def mixed(sources: Sequence[BackgroundSource]) -> BackgroundSource:
    """Return a source that chooses among several with equal probability."""

    def draw(rng: np.random.Generator, view: View) -> Background:
        return sources[int(rng.integers(len(sources)))](rng, view)

    return draw


def read_scans(folder: Path) -> list[Background]:
    """Read the scans of healthy people from the subfolders of a folder, in order of their names.

    Folders without a cord mask, or with a lesion mask ``t2_lesion*`` (the person is not healthy), are skipped.

    Raises:
        VolumeError: the folder does not exist or has no usable subfolder, or a scan is unsuitable.
    """
    if not folder.is_dir():
        raise VolumeError(f"{folder}: there is no such folder; name one that holds a folder for each healthy scan")
    usable = [scan for scan in sorted(folder.iterdir()) if _is_healthy(scan)]
    if not usable:
        raise VolumeError(
            f"{folder}: holds no folder with t2.nii.gz and a cord mask t2_cord*.nii.gz; put healthy scans there"
        )
    return [read_scan(scan) for scan in usable]


def _is_healthy(folder: Path) -> bool:
    return folder.is_dir() and bool(find_images(folder, "t2_cord*")) and not find_images(folder, "t2_lesion*")


def read_scan(folder: Path) -> Background:
    """Read ``t2.nii.gz`` and the cord mask ``t2_cord*.nii.gz`` of a healthy person.

    Raises:
        VolumeError: an image is missing or unsuitable, or no lesion can be drawn into that cord.
    """
    t2, cord_file = _only(folder, "t2"), _only(folder, "t2_cord*")
    with images_of(folder):
        volume = read_volume(t2)
        cord = read_mask(cord_file, like=volume)
    try:
        return scan_background(volume.data, cord, volume.spacing_mm, origin=folder.name)
    except ValueError as error:
        raise VolumeError(f"{folder}: {error}; choose another scan") from error


def read_template(folder: Path) -> Template:
    """Read an average spine such as PAM50: ``*_t2.nii.gz``, ``*_cord.nii.gz``, ``*_levels.nii.gz`` on one grid.

    Raises:
        VolumeError: an image is missing or unsuitable.
    """
    files = [_only(folder, pattern) for pattern in ("*_t2", "*_cord", "*_levels")]
    with images_of(folder):
        t2 = read_volume(files[0], allow_plane=True)
        cord = read_mask(files[1], like=t2)
        levels = read_aligned(files[2], like=t2).data
    return Template(t2=t2.data, cord=cord, levels=np.where(cord, levels, 0).astype(np.uint8), spacing_mm=t2.spacing_mm)


def _only(folder: Path, pattern: str) -> Path:
    found = find_images(folder, pattern)
    if len(found) != 1:
        raise VolumeError(f"{folder}: holds {len(found) or 'no'} files {pattern}, but one is needed; put it there")
    return found[0]
