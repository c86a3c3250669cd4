"""Section, caption and displayed rows of each table of an evaluation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from spinal_tf.cohort.case import HEALTHY
from spinal_tf.evaluation.evaluation import Evaluation
from spinal_tf.evaluation.evaluation_rows import TABLES, Row
from spinal_tf.evaluation.evaluation_text import RATER_LEGEND
from spinal_tf.evaluation.map_check import MOST_ALIKE
from spinal_tf.evaluation.predictions import CaseSet, main_set
from spinal_tf.report.study.layouts import lesion_detection, masks, subgroups
from spinal_tf.report.study.sheets import heading, sheet
from spinal_tf.tables.table_model import Table

DIFFERENCE = (
    "Difference: first minus second, in fractions of 1, with the interval of the bootstrap over patients. p: "
    "McNemar's test, exact if fewer than 25 cases are called differently, DeLong's for the AUC. Holm: corrected "
    "for all tests of this kind on one set and measure. Validation is in the file."
)

TO_FILE = ("formula", "test")
"""Columns of comparisons that are only in the file, not on the page."""

TENTHS = tuple(tenth / 10 for tenth in range(1, 10))


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of a table that are shown together.

    Attributes:
        table: name of the table and of its CSV file.
        caption: meaning of the rows, with definitions.
        section: title of its section.
        main: whether to show the rows of the test alone, or of validation if there is no test.
        kind: kind of the comparisons to show: of the test and its difficult cases, or of validation without a test.
        choose: function that tells whether a row is shown.
        without: columns that are only in the CSV file.
        lay_out: function that lays out the table; None for row by row.
        folded: title of the collapsed table on the page; empty for an open table.
    """

    table: str
    caption: str
    section: str
    main: bool = False
    kind: str = ""
    choose: Callable[[Row], bool] = lambda row: True
    without: tuple[str, ...] = ()
    lay_out: Callable[[Evaluation], Table] | None = None
    folded: str = ""


PERFORMANCE, CASES, POINTS = "Performance beside the paper", "Cases", "Operating points"
COMPARISONS, MODALITIES = "Comparison with raters and models", "Contrast-enhanced scans"
SUBGROUPS, CALIBRATION = "Subgroups", "Calibration"
MASKS, TRIAGE, GRAD_CAM = "Masks", "Review of masks", "Grad-CAM"

