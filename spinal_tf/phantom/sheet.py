"""Contact sheet of a simulated cohort: some cases of each diagnosis for visual inspection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from spinal_tf.files import output_files
from spinal_tf.images.anatomy_map import AXIS, BODY, CANAL, CORD, SACRUM
from spinal_tf.images.volume import Volume, read_aligned, read_mask, read_volume
from spinal_tf.phantom.folder_images import images_of
from spinal_tf.phantom.plan import PlannedCase
from spinal_tf.taxonomy import tree

CASES = 6
"""Number of cases shown of each diagnosis."""

HEIGHT = 300
GAP = 3
LABEL = 12
"""Height of a panel, space between panels, and height of a line of text, in pixels."""

OUTLINE = (255, 90, 60)
ANATOMY_OUTLINES = (((CORD, CANAL), (90, 170, 255)), ((BODY, AXIS, SACRUM), (110, 210, 110)))
"""Labels outlined together as canal and as bones, and their colors."""

FAINT = 0.45
"""Opacity of the outlines of the anatomy; that of the lesion covers the image."""

BRIGHTEST = 99.0
"""Percentile of a slice's intensity that is shown white."""


def write_sheet(folder: Path, planned: Sequence[PlannedCase], *, overwrite: bool) -> Path:
    """Write ``contact-sheet.png`` beside a cohort's table.

    The sheet has a row for each diagnosis. Each case shows the T2w slice with most lesion, or the middle one of a
    healthy person, plain and with the outlines of mask, canal and bones, then T1c if available. Canal and bones are
    outlined where they are known.

    Args:
        folder: folder of the cohort.
        planned: cases of the cohort.
        overwrite: replace an existing sheet.

    Returns:
        Path of the sheet.

    Raises:
        OutputError: the sheet exists, or cannot be written.
        VolumeError: an image is missing or damaged.
    """
    rows = []
    for diagnosis in (*tree().diagnoses, None):
        chosen = [case for case in planned if case.diagnosis == diagnosis][:CASES]
        rows += [_beside([_case_panels(folder / case.name) for case in chosen])] if chosen else []
    path = folder / "contact-sheet.png"
    with output_files(path, overwrite=overwrite) as (temporary,):
        Image.fromarray(_below(rows)).save(temporary)
    return path


def _case_panels(folder: Path) -> np.ndarray:
    with images_of(folder):
        panels = _panels(folder)
    drawing = Image.fromarray(np.pad(_beside(panels), ((LABEL, 0), (0, 0), (0, 0))))
    ImageDraw.Draw(drawing).text((2, 0), folder.name, fill=(255, 255, 255))
    return np.asarray(drawing)


def _panels(folder: Path) -> list[np.ndarray]:
    t2 = read_volume(folder / "t2.nii.gz")
    names = ("mask.nii.gz", "t1c.nii.gz", "anatomy.nii.gz")
    has_mask, has_t1c, has_anatomy = ((folder / name).exists() for name in names)
    mask = read_mask(folder / "mask.nii.gz", like=t2) if has_mask else np.zeros(t2.data.shape, bool)
    area = mask.sum(axis=(1, 2))
    index = int(area.argmax()) if area.any() else t2.data.shape[0] // 2
    plain = _panel(t2.data[index], t2)
    outlined = plain.copy()
    if has_anatomy:
        labels = read_aligned(folder / "anatomy.nii.gz", like=t2).data[index]
        for together, color in ANATOMY_OUTLINES:
            _outline(outlined, _panel(np.isin(labels, together).astype(np.float32), t2), color, FAINT)
    _outline(outlined, _panel(mask[index].astype(np.float32), t2), OUTLINE, 1)
    panels = [plain, outlined]
    if has_t1c:
        panels.append(_panel(read_aligned(folder / "t1c.nii.gz", like=t2).data[index], t2))
    return panels


def _outline(panel: np.ndarray, shape: np.ndarray, color: tuple[int, int, int], opacity: float) -> None:
    """Blend the border of a shape, drawn white on black as a panel is, into a panel."""
    where = shape[..., 0] > 127
    border = where & ~ndimage.binary_erosion(where)
    panel[border] = (1 - opacity) * panel[border] + opacity * np.asarray(color)


def _panel(plane: np.ndarray, grid: Volume) -> np.ndarray:
    """Draw a slice as uint8 (rows, columns, 3) with square pixels."""
    scale = HEIGHT / (plane.shape[0] * grid.spacing_mm[1])
    width = max(1, round(plane.shape[1] * grid.spacing_mm[2] * scale))
    white = max(float(np.percentile(plane, BRIGHTEST)), 1e-6) if plane.max() > 1 else 1.0
    grey = (np.clip(plane / white, 0, 1) * 255).astype(np.uint8)
    resized = np.asarray(Image.fromarray(grey).resize((width, HEIGHT), Image.Resampling.BILINEAR))
    return np.repeat(resized[..., None], 3, axis=2)


def _beside(panels: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.pad(panel, ((0, 0), (0, GAP), (0, 0))) for panel in panels], axis=1)


def _below(rows: Sequence[np.ndarray]) -> np.ndarray:
    width = max(row.shape[1] for row in rows)
    return np.concatenate([np.pad(row, ((0, GAP), (0, width - row.shape[1]), (0, 0))) for row in rows])
