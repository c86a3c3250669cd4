"""Numbers of vertebrae, counted from a landmark that the scan shows: C2, the sacrum, or a level that a person gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from spinal_tf.anatomy.bodies import Body
from spinal_tf.anatomy.canal_line import INSIDE
from spinal_tf.anatomy.vertebra_names import C2, L5, S1, vertebra_name

Array = np.ndarray

SMALLEST_SACRUM_MM2 = 250.0
"""Smallest area of a sacrum in the middle plane: half of a first sacral segment, 30 x 18 mm."""

TO_SACRUM_MM = 18.0
"""Distance from the last body to the sacrum up to which nothing is missing between them: a high disc."""

TO_GIVEN_MM = 6.0
"""Distance from a body to a row that a person gives for it: half of a high disc."""

UNEVEN = (0.6, 1.5)
"""Range of the distance between two bodies, relative to what their neighbors let expect, within which none is missing
or split. Neighboring distances differ by up to 20 % in the simulated spines and in 12 public lumbar ones."""

CUT = 0.3
"""Lower end of that range where the field of view cuts one of the bodies."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Vertebra:
    """A vertebral body and its number, None if it could not be counted; see `vertebra_names`."""

    body: Body
    number: int | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Numbering:
    """Numbered vertebrae from top to bottom.

    Attributes:
        vertebrae: C2 to L5, as far as the scan shows them.
        landmarks: what the count started from: ``C2``, ``sacrum``, ``given``.
        sacrum: row and column of the pixels of the sacrum in the middle plane, int64 (n, 2); empty if it is not seen.
        doubts: why the numbers may be wrong, or are missing; one plain sentence each.
        ambiguous: whether the numbers may be off by one: the landmarks disagree, or the first sacral segment looks
            like a lumbar vertebra.
    """

    vertebrae: tuple[Vertebra, ...]
    landmarks: tuple[str, ...]
    sacrum: Array
    doubts: tuple[str, ...]
    ambiguous: bool = False


def number_bodies(
    bodies: Sequence[Body], sacrum: Array, c2: Array, spacing_mm: tuple[float, float], given: tuple[int, float] | None
) -> Numbering:
    """Count the bodies.

    Args:
        bodies: bodies from top to bottom.
        sacrum: probability of the sacrum in the middle plane, float32 (row, column).
        c2: probability of C2's body, the same shape.
        spacing_mm: distance between pixels along row, column.
        given: number of a vertebra and its row in the plane, from a person; it overrides what is seen.
    """
    sacral = _sacrum(sacrum, spacing_mm)
    bodies, overlapping = _above(bodies, sacral)
    bodies = _below_c2(bodies, c2)
    seen = _anchors(bodies, sacral, c2, spacing_mm)
    anchors = seen if given is None else _given_anchor(bodies, given, spacing_mm[0])
    numbers, doubts, disagree = _counted(bodies, anchors, sacrum.shape[0])
    if bodies and not anchors and given is None:
        doubts.append("the scan shows neither C2 nor the sacrum, so vertebrae cannot be numbered")
    if "given" in anchors:
        against = [_against(landmark, numbers[index], number) for landmark, (index, number) in seen.items()]
        doubts += filter(None, against)
        disagree = any(against)
    transitional = overlapping and "C2" not in anchors and "sacrum" in anchors
    if transitional:
        doubts.append("the first sacral segment looks like a lumbar vertebra, so the lumbar numbers may be off by one")
    return Numbering(
        vertebrae=tuple(Vertebra(body=one, number=number) for one, number in zip(bodies, numbers, strict=True)),
        landmarks=tuple(anchors),
        sacrum=sacral,
        doubts=tuple(doubts),
        ambiguous=disagree or transitional,
    )


def _sacrum(probability: Array, spacing_mm: tuple[float, float]) -> Array:
    """Return the pixels of the largest part of the sacrum, (n, 2)."""
    labels, count = ndimage.label(probability >= INSIDE)
    if not count:
        return np.zeros((0, 2), int)
    largest = int(np.argmax(np.bincount(labels.ravel())[1:])) + 1
    pixels = np.argwhere(labels == largest)
    return pixels if len(pixels) * spacing_mm[0] * spacing_mm[1] >= SMALLEST_SACRUM_MM2 else np.zeros((0, 2), int)


def _above(bodies: Sequence[Body], sacral: Array) -> tuple[list[Body], bool]:
    """Drop bodies beside or below the sacrum; also return whether one of them is the sacrum's own first segment."""
    if not len(sacral):
        return list(bodies), False
    middle = sacral.mean(axis=0)
    top = np.percentile(sacral[:, 0], 5)
    kept = [one for one in bodies if one.centre[0] < middle[0] and not _lies_in(one, sacral)]
    dropped = [one for one in bodies if _lies_in(one, sacral) and one.centre[0] < middle[0] and one.centre[0] > top]
    return kept, bool(dropped)


