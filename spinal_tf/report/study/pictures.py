"""Slices of a case for a figure: gray image, masks of model and reference as colors and outlines, heat map."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from spinal_tf.report.layout import crop_around
from spinal_tf.report.panels import draw_heat, grey_panel, intensity_window
from spinal_tf.report.study.style import GREEN, VERMILLION, YELLOW

PIXELS_PER_MM = 4
"""Scale of slices: 100 mm become 400 pixels, as many as they get on paper."""

OPACITY = 0.45
"""Opacity of the masks."""

LOOKS = ((VERMILLION, "-", "model"), (GREEN, "--", "reference"))
"""Color and line of each mask; their overlap is yellow."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CasePicture:
    """One slice of a case, all arrays (rows, columns) in the order of a volume's slice.

    Attributes:
        image: T2w, any unit.
        predicted: bool, the model's mask.
        reference: bool, the manual mask.
        spacing_mm: spacing of rows and columns.
        heat: Grad-CAM, float, 0 to 1; None if there is no map.
    """

    image: np.ndarray
    predicted: np.ndarray
    reference: np.ndarray
    spacing_mm: tuple[float, float]
    heat: np.ndarray | None = None

    def cropped(self) -> CasePicture:
        """Crop to both masks, as on the contact sheet of a case."""
        crop = crop_around((self.predicted | self.reference)[np.newaxis], self.spacing_mm)
        return replace(
            self,
            image=crop.of(self.image),
            predicted=crop.of(self.predicted),
            reference=crop.of(self.reference),
            heat=None if self.heat is None else crop.of(self.heat),
        )


def widest_slice(
    image: np.ndarray,
    predicted: np.ndarray,
    reference: np.ndarray,
    spacing_mm: tuple[float, float, float],
    heat: np.ndarray | None = None,
) -> CasePicture:
    """Return the slice with the largest area of the reference, or of the model's mask if the reference is empty.

    Of equal slices, the first is taken; if both masks are empty, the middle slice.

    Args:
        image: T2w, (slices, rows, columns), as all other arrays.
        predicted: bool, the model's mask.
        reference: bool, the manual mask.
        spacing_mm: spacing of slices, rows and columns.
        heat: Grad-CAM, 0 to 1.
    """
    areas = (reference if reference.any() else predicted).sum(axis=(1, 2))
    index = int(areas.argmax()) if areas.any() else len(image) // 2
    return CasePicture(
        image=image[index],
        predicted=predicted[index],
        reference=reference[index],
        spacing_mm=spacing_mm[1:],
        heat=None if heat is None else heat[index],
    )


def grey(picture: CasePicture) -> np.ndarray:
    """Draw the image as RGB uint8 with square pixels."""
    sizes = zip(picture.image.shape, picture.spacing_mm, strict=True)
    height, width = (max(1, round(count * spacing * PIXELS_PER_MM)) for count, spacing in sizes)
    return grey_panel(picture.image, (height, width), intensity_window(picture.image))


def with_masks(picture: CasePicture) -> np.ndarray:
    """Draw the masks over the image, as RGB uint8: red model only, green reference only, yellow both."""
    pixels = grey(picture).astype(float)
    ours, theirs = (enlarged(mask, pixels.shape) for mask in (picture.predicted, picture.reference))
    for colour, chosen in ((VERMILLION, ours & ~theirs), (GREEN, theirs & ~ours), (YELLOW, ours & theirs)):
        pixels[chosen] = (1 - OPACITY) * pixels[chosen] + OPACITY * 255 * np.array(to_rgb(colour))
    return np.round(pixels).astype(np.uint8)


def with_heat(picture: CasePicture) -> np.ndarray:
    """Draw the heat map over the image, as RGB uint8."""
    return grey(picture) if picture.heat is None else draw_heat(grey(picture), picture.heat)


def draw_outlines(panel: Axes, picture: CasePicture, extent: tuple[float, float, float, float]) -> None:
    """Draw outlines of the masks, the reference's dashed, on an image of that extent (left, right, bottom, top)."""
    left, right, bottom, top = extent
    for mask, (colour, line, _) in zip((picture.predicted, picture.reference), LOOKS, strict=True):
        if not mask.any():
            continue
        framed = np.pad(mask, 1).astype(float)  # so that outlines at the edge close
        rows, columns = (np.arange(-0.5, count + 1) / count for count in mask.shape)
        panel.contour(
            left + columns * (right - left),
            top + rows * (bottom - top),
            framed,
            [0.5],
            colors=[colour],
            linestyles=[line],
            linewidths=1.2,
        )


def enlarged(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Resize a mask to the rows and columns of a picture; each pixel takes the value of its voxel."""
    rows, columns = (np.arange(new) * old // new for new, old in zip(shape, mask.shape, strict=False))
    return mask[np.ix_(rows, columns)].astype(bool)
