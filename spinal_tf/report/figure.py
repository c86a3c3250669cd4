"""Contact sheet: the lesion-bearing slices with the mask's outline and, after classification, their heat maps.

OpenCV and Pillow draw it: importing matplotlib would take longer than the whole drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from spinal_tf.anatomy.vertebra_labels import vertebra_labels
from spinal_tf.images.volume import file_slice_axis, file_slice_numbers
from spinal_tf.report import canvas, panels, words
from spinal_tf.report.layout import GAP, SEAM, Crop, crop_around, fit, shown_slices, whole
from spinal_tf.report.notice import notice
from spinal_tf.results import CaseResult
from spinal_tf.slices import lesion_slices
from spinal_tf.taxonomy import tree

WIDTH, NARROWEST = 1600, 1000
"""Maximum and minimum width of the sheet in pixels; the minimum keeps the heading readable above a single slice."""

LOCATOR_WIDTH, LOCATOR_HEIGHT = 540, 340
"""Maximum size in pixels of the whole slice beside the heading."""

EDGE = 20
"""Pixels around the sheet."""


@dataclass(frozen=True, kw_only=True)
class View:
    """One panel of every slice: its heading and the overlay on the image."""

    heading: str
    outline: bool = False
    heat: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Settings to draw every slice: crop, pixels per mm, and intensities shown black and white."""

    crop: Crop
    scale: float
    window: tuple[float, float]

    def place(self, row: float, column: float, size: tuple[int, int]) -> tuple[float, float]:
        """Return x and y of the center of a voxel on a panel of ``size`` (width, height)."""
        x = (column + 0.5 - self.crop.left) / (self.crop.right - self.crop.left)
        y = (row + 0.5 - self.crop.top) / (self.crop.bottom - self.crop.top)
        return x * size[0], y * size[1]


def write_contact_sheet(result: CaseResult, path: Path) -> None:
    """Write the contact sheet as PNG."""
    contact_sheet(result).save(path, format="PNG", compress_level=3)


def contact_sheet(result: CaseResult) -> Image.Image:
    """Draw the sheet: heading, position of the enlarged part, slices, notice."""
    shown, views = shown_slices(lesion_slices(result.mask), len(result.mask)), _views(result)
    spacing_mm = result.volume.spacing_mm[1:]
    crop = crop_around(result.mask, spacing_mm)
    locator = _locator(result, crop)
    scale, across = fit(crop.size_mm(spacing_mm), panels=len(views), slices=len(shown), width=WIDTH)
    frame = Frame(crop=crop, scale=scale, window=panels.intensity_window(crop.of(result.volume.data[list(shown)])))
    grid = _grid(result, shown, views, frame, across)
    width = max(NARROWEST, grid.width)
    heading = _heading(result, shown, width - sum(block.width + GAP for block in locator))
    lines = [canvas.text(line, width, colour=canvas.FAINT) for line in canvas.wrapped(notice(result.models), width)]
    return canvas.padded(canvas.below([canvas.beside([heading, *locator], GAP), grid, *lines], GAP), EDGE)


def _views(result: CaseResult) -> list[View]:
    if not result.lesions:
        return [View(heading="image")]
    outline = View(heading="lesion outline", outline=True)
    if result.classification is None:
        return [View(heading="image"), outline]
    decisive = words.decisive(result.classification)
    return [outline, *(View(heading=tree().term(t.called), outline=True, heat=t.heatmap) for t in decisive)]


def _heading(result: CaseResult, shown: tuple[int, ...], width: int) -> Image.Image:
    lines = [f"{words.found(result)}; {words.provenance(result)}."]
    if result.classification:
        lines.append(f"{words.conclusion(result.classification)}.")
    if result.review and result.review.needed:
        lines.append("A person should check this mask.")
    lines.append(_numbering(result, shown))
    counted = words.counted_from(result.spine)
    if counted:
        lines.append(f"Vertebrae counted from {counted}.")
    title = canvas.text(Path(result.volume.source).name, width, size=canvas.LARGE)
    return canvas.below([title, *(canvas.text(line, width) for line in lines), *_legend(result, width)], 4)


def _numbering(result: CaseResult, shown: tuple[int, ...]) -> str:
    bearing = len(lesion_slices(result.mask))
    numbers = f"from right to left; slice numbers count from 0 along axis {file_slice_axis(result.volume)} of the file."
    if not bearing:
        return f"{len(shown)} slices around the middle, {numbers}"
    left_out = f", evenly spread, {bearing - len(shown)} left out" if bearing > len(shown) else ""
    return f"{len(shown)} of {bearing} lesion-bearing slices{left_out}, {numbers}"


