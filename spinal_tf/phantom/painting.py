"""Painting of a drawn person slice by slice: tissues, grain, and bands of pixels in which a structure can lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spinal_tf.phantom.fields import Array, smooth_noise

TISSUES: Mapping[str, tuple[tuple[float, float], tuple[float, float]]] = {
    "air": ((0.01, 0.03), (0.01, 0.03)),
    "muscle": ((0.07, 0.19), (0.3, 0.45)),
    "fat": ((0.45, 1.0), (0.75, 1.05)),
    "marrow": ((0.16, 0.55), (0.4, 0.7)),
    "cortex": ((0.02, 0.07), (0.05, 0.12)),
    "ligament": ((0.03, 0.1), (0.1, 0.25)),
    "dry disc": ((0.06, 0.14), (0.3, 0.4)),
    "wet disc": ((0.5, 0.95), (0.25, 0.35)),
    "fluid": ((1.0, 1.0), (0.12, 0.18)),
    "cord": ((0.3, 0.3), (0.5, 0.5)),
    "grey matter": ((0.33, 0.46), (0.44, 0.48)),
    "brain": ((0.3, 0.42), (0.42, 0.52)),
    "skin": ((0.2, 0.45), (0.4, 0.6)),
    "vessel": ((0.02, 0.08), (0.1, 1.0)),
    "lung": ((0.02, 0.06), (0.02, 0.06)),
}
"""Range of each tissue's level on T2w (fluid 1, cord 0.3) and on contrast-enhanced T1w (cord 0.5)."""


@dataclass(frozen=True)
class Tissue:
    """Levels of one tissue in one person."""

    t2: float
    t1: float


def draw_tissues(rng: np.random.Generator) -> dict[str, Tissue]:
    """Draw the levels of all tissues of a person, by name."""
    return {name: Tissue(float(rng.uniform(*t2)), float(rng.uniform(*t1))) for name, (t2, t1) in TISSUES.items()}


T2W_SHARE, RANDOM_SHARE = 0.55, 0.35
"""Shares of people scanned with a T2w sequence, and with random levels; the others are scanned like T1w."""

RANDOM_LEVELS = (0.03, 1.0)
"""Range of a random T2w level, fluid 1."""

NEVER_RANDOM = frozenset(("cord", "fluid", "grey matter", "air", "cortex"))
"""Tissues that keep their T2w levels among random ones, so that the cord stays visible."""

T1_SPREAD = (0.8, 1.2)
"""Range of the factor on a tissue's T1w level if the T2w image looks like T1w."""


def draw_any_tissues(rng: np.random.Generator) -> dict[str, Tissue]:
    """Draw the levels of a person scanned with any sequence, so that a network learns shapes instead of levels."""
    tissues, chance = draw_tissues(rng), rng.random()
    if chance < T2W_SHARE:
        return tissues
    if chance >= T2W_SHARE + RANDOM_SHARE:
        return {name: Tissue(one.t1 * float(rng.uniform(*T1_SPREAD)), one.t1) for name, one in tissues.items()}
    return {
        name: one if name in NEVER_RANDOM else Tissue(float(rng.uniform(*RANDOM_LEVELS)), one.t1)
        for name, one in tissues.items()
    }


DrawTissues = Callable[[np.random.Generator], dict[str, Tissue]]
"""Function that draws the levels of all tissues of a person, by name."""

Contrasts = Literal["t2w", "random"]
CONTRASTS: Mapping[Contrasts, DrawTissues] = {"t2w": draw_tissues, "random": draw_any_tissues}
"""How the levels of a drawn spine are drawn."""


