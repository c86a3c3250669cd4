"""Warnings about an evaluation: plain sentences that are shown wherever its numbers are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from spinal_tf.cohort.case import Split
from spinal_tf.evaluation.evaluation_options import EvaluationOptions
from spinal_tf.evaluation.prediction_checks import Checked
from spinal_tf.evaluation.predictions import CaseSet, Predictions
from spinal_tf.evaluation.raters import difficult_cases
from spinal_tf.evaluation.scored import ScoredTask, can_score, with_t1c
from spinal_tf.file_names import legible


def warnings_of(checked: Checked, options: EvaluationOptions, tasks: Mapping[str, ScoredTask]) -> tuple[str, ...]:
    """Return every warning once."""
    tables = [
        f"{legible(table.predictions.source.name)}: {warning}" for table in checked.tables for warning in table.warnings
    ]
    main = checked.main.predictions
    return (
        *tables,
        *_of_choice(options, tasks),
        *_of_cases(tasks),
        *_of_scans(main, options, tasks),
        *_of_raters(main),
        *_of_masks(main),
    )


def _of_choice(options: EvaluationOptions, tasks: Mapping[str, ScoredTask]) -> Iterator[str]:
    if options.chosen_on is Split.TEST and any(task.point.chosen_on for task in tasks.values()):
        yield (
            "the operating point was chosen on the test set, which is also reported; each test case is called at a "
            "point chosen on other test patients; choose it on validation instead"
        )


def _of_cases(tasks: Mapping[str, ScoredTask]) -> Iterator[str]:
    for name, task in tasks.items():
        for case_set in (CaseSet.VALIDATION, CaseSet.TEST):
            left_out = task.sets[case_set].left_out
            if left_out:
                every = left_out + len(task.sets[case_set].cases)
                yield f"{name}: {left_out} of {every} {case_set.value} cases have no probability and are left out"
    if any(scored.several_per_patient for task in tasks.values() for scored in task.sets.values()):
        yield (
            "some patients have several cases; Wilson's and DeLong's intervals and all tests treat cases as "
            "independent and are too certain; the bootstrap draws patients"
        )


def _of_scans(main: Predictions, options: EvaluationOptions, tasks: Mapping[str, ScoredTask]) -> Iterator[str]:
    for name, task in tasks.items():
        given = any(name in case.with_t1c for case in main.cases)
        if given and not can_score(main, task.task, options, with_t1c):
            yield (
                f"{name}: too few cases have a probability with T1c in the {options.chosen_on.value} split to choose "
                f"its operating point; give one with --operating-point {name}=0.5 to compare the scans"
            )


def _of_raters(main: Predictions) -> Iterator[str]:
    found = difficult_cases(main)
    if found.stated and found.disagreed and found.stated != found.both:
        yield (
            f"the column difficult marks {found.stated} test cases, and raters disagree on {found.disagreed}, "
            f"{found.both} of them the same; the column takes precedence"
        )
    if found.derived:
        yield f"{found.derived} test cases count as difficult because their raters disagree"


def _of_masks(main: Predictions) -> Iterator[str]:
    for case_set in (CaseSet.VALIDATION, CaseSet.TEST):
        known = [case.mask_provenance for case in main.of_set(case_set) if case.mask_provenance]
        reviewed = known.count("reviewed")
        if reviewed:
            yield (
                f"in {reviewed} of {len(known)} {case_set.value} cases the classifiers saw a mask that a person "
                "checked or drew, not the segmenter's"
            )