def _lies_in(body: Body, sacral: Array) -> bool:
    row, column = body.centre
    return bool(np.min(np.hypot(sacral[:, 0] - row, sacral[:, 1] - column)) < 1.5)


def _below_c2(bodies: Sequence[Body], c2: Array) -> list[Body]:
    """Drop what lies above C2."""
    shares = [_share(one, c2) for one in bodies]
    return list(bodies[int(np.argmax(shares)) :]) if shares and max(shares) >= INSIDE else list(bodies)


def _share(body: Body, probability: Array) -> float:
    return float(probability[body.pixels[:, 0], body.pixels[:, 1]].mean())


def _anchors(
    bodies: Sequence[Body], sacral: Array, c2: Array, spacing_mm: tuple[float, float]
) -> dict[str, tuple[int, int]]:
    """Return index and number of the vertebra beside each landmark that is seen."""
    anchors = {}
    if bodies and _share(bodies[0], c2) >= INSIDE:
        anchors["C2"] = (0, C2)
    if bodies and len(sacral):
        apart = (bodies[-1].pixels[:, None] - sacral[None]) * np.array(spacing_mm)
        if float(np.linalg.norm(apart, axis=-1).min()) <= TO_SACRUM_MM:
            anchors["sacrum"] = (len(bodies) - 1, L5)
    return anchors


def _given_anchor(bodies: Sequence[Body], given: tuple[int, float], row_mm: float) -> dict[str, tuple[int, int]]:
    """Return index and number of the body at the row of a given level; empty if there is none."""
    number, row = given
    nearest = min(range(len(bodies)), key=lambda index: abs(bodies[index].centre[0] - row), default=None)
    if nearest is None:
        return {}
    rows = bodies[nearest].pixels[:, 0]
    away_mm = max(rows.min() - row, row - rows.max(), 0) * row_mm
    return {"given": (nearest, number)} if away_mm <= TO_GIVEN_MM else {}


def _against(landmark: str, found: int | None, expected: int) -> str | None:
    """Return the doubt about a given level that contradicts a landmark on the scan."""
    if found in (None, expected):
        return None
    where = "that looks like C2" if landmark == "C2" else "above the sacrum"
    return f"by the given level, the vertebra {where} is {vertebra_name(found or S1)}; check name and row of that level"


def _counted(
    bodies: Sequence[Body], anchors: dict[str, tuple[int, int]], rows: int
) -> tuple[list[int | None], list[str], bool]:
    """Count up and down from the landmarks, as far as the distances between bodies are even.

    Returns:
        The numbers, the doubts, and whether the landmarks disagree.
    """
    numbers: list[int | None] = [None] * len(bodies)
    doubts: list[str] = []
    even = _evenness(bodies, rows)
    for landmark, (start, number) in anchors.items():
        before = list(numbers)
        for step in (-1, 1):
            index, value = start, number
            while 0 <= index < len(bodies) and C2 <= value <= L5:
                if numbers[index] not in (None, value):
                    doubts.append(_disagreement(landmark, value, numbers[index]))
                    return before, doubts, True
                numbers[index] = value
                between = index if step > 0 else index - 1
                if not 0 <= between < len(even) or not even[between]:
                    break
                index, value = index + step, value + step
    if anchors and None in numbers:
        doubts.append("some vertebrae were not told apart, so those beyond them are not numbered")
    return numbers, doubts, False


def _disagreement(landmark: str, value: int, other: int | None) -> str:
    name, number = vertebra_name(value), vertebra_name(other or S1)
    return (
        f"counted from the {landmark} a vertebra is {name}, counted from C2 it is {number}; one may be extra or missing"
    )


def _evenness(bodies: Sequence[Body], rows: int) -> list[bool]:
    """Return for each pair of neighbors whether their distance fits the other distances nearby.

    A body that the field of view cuts may lie closer to its neighbor.
    """
    along = np.array([one.along_mm for one in bodies])
    gaps = np.diff(along)
    result = []
    for index, gap in enumerate(gaps):
        near = np.delete(gaps[max(0, index - 2) : index + 3], min(index, 2))
        expected = float(np.median(near)) if len(near) else float(gap)
        cut = any(_is_cut(one, rows) for one in bodies[index : index + 2])
        result.append((CUT if cut else UNEVEN[0]) <= gap / expected <= UNEVEN[1])
    return result


def _is_cut(body: Body, rows: int) -> bool:
    return bool(body.pixels[:, 0].min() <= 1 or body.pixels[:, 0].max() >= rows - 2)
