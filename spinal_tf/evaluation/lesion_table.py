"""``lesions.csv``: lesions of both masks of each case, so that they can be counted by size without the masks."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from spinal_tf.cohort.cells import Parser, number, parse_cells, word
from spinal_tf.cohort.read_cohort import missing_columns
from spinal_tf.cohort.table import HEADER_ROW, Fault, Table, read_table
from spinal_tf.evaluation.lesionwise import LesionwiseScore, MatchedLesion
from spinal_tf.evaluation.predictions import Predictions

REFERENCE, PREDICTED = "reference", "predicted"

VOLUMES = {REFERENCE: "reference_volume_ml", PREDICTED: "volume_ml"}
"""Columns of the table of predictions that hold the total lesion volume of each mask."""

COLUMNS = ("case", "mask", "volume_ml", "overlap", "partner_iou")
LARGEST_ML = 10_000.0

ROUNDED = 0.01
"""Tolerance for rounding in a sum of volumes: relative, and in mL for each lesion."""

_share = number("a share", 0.0, 1.0)
_PARSERS: Mapping[str, Parser] = {
    "case": str,
    "mask": word("a mask", {name: name for name in VOLUMES}),
    "volume_ml": number("a volume in mL", 0.0, LARGEST_ML),
    "overlap": _share,
    "partner_iou": _share,
}


@dataclass(frozen=True, kw_only=True)
class LesionTable:
    """A table of lesions with its readable content.

    Attributes:
        source: path of the table.
        sha256: SHA-256 of the file.
        by_case: lesions by name of the case; cases without lesions are missing.
        faults: faults of single rows in their order, then of whole cases.
    """

    source: Path
    sha256: str
    by_case: Mapping[str, LesionwiseScore]
    faults: tuple[Fault, ...]


def lesion_rows(case: str, lesions: LesionwiseScore) -> Iterator[dict[str, str | float]]:
    """Yield the rows of one case, with the columns of `COLUMNS`."""
    for mask in VOLUMES:
        for lesion in getattr(lesions, mask):
            yield {"case": case, "mask": mask, **asdict(lesion)}


def parse_lesions(path: Path, predictions: Predictions, named: Collection[str]) -> LesionTable:
    """Read a table of lesions and find every fault.

    Args:
        path: path of the table.
        predictions: predictions of the same cases; their volumes are used to check that no lesion is missing.
        named: names of all cases in the table of predictions, including unreadable ones.

    Raises:
        CohortError: the file is not a readable table.
    """
    table = read_table(path)
    faults = [*table.faults, *missing_columns(table.columns, COLUMNS)]
    found: dict[str, dict[str, list[MatchedLesion]]] = defaultdict(lambda: {mask: [] for mask in VOLUMES})
    if not faults:
        for values in _read_rows(table, predictions.source.name, named, faults):
            lesion = MatchedLesion(**{name: values[name] for name in COLUMNS[2:]})
            found[values["case"]][values["mask"]].append(lesion)
    by_case = {
        case: LesionwiseScore(**{m: _largest_first(one) for m, one in both.items()}) for case, both in found.items()
    }
    if not faults:
        faults += _volume_faults(by_case, predictions)
    digest = sha256(path.read_bytes()).hexdigest()
    return LesionTable(source=path, sha256=digest, by_case=by_case, faults=tuple(faults))


def _read_rows(table: Table, predictions: str, named: Collection[str], faults: list[Fault]) -> Iterator[dict[str, Any]]:
    """Yield the values of rows without fault; faults of the others are appended to ``faults``."""
    for row in table.rows:
        values, problems = parse_cells(row, _PARSERS, lambda _: "is empty; fill it")
        if "case" in values and values["case"] not in (None, *named):
            problem = f'"{values["case"]}" is not in {predictions}; remove it, or add it there'
            problems.append(Fault(row=row.number, column="case", problem=problem))
        faults += problems
        if not problems:
            yield values


def _largest_first(lesions: list[MatchedLesion]) -> tuple[MatchedLesion, ...]:
    return tuple(sorted(lesions, key=lambda lesion: -lesion.volume_ml))


def _volume_faults(by_case: Mapping[str, LesionwiseScore], predictions: Predictions) -> Iterator[Fault]:
    """Yield a fault for each mask whose lesions do not add up to its volume."""
    nothing = LesionwiseScore(reference=(), predicted=())
    for case in predictions.cases:
        for mask, column in VOLUMES.items():
            volumes_ml = [lesion.volume_ml for lesion in getattr(by_case.get(case.name, nothing), mask)]
            total_ml, stated_ml = sum(volumes_ml), case.overlap.get(column, math.nan)
            slack_ml = ROUNDED * (1 + len(volumes_ml))
            if abs(total_ml - stated_ml) > slack_ml + ROUNDED * stated_ml:
                problem = (
                    f'the {mask} lesions of "{case.name}" add up to {total_ml:.3g} mL, but {column} is {stated_ml:.3g} '
                    f"in row {case.row} of {predictions.source.name}; give every lesion of both masks"
                )
                yield Fault(row=HEADER_ROW, column="volume_ml", problem=problem)
