"""Table 1 of Zhuo et al., Radiology: Artificial Intelligence 2022;4(6):e210292, as published.

Mean ages (with decimals) and marks between groups (complete) are from the accepted manuscript; the printed article
rounds ages to years. Errors of the article are kept and named in `SLIPS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from spinal_tf.cohort.case import Level, Split
from spinal_tf.evaluation.described import Described, MeanSD, MedianIQR, Proportion
from spinal_tf.evaluation.group_tests import ANOVA, CHI_SQUARED, FISHER, KRUSKAL_WALLIS
from spinal_tf.evaluation.paper.reference import beside_paper
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, PAPER_TREE, Diagnosis

ROWS = {
    "female": "Female",
    "age_years": "Age, years",
    **{level.value: f"Level {level.value}" for level in Level},
    "lesion_count": "Lesion count",
    "extent_vertebrae": "Extent, vertebrae",
    "volume_ml": "Total volume, mL",
    "enhancement": "Enhancing",
}
"""Key and label of each row, in the order of the table."""

MARKS = {"a": ASTROCYTOMA, "e": EPENDYMOMA, "m": MS}
"""Letters behind a number, each with the group that differs significantly."""

SLIPS = {
    Split.VALIDATION: (
        "The paper's total volume of MS in validation, 8.04 ± 0.63 mL, is likely a misprint of 0.84 ± 0.63."
    )
}
"""Likely errors of the article, by split.

Also, a note under its table counts 44 astrocytomas in the test set; all other places say 34.
"""


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One row for one split.

    Attributes:
        groups: numbers of each diagnosis.
        marks: letters of `MARKS` behind the numbers of each diagnosis.
        test: test that the paper names for the row.
        p: probability value as printed.
    """

    groups: Mapping[Diagnosis, Described]
    marks: Mapping[Diagnosis, str]
    test: str
    p: str


def _row(groups: Sequence[Described], marks: str, test: str, p: str) -> PaperRow:
    """Build a row; blanks separate the marks of the four groups, and - stands for no mark."""
    letters = [mark.strip("-") for mark in marks.split()]
    return PaperRow(
        groups=dict(zip(PAPER_TREE.diagnoses, groups, strict=True)),
        marks=dict(zip(PAPER_TREE.diagnoses, letters, strict=True)),
        test=test,
        p=p,
    )


def _of(totals: Sequence[int], counts: Sequence[int]) -> list[Described]:
    return [Proportion(count=count, total=total) for count, total in zip(counts, totals, strict=True)]


def _means(totals: Sequence[int], values: Sequence[tuple[float, float]]) -> list[Described]:
    return [MeanSD(mean=mean, sd=sd, total=total) for (mean, sd), total in zip(values, totals, strict=True)]


def _medians(totals: Sequence[int], values: Sequence[tuple[float, float, float]]) -> list[Described]:
    return [
        MedianIQR(median=median, first=first, third=third, total=total)
        for (median, first, third), total in zip(values, totals, strict=True)
    ]


_TRAIN, _VALIDATION, _TEST = (94, 104, 81, 113), (24, 26, 20, 28), (34, 45, 33, 45)

