"""A cohort's summary as text for the terminal, and as a record for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from itertools import product
from string import ascii_letters

from spinal_tf.cohort.case import Split
from spinal_tf.evaluation.cohort_summary import CohortSummary, SplitSummary, SummaryRow
from spinal_tf.evaluation.described import Described
from spinal_tf.evaluation.formats import NOTHING, SIGNIFICANT, finite, printed_p
from spinal_tf.evaluation.lesion_place import PLACE_COLUMNS
from spinal_tf.evaluation.paper.paper_table1 import ROWS, SLIPS, paper_cases
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.file_names import legible
from spinal_tf.tables.terminal import aligned
from spinal_tf.taxonomy import Diagnosis, tree

SURELY_APART = 0.01
"""Level for differences from the paper; stricter than `SIGNIFICANT`, since each split has about fifty of them."""

PAPER = "  paper"

TITLES = {Split.TRAIN: "Training", Split.VALIDATION: "Validation", Split.TEST: "Test"}

PAPER_LEGEND = """\
Paper: Table 1 of Zhuo et al. 2022, doi:10.1148/ryai.210292.
!: differs from the paper by more than chance explains (p < .01)."""

LEGEND = """\
Proportions: cases/cases known (%); age and volume: mean ± SD; count and extent: median (quartiles); - not known.
Levels, extent, sex, age and enhancement are as the cohort's table states them."""

FILLED_LEGEND = """\
Where the table has no level or extent, they were found on the images, for masks at vertebrae that could be counted."""


def as_text(summary: CohortSummary) -> str:
    """Return the whole table as text; lines have at most 120 characters."""
    parts = [_split_text(split) for split in summary.splits]
    filled = any(count for split in summary.splits for count in split.filled.values())
    legend = [LEGEND, *([FILLED_LEGEND] if filled else []), _marks_legend()]
    if beside_paper():
        legend += [PAPER_LEGEND, *(SLIPS[split.split] for split in summary.splits if split.split in SLIPS)]
    return "\n\n".join([legible(summary.source.name), *parts, "\n".join(legend)])


def as_record(summary: CohortSummary) -> dict[str, object]:
    """Return the summary for JSON: numbers are unrounded, and None stands for unknown values."""
    splits = {split.split.value: _split_record(split) for split in summary.splits}
    return {"cohort": legible(summary.source.name), "splits": splits}


def mark_letters() -> dict[str, Diagnosis]:
    """Return the letters that mark a significant difference from a group; the last group needs no letter."""
    letters: dict[str, Diagnosis] = {}
    for diagnosis in tree().diagnoses[:-1]:
        letters[next(letter for letter in diagnosis.value + ascii_letters if letter not in letters)] = diagnosis
    return letters


def _marks_legend() -> str:
    letters = mark_letters()
    names = ", ".join(diagnosis.term for diagnosis in letters.values())
    return f"{', '.join(letters)}: differs from {names} (p < .05, Bonferroni)."


def marks(row: SummaryRow, diagnosis: Diagnosis) -> str:
    """Return the letters of preceding groups from which this one differs significantly."""
    pairs = row.comparison.pairs
    return "".join(
        letter for letter, other in mark_letters().items() if pairs.get((other, diagnosis), math.nan) < SIGNIFICANT
    )


def _split_text(split: SplitSummary) -> str:
    if not any(split.cases.values()):
        return _heading(split)
    lines = [["", *(diagnosis.printed for diagnosis in tree().diagnoses), "p", "test"]]
    lines.append(["Cases", *(str(split.cases[diagnosis]) for diagnosis in tree().diagnoses)])
    theirs = paper_cases(split.split)
    if theirs:
        lines.append([PAPER, *map(str, theirs.values())])
    for row in split.rows:
        ours = [
            _cell(row.groups[diagnosis], marks(row, diagnosis), row.apart.get(diagnosis, math.nan))
            for diagnosis in tree().diagnoses
        ]
        test = row.comparison.test if row.comparison.pairs else NOTHING
        lines.append([ROWS[row.key], *ours, printed_p(row.comparison.p), test])
        if row.paper:
            cells = [_cell(found, row.paper.marks[diagnosis]) for diagnosis, found in row.paper.groups.items()]
            lines.append([PAPER, *cells, row.paper.p, row.paper.test])
    return f"{_heading(split)}\n{aligned(lines)}{_filled(split)}"


def _filled(split: SplitSummary) -> str:
    """Return a line with the numbers of values from images, if there are any."""
    level, extent = (split.filled[column] for column in PLACE_COLUMNS)
    return f"\nFrom images: level of {level} cases, extent of {extent}." if level or extent else ""


def _heading(split: SplitSummary) -> str:
    cases = sum(split.cases.values())
    healthy = f"; {split.healthy} healthy not shown" if split.healthy else ""
    return f"{TITLES[split.split]}: {cases} cases with lesion of {split.patients} patients{healthy}"


def _cell(described: Described | None, letters: str, apart: float = math.nan) -> str:
    if described is None:
        return NOTHING
    sign = "!" if apart < SURELY_APART else ""
    return " ".join(part for part in (str(described), letters + sign) if part)


def _split_record(split: SplitSummary) -> dict[str, object]:
    theirs = paper_cases(split.split)
    cases = {"cases": _plain(split.cases), **({"paper_cases": _plain(theirs)} if theirs else {})}
    rows = {row.key: _row_record(row) for row in split.rows}
    counts = {"patients": split.patients, "healthy": split.healthy, "from_images": dict(split.filled)}
    return cases | counts | {"rows": rows}


def _row_record(row: SummaryRow) -> dict[str, object]:
    found = row.comparison
    pairs = [
        {"between": [one.value, other.value], "p": finite(found.pairs[one, other])}
        for one, other in product(tree().diagnoses, repeat=2)
        if (one, other) in found.pairs
    ]
    record: dict[str, object] = {"groups": _plain(row.groups), "test": found.test, "p": finite(found.p), "pairs": pairs}
    if row.paper:
        record["paper"] = {"groups": _plain(row.paper.groups), "test": row.paper.test, "p": row.paper.p}
        record["p_against_paper"] = _plain(row.apart)
    return record


def _plain(values: Mapping[Diagnosis, Described | float | None]) -> dict[str, object]:
    """Return values by name of the diagnosis, without NaN."""
    return {diagnosis.value: _known(value) for diagnosis, value in values.items()}


def _known(value: Described | float | None) -> object:
    if isinstance(value, Described):
        return {name: finite(number) for name, number in asdict(value).items()}
    return value and finite(value)
