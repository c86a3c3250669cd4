"""Read the cases of a cohort for training; every error names the case."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from spinal_tf.cohort.case import Case
from spinal_tf.cohort.cells import ANATOMY_COLUMN, CORD_COLUMN, MODEL_MASK_COLUMN
from spinal_tf.cohort.images import ReadVolume
from spinal_tf.datasets.cache import Entry
from spinal_tf.errors import TrainingError, VolumeError
from spinal_tf.images.anatomy_map import read_anatomy_map
from spinal_tf.images.contrast_scan import read_t1c
from spinal_tf.images.lesion_mask import read_lesion_mask
from spinal_tf.images.volume import Volume, read_mask, read_volume
from spinal_tf.threads import Progress, map_threads

READ_AT_ONCE = 8
"""Number of cases read in parallel; each can take about 100 MB of memory."""


READERS = {CORD_COLUMN: read_mask, MODEL_MASK_COLUMN: read_mask, ANATOMY_COLUMN: read_anatomy_map}
"""Function that reads the image of an extra column."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A case with its images and masks.

    Attributes:
        t2: T2w volume.
        mask: bool, shape of ``t2.data``; all False for a healthy person.
        cord: bool, the same shape; None if not requested or if the case has no mask in the column ``cord``.
        t1c: T1c volume on the same grid, or None.
        model_mask: like ``cord``, from the column ``model_mask``.
        anatomy: uint8 labels of `spinal_tf.images.anatomy_map`, the same shape; None likewise.
    """

    case: Case
    t2: Volume
    mask: np.ndarray
    cord: np.ndarray | None
    t1c: Volume | None
    model_mask: np.ndarray | None
    anatomy: np.ndarray | None = None


def read_examination(
    case: Case, *, folder: Path, with_t1c: bool, masks: Collection[str], read: ReadVolume = read_volume
) -> Examination:
    """Read a case's images.

    Args:
        case: row of the cohort.
        folder: folder of the cohort's table; paths in the columns of `READERS` are relative to it.
        with_t1c: read the T1c scan, if there is one.
        masks: which of these columns to read.
        read: function that reads a T2w scan.

    Raises:
        TrainingError: a file is missing or unsuitable, or the mask of a case with a lesion is empty.
    """
    try:
        t2 = read(case.t2)
        lesions = read_lesion_mask(case.mask, like=t2, values=case.mask_values) if case.mask else None
        t1c = read_t1c(case.t1c, like=t2) if with_t1c and case.t1c is not None else None
        extra = {column: READERS[column](path, like=t2) for column, path in extra_masks(case, folder, masks).items()}
    except VolumeError as error:
        raise TrainingError(f"{case.name}: {error}") from error
    mask = lesions.mask if lesions else np.zeros(t2.data.shape, bool)
    if case.diagnosis is not None and not mask.any():
        where = "has no mask" if case.mask is None else f"the mask {case.mask.name} holds no lesion"
        raise TrainingError(
            f"{case.name}: {where}, but the diagnosis is {case.diagnosis.value}; correct the mask or leave the case out"
        )
    cord, model_mask, anatomy = map(extra.get, READERS)
    return Examination(case=case, t2=t2, mask=mask, cord=cord, t1c=t1c, model_mask=model_mask, anatomy=anatomy)


def extra_masks(case: Case, folder: Path, columns: Collection[str]) -> dict[str, Path]:
    """Return the paths of the masks that the case has in these extra columns, by column."""
    return {column: folder / case.extra[column] for column in columns if case.extra.get(column)}


def entries(
    cases: Sequence[Case],
    prepare: Callable[[Examination], Entry],
    *,
    folder: Path,
    with_t1c: bool,
    masks: Collection[str],
    progress: Progress | None,
    read: ReadVolume = read_volume,
) -> Iterator[Entry]:
    """Read and prepare cases in order, a few at a time.

    Args:
        cases: cases to read.
        prepare: makes the cache entry of a case.
        folder: see `read_examination`.
        with_t1c: see `read_examination`.
        masks: see `read_examination`.
        progress: called with the number of cases done and the total.
        read: see `read_examination`.
    """

    def work(case: Case) -> Entry:
        return prepare(read_examination(case, folder=folder, with_t1c=with_t1c, masks=masks, read=read))

    def tell(start: int, done: int, _: int) -> None:
        if progress:
            progress(start + done, len(cases))

    for start in range(0, len(cases), READ_AT_ONCE):
        yield from map_threads(work, cases[start : start + READ_AT_ONCE], progress=partial(tell, start))
