"""A cohort's summary as text for the terminal, and as a record for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict

from spinal_tf.cohort.case import Split
from spinal_tf.evaluation.cohort_summary import CohortSummary, SplitSummary, SummaryRow
from spinal_tf.evaluation.columns import NOTHING, aligned, finite
from spinal_tf.evaluation.described import Described
from spinal_tf.evaluation.paper_table1 import CASES, MARKS, ROWS, SLIPS
from spinal_tf.taxonomy import Diagnosis

SIGNIFICANT = 0.05
"""As in the paper."""

SURELY_APART = 0.01
"""Stricter than `SIGNIFICANT`, since about fifty numbers of a split are compared with the paper's."""

PAPER = "  paper"

TITLES = {Split.TRAIN: "Training", Split.VALIDATION: "Validation", Split.TEST: "Test"}

LEGEND = """\
Paper: Table 1 of Zhuo et al. 2022, doi:10.1148/ryai.210292.
Proportions: cases/cases known (%); age and volume: mean ± SD; count and extent: median (quartiles); - not known.
a, e, m: differs from astrocytoma, ependymoma, MS (p < .05, Bonferroni). !: differs from the paper by more than
chance explains (p < .01). Levels, extent, sex, age and enhancement are as the cohort's table states them."""


def as_text(summary: CohortSummary) -> str:
    """The whole table; lines are at most 120 characters long."""
    parts = [_split_text(split) for split in summary.splits]
    slips = [SLIPS[split.split] for split in summary.splits if split.split in SLIPS]
    return "\n\n".join([f"{summary.source.name}", *parts, "\n".join([LEGEND, *slips])])


def as_record(summary: CohortSummary) -> dict[str, object]:
    """The same for JSON: numbers unrounded, None for what is not known."""
    return {
        "cohort": summary.source.name,
        "splits": {split.split.value: _split_record(split) for split in summary.splits},
    }


def printed_p(p: float) -> str:
    """A probability value in the paper's style: two decimals, three below .01 or where two would read .05."""
    if math.isnan(p):
        return NOTHING
    if p < 0.001:
        return "<.001"
    if p > 0.99:
        return ">.99"
    decimals = 3 if p < 0.01 or (p < SIGNIFICANT and round(p, 2) == SIGNIFICANT) else 2
    return f"{p:.{decimals}f}".removeprefix("0")


def marks(row: SummaryRow, diagnosis: Diagnosis) -> str:
    """Letters of the groups named before this one that it differs from."""
    pairs = row.comparison.pairs
    return "".join(letter for letter, other in MARKS.items() if pairs.get((other, diagnosis), math.nan) < SIGNIFICANT)


def _split_text(split: SplitSummary) -> str:
    if not any(split.cases.values()):
        return _heading(split)
    lines = [["", *(diagnosis.printed for diagnosis in Diagnosis), "p", "test"]]
    lines.append(["Cases", *(str(split.cases[diagnosis]) for diagnosis in Diagnosis), "", ""])
    lines.append([PAPER, *(str(CASES[split.split][diagnosis]) for diagnosis in Diagnosis), "", ""])
    for row in split.rows:
        ours = [_cell(row.groups[diagnosis], marks(row, diagnosis), row.apart[diagnosis]) for diagnosis in Diagnosis]
        paper = [_cell(row.paper.groups[diagnosis], row.paper.marks[diagnosis]) for diagnosis in Diagnosis]
        test = row.comparison.test if row.comparison.pairs else NOTHING
        lines.append([ROWS[row.key], *ours, printed_p(row.comparison.p), test])
        lines.append([PAPER, *paper, row.paper.p, row.paper.test])
    return "\n".join([_heading(split), *aligned(lines)])


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
    return {
        "cases": _by_name(split.cases),
        "paper_cases": _by_name(CASES[split.split]),
        "patients": split.patients,
        "healthy": split.healthy,
        "rows": {row.key: _row_record(row) for row in split.rows},
    }


def _row_record(row: SummaryRow) -> dict[str, object]:
    names = {diagnosis: diagnosis.value for diagnosis in Diagnosis}
    return {
        "groups": _by_name({diagnosis: found and _finite(asdict(found)) for diagnosis, found in row.groups.items()}),
        "test": row.comparison.test,
        "p": finite(row.comparison.p),
        "pairs": [
            {"between": [one.value, other.value], "p": finite(row.comparison.pairs[one, other])}
            for one in names
            for other in names
            if (one, other) in row.comparison.pairs
        ],
        "paper": {
            "groups": _by_name({diagnosis: asdict(found) for diagnosis, found in row.paper.groups.items()}),
            "test": row.paper.test,
            "p": row.paper.p,
        },
        "p_against_paper": _by_name({diagnosis: finite(p) for diagnosis, p in row.apart.items()}),
    }


def _by_name(values: Mapping[Diagnosis, object]) -> dict[str, object]:
    return {diagnosis.value: value for diagnosis, value in values.items()}


def _finite(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: finite(value) for name, value in values.items()}