TABLE_1: Mapping[Split, Mapping[str, PaperRow]] = {
    Split.TRAIN: {
        "female": _row(_of(_TRAIN, (35, 48, 59, 94)), "- - ae ae", CHI_SQUARED, "<.001"),
        "age_years": _row(
            _means(_TRAIN, ((31.54, 16.48), (42.66, 12.61), (34.93, 12.16), (39.17, 14.67))), "- a e a", ANOVA, "<.001"
        ),
        "oblongata-cervical": _row(_of(_TRAIN, (0, 0, 6, 0)), "- - ae m", FISHER, "<.001"),
        "cervical": _row(_of(_TRAIN, (33, 68, 61, 75)), "- a a a", CHI_SQUARED, "<.001"),
        "cervical-thoracic": _row(_of(_TRAIN, (15, 1, 11, 19)), "- a e e", CHI_SQUARED, "<.001"),
        "thoracic": _row(_of(_TRAIN, (31, 20, 3, 17)), "- a ae am", CHI_SQUARED, "<.001"),
        "thoracic-lumbar": _row(_of(_TRAIN, (14, 0, 0, 2)), "- a a a", CHI_SQUARED, "<.001"),
        "lumbar": _row(_of(_TRAIN, (1, 15, 0, 0)), "- a e e", FISHER, "<.001"),
        "lesion_count": _row(
            _medians(_TRAIN, ((1, 1, 1), (1, 1, 1), (2, 1, 3), (1, 1, 2))), "- - ae aem", KRUSKAL_WALLIS, "<.001"
        ),
        "extent_vertebrae": _row(
            _medians(_TRAIN, ((4, 3, 6), (3, 2, 4), (3, 2, 5), (4, 2.5, 6))), "- a a em", KRUSKAL_WALLIS, "<.001"
        ),
        "volume_ml": _row(
            _means(_TRAIN, ((12.64, 10.77), (15.08, 11.71), (1.32, 1.64), (2.99, 2.95))), "- - ae ae", ANOVA, "<.001"
        ),
        "enhancement": _row(_of((79, 99, 54, 61), (60, 71, 7, 10)), "- - ae ae", CHI_SQUARED, "<.001"),
    },
    Split.VALIDATION: {
        "female": _row(_of(_VALIDATION, (10, 13, 12, 25)), "- - - aem", CHI_SQUARED, ".004"),
        "age_years": _row(
            _means(_VALIDATION, ((33.33, 14.36), (43.19, 13.03), (31.2, 10.29), (45.46, 12.65))),
            "- a e am",
            ANOVA,
            "<.001",
        ),
        "oblongata-cervical": _row(_of(_VALIDATION, (0, 0, 2, 0)), "- - - -", FISHER, ".04"),
        "cervical": _row(_of(_VALIDATION, (13, 16, 13, 17)), "- - - -", CHI_SQUARED, ".91"),
        "cervical-thoracic": _row(_of(_VALIDATION, (5, 0, 3, 6)), "- - - -", FISHER, ".049"),
        "thoracic": _row(_of(_VALIDATION, (5, 1, 2, 5)), "- - - -", FISHER, ".26"),
        "thoracic-lumbar": _row(_of(_VALIDATION, (1, 0, 0, 0)), "- - - -", FISHER, ".99"),
        "lumbar": _row(_of(_VALIDATION, (0, 9, 0, 0)), "- a e e", FISHER, ".008"),
        "lesion_count": _row(
            _medians(_VALIDATION, ((1, 1, 1), (1, 1, 1), (2, 1, 3.5), (1, 1, 1))), "- - ae m", KRUSKAL_WALLIS, "<.001"
        ),
        "extent_vertebrae": _row(
            _medians(_VALIDATION, ((4, 3, 6), (2, 1.5, 3), (3, 2, 5), (4, 2, 7))), "- a - e", KRUSKAL_WALLIS, ".003"
        ),
        "volume_ml": _row(
            _means(_VALIDATION, ((11.61, 11.66), (10.55, 7.65), (8.04, 0.63), (2.73, 2.14))),
            "- - ae ae",
            ANOVA,
            "<.001",
        ),
        "enhancement": _row(_of((22, 24, 15, 16), (18, 19, 0, 4)), "- - ae ae", CHI_SQUARED, "<.001"),
    },
    Split.TEST: {
        "female": _row(_of(_TEST, (11, 20, 23, 40)), "- - ae aem", CHI_SQUARED, "<.001"),
        "age_years": _row(
            _means(_TEST, ((31.94, 14.27), (42.42, 15.28), (38.12, 11.91), (42.31, 13.35))), "- a - a", ANOVA, ".003"
        ),
        "oblongata-cervical": _row(_of(_TEST, (0, 0, 4, 0)), "- - ae m", FISHER, ".002"),
        "cervical": _row(_of(_TEST, (10, 29, 24, 29)), "- a a a", CHI_SQUARED, ".001"),
        "cervical-thoracic": _row(_of(_TEST, (4, 0, 5, 5)), "- - - -", FISHER, ".97"),
        "thoracic": _row(_of(_TEST, (15, 4, 0, 11)), "- a a aem", CHI_SQUARED, "<.001"),
        "thoracic-lumbar": _row(_of(_TEST, (5, 1, 0, 0)), "- a a a", FISHER, ".004"),
        "lumbar": _row(_of(_TEST, (0, 11, 0, 0)), "- a e e", FISHER, "<.001"),
        "lesion_count": _row(
            _medians(_TEST, ((1, 1, 1), (1, 1, 1), (2, 1, 4), (1, 1, 1))), "- - ae m", KRUSKAL_WALLIS, "<.001"
        ),
        "extent_vertebrae": _row(
            _medians(_TEST, ((4, 2, 6), (2, 2, 4), (3, 2, 5), (3, 2, 5))), "- a - e", KRUSKAL_WALLIS, ".008"
        ),
        "volume_ml": _row(
            _means(_TEST, ((15.05, 12.26), (15.30, 10.05), (0.99, 1.18), (2.31, 2.41))), "- - ae ae", ANOVA, "<.001"
        ),
        "enhancement": _row(_of((29, 42, 21, 30), (24, 33, 2, 6)), "- - ae ae", CHI_SQUARED, "<.001"),
    },
}

CASES: Mapping[Split, Mapping[Diagnosis, int]] = {
    split: dict(zip(PAPER_TREE.diagnoses, cases, strict=True))
    for split, cases in ((Split.TRAIN, _TRAIN), (Split.VALIDATION, _VALIDATION), (Split.TEST, _TEST))
}


def paper_row(split: Split, key: str) -> PaperRow | None:
    """Return a row of `ROWS` for one split, or None if another tree of diagnoses is in use."""
    return TABLE_1[split][key] if beside_paper() else None


def paper_cases(split: Split) -> Mapping[Diagnosis, int] | None:
    """Return the number of cases of each diagnosis, or None if another tree of diagnoses is in use."""
    return CASES[split] if beside_paper() else None


def described_as(key: str) -> type[Described]:
    """Return the kind of a row in the paper: proportion, mean and SD, or median and quartiles."""
    return type(next(iter(TABLE_1[Split.TRAIN][key].groups.values())))
