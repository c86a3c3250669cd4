"""One sagittal plane as a picture: gray levels, mask outline, heat map, at equal pixels per mm in both directions."""

from __future__ import annotations

import cv2
import numpy as np

OUTLINE = (86, 180, 233)
"""Sky blue of the palette of Okabe and Ito (2008): distinct from gray and the heat map for color-blind readers, too."""

HEAT_OPACITY = 0.6
"""Opacity of the heat map at its maximum; it falls to 0 with the map, so that the image stays readable."""

WINDOW_PERCENTILES = (1.0, 99.0)
"""Percentiles of the pixels shown that are drawn black and white."""


def intensity_window(planes: np.ndarray) -> tuple[float, float]:
    """Return the intensities to draw black and white."""
    low, high = np.percentile(planes, WINDOW_PERCENTILES)
    return float(low), float(high)


def grey_panel(plane: np.ndarray, size: tuple[int, int], window: tuple[float, float]) -> np.ndarray:
    """Draw an image plane as RGB uint8 of ``size`` (height, width)."""
    low, high = window
    enlarged = cv2.resize(plane.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR)
    scaled = (enlarged - low) / max(high - low, np.finfo(np.float32).tiny)
    grey = np.round(255 * np.clip(scaled, 0, 1)).astype(np.uint8)
    return np.repeat(grey[:, :, np.newaxis], 3, axis=2)


def draw_outline(panel: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Draw a line just outside the mask, along its voxels, so that its inside stays visible.

    The line has a dark outer edge, so that it stands out on white; even a voxel of one pixel gets its whole ring.
    """
    large = cv2.resize(mask.astype(np.uint8), panel.shape[1::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    line, shadow = (cv2.dilate(large, np.ones((side, side), np.uint8)) for side in (5, 7))
    outlined = panel.copy()
    outlined[(shadow > line)] = (0, 0, 0)
    outlined[(line > large)] = OUTLINE
    return outlined


def heat_colours(heat: np.ndarray) -> np.ndarray:
    """Color a map from 0 to 1 as RGB uint8, on a scale whose lightness rises evenly."""
    levels = np.round(255 * np.clip(heat, 0, 1)).astype(np.uint8)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)[..., ::-1])


def draw_heat(panel: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Draw a heat map over the panel; ``heat`` is float32, 0 to 1."""
    large = cv2.resize(heat.astype(np.float32), panel.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    opacity = HEAT_OPACITY * np.clip(large, 0, 1)[:, :, np.newaxis]
    return np.asarray(np.round((1 - opacity) * panel + opacity * heat_colours(large)), np.uint8)
