"""Narrower fields of view of a scan, since some protocols show little more than the spine."""

from __future__ import annotations

import numpy as np

from spinal_tf.datasets.case_source import Examination

WIDTH_MM = (60.0, 150.0)
OFF_CENTRE = 0.2
"""Maximum distance of the lesion or cord from the middle, relative to the width."""

SHORT_SHARE = 0.5
"""Share of the narrow views that are also short."""

HEIGHT = (0.35, 0.9)
"""Height of a short view, relative to the scan's height."""

View = tuple[slice, slice, slice]


def tight_view(examination: Examination, share: float) -> View:
    """Return a narrow view around the lesion or cord for a share of cases, and the whole scan for the others.

    The case's name determines the view, so a case always gets the same view.

    Args:
        examination: the case; never cropped without a lesion or cord mask.
        share: share of cases with a narrow view, 0 to 1.
    """
    whole = slice(None), slice(None), slice(None)
    rng = np.random.default_rng(list(examination.case.name.encode("utf-8")))
    centre = examination.mask if examination.mask.any() else examination.cord
    if rng.random() >= share or centre is None or not centre.any():
        return whole
    _, rows, columns = centre.shape
    _, row, column = np.argwhere(centre).mean(axis=0)
    width = round(rng.uniform(*WIDTH_MM) / examination.t2.spacing_mm[2])
    column_view = _around(column + width * rng.uniform(-OFF_CENTRE, OFF_CENTRE), width, columns)
    if rng.random() >= SHORT_SHARE:
        return slice(None), slice(None), column_view
    return slice(None), _around(row, round(rows * rng.uniform(*HEIGHT)), rows), column_view


def _around(centre: float, width: int, length: int) -> slice:
    first = int(np.clip(centre - width / 2, 0, max(length - width, 0)))
    return slice(first, first + width)