def _legend(result: CaseResult, width: int) -> list[Image.Image]:
    if not result.lesions:
        return []
    swatch = canvas.picture(np.full((4, 28, 3), panels.OUTLINE, np.uint8))
    keys = [canvas.padded(swatch, 9), canvas.text("outline of the lesion mask", 210)]
    if result.classification:
        ramp = np.tile(np.linspace(0, 1, 120, dtype=np.float32), (12, 1))
        keys += [canvas.padded(canvas.picture(panels.heat_colours(ramp)), 5)]
        rest = width - sum(key.width + SEAM for key in keys)
        method = result.classification.method.printed
        meaning = canvas.wrapped(f"{method} for the class named above the panel, 0 (no color) to 1", rest)
        keys += [canvas.below([canvas.text(line, rest) for line in meaning], 0)]
    return [canvas.beside(keys, SEAM)]


def _locator(result: CaseResult, crop: Crop) -> list[Image.Image]:
    """Draw the whole slice with most lesion and frame the enlarged part; empty if nothing is enlarged."""
    everything, spacing_mm = whole(result.mask.shape[1:]), result.volume.spacing_mm[1:]
    if crop == everything:
        return []
    index = int(result.mask.sum(axis=(1, 2)).argmax())
    height_mm, width_mm = everything.size_mm(spacing_mm)
    scale = min(LOCATOR_HEIGHT / height_mm, LOCATOR_WIDTH / width_mm)
    frame = Frame(crop=everything, scale=scale, window=panels.intensity_window(result.volume.data[index]))
    panel = _panel(result, index, View(heading="", outline=True), frame)
    across, along = panel.width / everything.right, panel.height / everything.bottom
    canvas.draw_frame(panel, (crop.left * across, crop.top * along, crop.right * across - 1, crop.bottom * along - 1))
    _annotate(panel, result, index, frame)
    (number,) = file_slice_numbers(result.volume, (index,))
    return [_titled(f"slice {number}, whole", panel)]


def _grid(result: CaseResult, shown: tuple[int, ...], views: list[View], frame: Frame, across: int) -> Image.Image:
    numbers = file_slice_numbers(result.volume, shown)
    blocks = [_slice(result, index, number, views, frame) for index, number in zip(shown, numbers, strict=True)]
    rows = [blocks[first : first + across] for first in range(0, len(blocks), across)]
    return canvas.below([canvas.beside(row, GAP) for row in rows], GAP)


def _slice(result: CaseResult, index: int, number: int, views: list[View], frame: Frame) -> Image.Image:
    pictures = [_panel(result, index, view, frame) for view in views]
    _annotate(pictures[0], result, index, frame)
    headings = [f"slice {number}", *(view.heading for view in views[1:])]
    return canvas.beside([_titled(heading, picture) for heading, picture in zip(headings, pictures, strict=True)], SEAM)


def _annotate(panel: Image.Image, result: CaseResult, index: int, frame: Frame) -> None:
    """Write names of vertebrae, directions and a scale bar on the panel of a slice."""
    if result.spine is not None and result.spine.spine is not None:
        labels = vertebra_labels(result.spine.spine, index, result.volume.spacing_mm[0])
        names = [(label.name, *frame.place(label.row, label.column, panel.size)) for label in labels]
        canvas.write_names(panel, names)
    canvas.write_directions(panel)
    canvas.draw_scale_bar(panel, frame.scale)


def _panel(result: CaseResult, index: int, view: View, frame: Frame) -> Image.Image:
    height_mm, width_mm = frame.crop.size_mm(result.volume.spacing_mm[1:])
    size = (max(1, round(height_mm * frame.scale)), max(1, round(width_mm * frame.scale)))
    pixels = panels.grey_panel(frame.crop.of(result.volume.data[index]), size, frame.window)
    if view.heat is not None:
        pixels = panels.draw_heat(pixels, frame.crop.of(view.heat[index]))
    if view.outline:
        pixels = panels.draw_outline(pixels, frame.crop.of(result.mask[index]))
    return canvas.picture(pixels)


def _titled(heading: str, panel: Image.Image) -> Image.Image:
    return canvas.below([canvas.text(heading, panel.width, size=canvas.SMALL), panel], 2)
