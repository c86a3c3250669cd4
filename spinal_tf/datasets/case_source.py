"""Cases of a cohort as the training reads them, with every refusal naming the case."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from spinal_tf.cohort.case import Case
from spinal_tf.cohort.cells import CORD_COLUMN, MODEL_MASK_COLUMN
from spinal_tf.cohort.images import ReadVolume
from spinal_tf.datasets.cache import Entry
from spinal_tf.errors import TrainingError, VolumeError
from spinal_tf.images.volume import Volume, read_aligned, read_mask, read_volume
from spinal_tf.threads import Progress, map_threads

READ_AT_ONCE = 8
"""Cases that are read in parallel; each may hold some 100 MB meanwhile."""


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A case with its images.

    Attributes:
        t2: T2w volume.
        mask: bool, shape of ``t2.data``; empty for a healthy person.
        cord: bool, the same shape, or None where it was not asked for or the cohort has no column ``cord``.
        t1c: on the same grid, or None.
        model_mask: the same of the column ``model_mask``.
    """

    case: Case
    t2: Volume
    mask: np.ndarray
    cord: np.ndarray | None
    t1c: Volume | None
    model_mask: np.ndarray | None


def read_examination(
    case: Case, *, folder: Path, with_t1c: bool, masks: Collection[str], read: ReadVolume = read_volume
) -> Examination:
    """Read a case's images.

    Args:
        case: the row of the cohort.
        folder: of the cohort's table, where paths in its columns ``cord`` and ``model_mask`` begin.
        with_t1c: read the contrast-enhanced scan, where there is one.
        masks: which of those two columns are read.
        read: how a T2w scan is read.

    Raises:
        TrainingError: a file is missing or unsuitable, or a case with a lesion has none in its mask.
    """
    try:
        t2 = read(case.t2)
        mask = np.zeros(t2.data.shape, bool) if case.mask is None else read_mask(case.mask, like=t2)
        t1c = read_aligned(case.t1c, like=t2) if with_t1c and case.t1c is not None else None
        extra = {column: read_mask(path, like=t2) for column, path in extra_masks(case, folder, masks).items()}
    except VolumeError as error:
        raise TrainingError(f"{case.name}: {error}") from error
    if case.diagnosis is not None and not mask.any():
        where = "has no mask" if case.mask is None else f"the mask {case.mask.name} holds no lesion"
        raise TrainingError(
            f"{case.name}: {where}, but the diagnosis is {case.diagnosis.value}; correct the mask or leave the case out"
        )
    cord, model_mask = extra.get(CORD_COLUMN), extra.get(MODEL_MASK_COLUMN)
    return Examination(case=case, t2=t2, mask=mask, cord=cord, t1c=t1c, model_mask=model_mask)


def extra_masks(case: Case, folder: Path, columns: Collection[str]) -> dict[str, Path]:
    """Paths of the masks in columns beyond the schema, by column; those that the case has."""
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
    """Read and prepare cases, a few at once, in order.

    Args:
        cases: to be read.
        prepare: makes what is stored of a case.
        folder: see `read_examination`.
        with_t1c: see `read_examination`.
        masks: see `read_examination`.
        progress: told how many cases are done, and how many there are.
        read: see `read_examination`.
    """

    def work(case: Case) -> Entry:
        return prepare(read_examination(case, folder=folder, with_t1c=with_t1c, masks=masks, read=read))

    def tell(start: int, done: int, _: int) -> None:
        if progress:
            progress(start + done, len(cases))

    for start in range(0, len(cases), READ_AT_ONCE):
        yield from map_threads(work, cases[start : start + READ_AT_ONCE], progress=partial(tell, start))
