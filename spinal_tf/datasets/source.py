"""Cases of a cohort as the training reads them, with every refusal naming the case."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from spinal_tf.datasets.cache import Entry
from spinal_tf.errors import TrainingError, VolumeError
from spinal_tf.taxonomy import Diagnosis
from spinal_tf.volume import Volume, read_aligned, read_mask, read_volume

READ_AT_ONCE = 4
"""Cases that are read in parallel; each may hold some 100 MB meanwhile."""


class CohortCase(Protocol):
    """What the training wants to know of a case; see `spinal_tf.cohort`."""

    @property
    def case(self) -> str: ...
    @property
    def t2(self) -> Path: ...
    @property
    def t1c(self) -> Path | None: ...
    @property
    def mask(self) -> Path | None: ...
    @property
    def diagnosis(self) -> Diagnosis | None: ...
    @property
    def split(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Examination:
    """A case with its images.

    Attributes:
        t2: T2w volume.
        mask: bool, shape of ``t2.data``; empty for a healthy person.
        t1c: on the same grid, or None.
    """

    case: CohortCase
    t2: Volume
    mask: np.ndarray
    t1c: Volume | None


def read_examination(case: CohortCase, *, with_t1c: bool) -> Examination:
    """Read a case's images.

    Args:
        case: the row of the cohort.
        with_t1c: read the contrast-enhanced scan, too, where there is one.

    Raises:
        TrainingError: a file is missing or unsuitable, or a case with a lesion has none in its mask.
    """
    try:
        t2 = read_volume(case.t2)
        mask = np.zeros(t2.data.shape, bool) if case.mask is None else read_mask(case.mask, like=t2)
        t1c = read_aligned(case.t1c, like=t2) if with_t1c and case.t1c is not None else None
    except VolumeError as error:
        raise TrainingError(f"{case.case}: {error}") from error
    if case.diagnosis is not None and not mask.any():
        where = "has no mask" if case.mask is None else f"the mask {case.mask.name} holds no lesion"
        raise TrainingError(
            f"{case.case}: {where}, but the diagnosis is {case.diagnosis.value}; correct the mask or leave the case out"
        )
    return Examination(case=case, t2=t2, mask=mask, t1c=t1c)


def entries(
    cases: Sequence[CohortCase], prepare: Callable[[Examination], Entry], *, with_t1c: bool, seen: Callable[[int], None]
) -> Iterator[Entry]:
    """Read and prepare cases, several at once, in order.

    Args:
        cases: to be read.
        prepare: makes what is stored of a case.
        with_t1c: see `read_examination`.
        seen: told the number of cases done, after each.
    """

    def work(case: CohortCase) -> Entry:
        return prepare(read_examination(case, with_t1c=with_t1c))

    with ThreadPoolExecutor(READ_AT_ONCE) as pool:
        for start in range(0, len(cases), READ_AT_ONCE):
            part = cases[start : start + READ_AT_ONCE]
            for number, entry in enumerate(pool.map(work, part), start=start + 1):
                yield entry
                seen(number)


def file_facts(cases: Sequence[CohortCase]) -> list[list[Any]]:
    """What tells that a file was exchanged since: size and time of each image, by case."""
    return [
        [case.case, case.split, case.diagnosis and case.diagnosis.value, *(_facts(path) for path in _paths(case))]
        for case in cases
    ]


def _paths(case: CohortCase) -> tuple[Path | None, ...]:
    return case.t2, case.t1c, case.mask


def _facts(path: Path | None) -> list[int] | None:
    if path is None or not path.exists():
        return None  # a missing file is told with its case when it is read
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]
