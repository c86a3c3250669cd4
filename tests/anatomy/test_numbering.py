"""Counting of made-up bodies, evenly spaced in a straight column."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.anatomy.bodies import Body
from spinal_tf.anatomy.numbering import number_bodies
from spinal_tf.anatomy.vertebra_names import C2, L5

ROWS, STEP, HEIGHT = 360, 12, 9
"""Rows of the plane, from one body to the next, and of a body, all in pixels of 1.5 mm."""
SPACING_MM = (1.5, 1.5)


def bodies(count):
    """Bodies from row 10 on."""
    found = []
    for number in range(count):
        rows, columns = np.mgrid[0:HEIGHT, 40:52]
        pixels = np.stack([rows.ravel() + 10 + number * STEP, columns.ravel()], axis=1)
        row, column = pixels.mean(axis=0)
        area_mm2 = len(pixels) * 1.5**2
        found.append(Body(pixels=pixels, along_mm=1.5 * row, centre=(row, column), area_mm2=area_mm2))
    return found


def plane(*pixels):
    """A probability that is 1 at these pixels."""
    found = np.zeros((ROWS, 80), np.float32)
    for rows, columns in pixels:
        found[rows, columns] = 1
    return found


def numbered(count, *, c2=False, sacrum=None, given=None):
    all_bodies = bodies(count)
    end = int(all_bodies[-1].pixels[:, 0].max())
    axis = plane((slice(10, 10 + HEIGHT), slice(40, 52))) if c2 else plane()
    start = end + 4 if sacrum is None else sacrum
    sacral = plane() if sacrum is False else plane((slice(start, start + 40), slice(40, 52)))
    return number_bodies(all_bodies, sacral, axis, SPACING_MM, given)


def numbers(numbering):
    return [one.number for one in numbering.vertebrae]


def test_between_c2_and_sacrum_the_counts_agree_for_23_vertebrae():
    numbering = numbered(L5 - C2 + 1, c2=True)
    assert numbers(numbering) == list(range(C2, L5 + 1))
    assert numbering.landmarks == ("C2", "sacrum")
    assert (numbering.doubts, numbering.ambiguous) == ((), False)


@pytest.mark.parametrize("count", [22, 24])
def test_a_vertebra_too_few_or_too_many_is_ambiguous(count):
    numbering = numbered(count, c2=True)
    assert numbering.ambiguous
    assert "one may be extra or missing" in numbering.doubts[0]
    assert numbers(numbering) == [*range(C2, C2 + min(count, 23)), *[None] * (count - 23)]  # those counted from C2


def test_a_first_sacral_segment_that_looks_lumbar_is_ambiguous():
    plain = numbered(6)
    assert (numbers(plain), plain.ambiguous) == ([19, 20, 21, 22, 23, 24], False)
    last = bodies(6)[-1].pixels[:, 0]
    numbering = numbered(6, sacrum=int(last.min()) - 2)  # the sacrum's outline takes in the last body
    assert numbers(numbering)[-1] == L5
    assert numbering.ambiguous
    assert "off by one" in numbering.doubts[0]


def test_without_landmark_nothing_is_ambiguous_but_unknown():
    numbering = numbered(6, sacrum=False)
    assert numbers(numbering) == [None] * 6
    assert not numbering.ambiguous


def test_a_given_level_overrides_a_landmark_that_is_doubted_then():
    row = 10 + 2 * STEP + HEIGHT / 2
    agreed = numbered(6, given=(21, row))
    assert numbers(agreed) == numbers(numbered(6))
    assert (agreed.landmarks, agreed.doubts, agreed.ambiguous) == (("given",), (), False)
    numbering = numbered(6, given=(20, row))
    assert numbers(numbering) == [18, 19, 20, 21, 22, 23]
    assert numbering.ambiguous
    assert numbering.doubts == (
        "by the given level, the vertebra above the sacrum is L4; check name and row of that level",
    )
    assert "the vertebra that looks like C2 is C3" in numbered(6, c2=True, sacrum=False, given=(5, row)).doubts[0]


@pytest.mark.parametrize(("row", "found"), [(0, False), (5, False), (6, True), (10, True), (19, True), (200, False)])
def test_a_given_level_needs_a_body_at_its_row(row, found):
    numbering = numbered(6, given=(19, row))
    assert numbers(numbering) == ([19, 20, 21, 22, 23, 24] if found else [None] * 6)
    assert numbering.landmarks == (("given",) if found else ())
    assert numbering.doubts == ()