class Grain:
    """Noise that changes from slice to slice: each layer is another part of one field, and slices blend two layers."""

    def __init__(
        self, rng: np.random.Generator, shape: tuple[int, int], cells: tuple[float, float], depth_mm: float
    ) -> None:
        """Draw the field.

        Args:
            rng: source of all randomness.
            shape: rows and columns of the region.
            cells: grain along rows and columns in pixels.
            depth_mm: grain across slices.
        """
        # `Band.grain` sets texels, indices into the flattened field of row length `width`; only these are looked up.
        self.margins = [min(int(4 * cell) + 8, 160) for cell in cells]
        self.width = shape[1] + self.margins[1]
        self.shape = shape
        self.depth_mm = depth_mm
        self.field = smooth_noise(rng, (shape[0] + self.margins[0], self.width), cells)
        self.offsets = rng.integers(0, self.margins, (64, 2))
        self.texels: Array | None = None
        self.layers: dict[int, Array] = {}

    def at(self, x_mm: float) -> Array:
        """Return the noise of one slice; callers go through the slices in order, so two layers are kept."""
        layer, share = divmod(x_mm / self.depth_mm, 1)
        share = share * share * (3 - 2 * share)
        number = int(layer)
        self.layers = {at: self.layers[at] if at in self.layers else self._layer(at) for at in (number, number + 1)}
        weight = np.float32(1 / np.hypot(share, 1 - share))
        blended: Array = self.layers[number] * np.float32((1 - share) * weight)
        blended += self.layers[number + 1] * np.float32(share * weight)
        return blended

    def _layer(self, number: int) -> Array:
        row, column = self.offsets[number % len(self.offsets)]
        if self.texels is not None:
            shifted: Array = self.field.ravel()[self.texels + np.int32(row * self.width + column)]
            return shifted
        return self.field[row : row + self.shape[0], column : column + self.shape[1]]


class Paint:
    """T2w and optional T1w of some pixels of one slice; tissues are painted over earlier ones."""

    def __init__(self, t2: Array, t1: Array | None) -> None:
        """Paint in place on these arrays, float32 of any shape."""
        self.t2, self.t1 = t2, t1

    def paint(self, fraction: Array, tissue: Tissue, texture: Array | None = None) -> None:
        """Blend in a tissue; the texture multiplies its levels."""
        for image, level in ((self.t2, tissue.t2), (self.t1, tissue.t1)):
            if image is not None:
                target = np.float32(level) if texture is None else np.float32(level) * texture
                image += fraction * (target - image)


@dataclass(frozen=True, kw_only=True)
class Band:
    """Pixels of a slice near the spine, in the spine's own coordinates.

    Attributes:
        pixels: int32 (n,), index of each pixel in a flattened slice.
        s: float32 (n,), distance along the spine below the top of C1 in mm.
        n: float32 (n,), distance behind the middle of the canal in mm.
        x: float32 (n,), position of the middle of the canal across slices in mm.
    """

    pixels: Array
    s: Array
    n: Array
    x: Array

    def lift(self, t2: Array, t1: Array | None) -> Paint:
        """Copy the band's pixels of a flattened slice, to paint on."""
        return Paint(t2[self.pixels], None if t1 is None else t1[self.pixels])

    def drop(self, paint: Paint, t2: Array, t1: Array | None) -> None:
        """Write the painted pixels back to the slice."""
        t2[self.pixels] = paint.t2
        if t1 is not None and paint.t1 is not None:
            t1[self.pixels] = paint.t1

    def grain(self, rng: np.random.Generator, s_mm: float, n_mm: float, x_mm: float) -> Grain:
        """Draw noise at the band's pixels; the grain is given in mm along the spine, behind it and across slices."""
        row, column = (((values - values.min()) / TEXEL_MM).astype(np.int32) for values in (self.s, self.n))
        shape = (int(row.max()) + 1, int(column.max()) + 1)
        grain = Grain(rng, shape, (s_mm / TEXEL_MM, n_mm / TEXEL_MM), x_mm)
        grain.texels = row * np.int32(grain.width) + column
        return grain


TEXEL_MM = 0.6
"""Resolution of the fields that `Band.grain` draws."""