PARTS = (
    Part(
        table="sets",
        section=CASES,
        caption=(
            "Cases that a task applies to and that have a probability. Positive: the class that a task names second. "
            "Left out: cases without a probability. Cross-fitted: cases of the set that chose the operating point are "
            "called at points chosen on its other patients. Difficult cases are part of the test."
        ),
    ),
    Part(
        table="operating_points",
        section=POINTS,
        caption=(
            "A probability of the positive class at or above the value is called positive. Chosen: the cut-off with "
            "the largest Youden index in that set, whose own cases are called at points chosen on its other patients. "
            "Given: by the evaluator."
        ),
    ),
    Part(
        table="comparisons",
        section=COMPARISONS,
        caption=(
            "The model, first, against raters, second, on the cases that a rater rated. "
            f"{DIFFERENCE} {' '.join(RATER_LEGEND.split())}"
        ),
        kind="rater",
        without=("kind", "first", "second_cases", *TO_FILE),
    ),
    Part(
        table="comparisons",
        section=COMPARISONS,
        caption=f"The model, first, against another model, second, each at its own operating point. {DIFFERENCE}",
        kind="model",
        without=("kind", "second_cases", "outside_task", *TO_FILE),
    ),
    Part(
        table="agreement",
        section=COMPARISONS,
        caption=(
            "Agreement of raters on the diagnoses, over the cases that all of them rated: Cohen's kappa of two, "
            "Fleiss' of more, with the interval of the bootstrap over patients."
        ),
    ),
    Part(
        table="comparisons",
        section=MODALITIES,
        caption=f"T2w and contrast-enhanced T1w, first, against T2w alone, on the cases that have both. {DIFFERENCE}",
        kind="modality",
        without=("kind", "second_cases", "outside_task", *TO_FILE),
    ),
    Part(
        table="subgroups",
        section=SUBGROUPS,
        caption=(
            "Groups of the test set (without a test set, of validation). Percent (n/N) [Wilson's 95 % interval]; "
            "AUC (95 % interval, bootstrap over patients). PPV and NPV are in the file. Pediatric is below 18 years. "
            "Many subgroups are small; look at the intervals before the tests."
        ),
        lay_out=subgroups,
    ),
    Part(
        table="subgroup_differences",
        section=SUBGROUPS,
        caption=(
            "Each group, first, against the other cases, second. Difference: first minus second, in fractions of 1, "
            "with the interval of the bootstrap over patients. p: chi-squared or Fisher's exact test, DeLong's for "
            "the AUC. Holm: corrected for all subgroups of one measure."
        ),
        without=("kind", "set", "outside_task", *TO_FILE),
    ),
    Part(
        table="calibration",
        section=CALIBRATION,
        caption=(
            "Brier score: mean squared distance of probability and outcome, with its interval. Calibration error: "
            "mean distance of predicted and observed share in ten bins of equal width. After: with the temperature, "
            "chosen on validation, that log odds are divided by."
        ),
    ),
    Part(
        table="reliability",
        section=CALIBRATION,
        caption=(
            "Points of the reliability curves in the test set (without one, in validation): mean predicted "
            "probability and observed share of positive cases of each bin."
        ),
        main=True,
        folded="Points of the reliability curves",
    ),
    Part(
        table="decision_curve",
        section=CALIBRATION,
        caption=(
            "Net benefit in the test set (without one, in validation), before scaling: true positive minus false "
            "positive cases for each case, the latter weighted by the odds of the threshold. Calling no case "
            "positive gives 0."
        ),
        main=True,
        choose=lambda row: row["scaling"] == "before" and row["threshold"] in TENTHS,
        folded="Points of the decision curves",
        without=("scaling",),
    ),
    Part(
        table="masks",
        section=MASKS,
        caption=(
            "Masks of the test set (without one, of validation) by disease, in three dimensions: median "
            "(quartiles) over the cases for which a measure is defined; of Dice also the mean [95 % interval, "
            "bootstrap over patients], where shown beside that of the test set of Zhuo et al. 2022. Volume error: "
            "predicted minus reference. NSD: normalized surface distance. HD95: robust Hausdorff distance."
        ),
        lay_out=masks,
    ),
    Part(
        table="lesion_detection",
        section=MASKS,
        caption=(
            "Lesions of all cases of the same set counted together. Recall, precision and F1 in percent [95 % "
            "interval, bootstrap over patients with all their lesions, which are not independent]. By size: found/all "
            "of the reference (percent); false ones for each case."
        ),
        main=True,
        choose=lambda row: row["diagnosis"] != HEALTHY,
        lay_out=lesion_detection,
    ),
    Part(
        table="triage",
        section=TRIAGE,
        caption=(
            "Whether flags for review find poor masks, in the test set (without one, in validation). Flagged: "
            "share of all cases, the burden. Sensitivity: flagged of the poor masks. PPV: poor of the flagged ones. "
            "Paper, where shown: masks that its readers corrected, by a rule that is not published. Wilson's intervals."
        ),
        main=True,
        without=("set", "paper_value"),
    ),
    Part(
        table="activation",
        section=GRAD_CAM,
        caption=(
            "Zone in which the heat map of a case is mainly active, by disease and by whether the call was right, with "
            "Wilson's intervals, in the test set (without one, in validation). A heat map shows where a "
            "network looked, not why."
        ),
        main=True,
    ),
    Part(
        table="gradcam_check",
        section=GRAD_CAM,
        caption=(
            "Whether heat maps depend on what was learned: maps of some cases beside those of the same networks with "
            "random weights, by rank correlation (mean over cases; least and most of a case) and structural "
            f"similarity (SSIM). 1 is the same map. Above a mean rank correlation of {MOST_ALIKE:g} maps say little of "
            "what was learned, and are no reasons. Blank: compared maps that are empty with random weights."
        ),
    ),
)
"""Parts in the order of the page. A table without part is shown whole in a section of its own."""


def parts_of(name: str) -> tuple[Part, ...]:
    """Return the parts of a table; none for Table 2, which has its own layout."""
    known = tuple(part for part in PARTS if part.table == name)
    if known or name == "table2":
        return known
    return (Part(table=name, section=heading(name), caption=inspect.getdoc(TABLES[name]) or ""),)


def filled(evaluation: Evaluation, names: Sequence[str]) -> Iterator[tuple[Part, Table]]:
    """Yield the parts of tables that have rows, with their captions, in the order of the page."""
    tables: Mapping[str, list[Row]] = {name: list(TABLES[name](evaluation)) for name in names}
    parts = [part for name in names for part in parts_of(name)]
    place = {part: index for index, part in enumerate(PARTS)}
    for part in sorted(parts, key=lambda part: place.get(part, len(place))):
        chosen = list(_chosen(part, tables[part.table]))
        if chosen:
            table = part.lay_out(evaluation) if part.lay_out else sheet(chosen, without=part.without)
            yield part, replace(table, caption=part.caption)


def _chosen(part: Part, rows: Sequence[Row]) -> Iterator[Row]:
    sets = {row.get("set") for row in rows}
    main, tested = main_set(sets), sets - {CaseSet.VALIDATION} or sets
    for row in rows:
        in_kind = not part.kind or (row["kind"] == part.kind and row["set"] in tested)
        if in_kind and (not part.main or row["set"] is main) and part.choose(row):
            yield row
