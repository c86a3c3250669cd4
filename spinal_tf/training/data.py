"""Cases of a cohort for training: checked, prepared once, and identified by a hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from spinal_tf.cohort.case import Case, Cohort, Split, diagnosis_word
from spinal_tf.cohort.cohort_check import check_cohort
from spinal_tf.cohort.images import ReadVolume
from spinal_tf.cohort.read_cohort import read_cohort
from spinal_tf.datasets.cache import Entry, cache_key, open_cache
from spinal_tf.datasets.case_source import Examination, entries, extra_masks
from spinal_tf.errors import TrainingError
from spinal_tf.file_names import legible
from spinal_tf.files import make_folder
from spinal_tf.images.volume import read_volume
from spinal_tf.threads import Progress
from spinal_tf.training.run_folder import write_json

SPLITS = (Split.TRAIN, Split.VALIDATION)
"""Splits used in training; the test set is not read."""

CHECKED = "cohort.json"

CHECK_VERSION = 2
"""Increases when the check of a cohort becomes stricter, so that cohorts are checked again."""

Prepare = Callable[[Examination], Entry]


class _HasName(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_HasName)


@dataclass(frozen=True, kw_only=True)
class TrainingCohort:
    """A cohort that passed all checks.

    Attributes:
        sha256: hash of the table's content and the images, independent of where the files are.
        cache: folder for the prepared arrays.
        read: function that reads a T2w scan.
        progress: called with the number of cases done and the total.
    """

    cohort: Cohort
    sha256: str
    cache: Path
    read: ReadVolume = read_volume
    progress: Progress | None = None

    def prepared(
        self,
        name: str,
        cases: Sequence[Case],
        prepare: Prepare,
        *,
        with_t1c: bool,
        masks: Collection[str],
        recipe: Mapping[str, Any],
    ) -> list[Entry]:
        """Return the prepared cases, from the cache or made now.

        Args:
            name: name of the cache.
            cases: cases of the cohort.
            prepare: makes the cache entry of a case.
            with_t1c: read the contrast-enhanced scans.
            masks: extra columns whose masks are read.
            recipe: everything that ``prepare`` depends on besides the case, JSON-serializable.

        Raises:
            TrainingError: a case cannot be used.
            OutputError: the cache cannot be written.
        """
        folder = self.cohort.source.parent
        make = partial(entries, cases, prepare, folder=folder, read=self.read)
        extra = (path for case in cases for path in extra_masks(case, folder, masks).values())
        beside = [_state(path, folder) for path in extra if path.exists()]  # a missing file is reported when it is read
        return open_cache(
            self.cache / name,
            cache_key(name=name, cohort=self.sha256, cases=[case.name for case in cases], beside=beside, **recipe),
            partial(make, with_t1c=with_t1c, masks=masks, progress=self.progress),
        )

    def record(self, used: Mapping[Split, Sequence[Case]], only: Collection[str] | None = None) -> dict[str, Any]:
        """Return the cohort's entry in a run's record: its hash, and the cases used by split and diagnosis.

        Args:
            used: the cases of each split.
            only: names of the training cases that are used; None for all.
        """
        cases = {**used, Split.TRAIN: only_named(used[Split.TRAIN], only)}
        return {
            "file": legible(self.cohort.source.name),
            "hash": self.sha256,
            "cases": {split.value: counts(cases[split]) for split in used},
            "simulated": sum(case.is_simulated for some in cases.values() for case in some),
        }


def only_named(cases: Sequence[Named], names: Collection[str] | None) -> list[Named]:
    """Return the cases with these names; None gives all."""
    return [case for case in cases if names is None or case.name in names]


def counts(cases: Sequence[Case]) -> dict[str, int]:
    """Count the cases of each diagnosis."""
    words = [diagnosis_word(case.diagnosis) for case in cases]
    return {word: words.count(word) for word in sorted(set(words))}


def open_cohort(
    path: Path,
    cache: Path,
    *,
    assume_orientation: bool = False,
    allow_plane: bool = False,
    progress: Progress | None = None,
) -> TrainingCohort:
    """Read and check a cohort; images that did not change since the last check are not read again.

    Args:
        path: the table.
        cache: folder, created if missing.
        assume_orientation: see `read_volume`.
        allow_plane: see `read_volume`.
        progress: called for the images that are checked, and later for the cases that are prepared.

    Raises:
        CohortError: the table or an image is invalid.
        OutputError: the cache cannot be written.
    """
    make_folder(cache, option="--cache")
    cohort = read_cohort(path)
    read = partial(read_volume, assume_orientation=assume_orientation, allow_plane=allow_plane)
    facts = _facts(cohort, assume_orientation, allow_plane)
    sha256 = _checked_before(cache / CHECKED, facts)
    if sha256 is None:
        checked = check_cohort(path, read=read, progress=progress)
        checked.require_sound()
        sha256 = str(checked.sha256)
        write_json(cache / CHECKED, {"files": facts, "sha256": sha256})
    return TrainingCohort(cohort=cohort, sha256=sha256, cache=cache, read=read, progress=progress)


def _checked_before(path: Path, facts: str) -> str | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(record, dict) and record.get("files") == facts
    sha256 = record.get("sha256") if known else None
    return sha256 if isinstance(sha256, str) else None


def _facts(cohort: Cohort, *allowances: bool) -> str:
    """Return a hash that detects changes: the table's bytes, size and time of each image, and the reading options."""
    digest = hashlib.sha256(cohort.source.read_bytes())
    digest.update(f"{CHECK_VERSION}\n".encode())
    if any(allowances):
        digest.update(repr(allowances).encode())
    for case in cohort.cases:
        for path in (case.t2, case.t1c, case.mask):
            if path is not None and path.exists():  # the check reports a missing one with its row
                digest.update(f"{_state(path, cohort.source.parent)}\n".encode())
    return digest.hexdigest()


def _state(path: Path, folder: Path) -> str:
    """Return a line that changes when the file does: relative path, size in bytes and modification time in ns."""
    status = path.stat()
    return f"{os.path.relpath(path, folder)} {status.st_size} {status.st_mtime_ns}"


def cases_by_split(cohort: Cohort, *, healthy: bool) -> dict[Split, list[Case]]:
    """Return the cases of each split in `SPLITS`.

    Args:
        cohort: cohort with a split column.
        healthy: keep healthy cases; only the segmenter learns from them.

    Raises:
        TrainingError: a split has no case with a lesion.
    """
    used = {
        split: [case for case in cohort.of_split(split) if healthy or case.diagnosis is not None] for split in SPLITS
    }
    for split, cases in used.items():
        if not any(case.diagnosis for case in cases):
            raise TrainingError(
                f"{cohort.source.name}: the split {split.value} has no case with a lesion; put some cases into it, or "
                "make a split with data_prep/split_cohort.py"
            )
    return used
