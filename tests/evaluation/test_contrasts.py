"""Raters, models, scans and subgroups are compared on the same cases, with the right test and correction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from spinal_tf.evaluation.contrasts import corrected
from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.raters import DifficultCases
from spinal_tf.evaluation.statistics.intervals import newcombe
from spinal_tf.evaluation.statistics.paired_tests import holm

OPTIONS = EvaluationOptions(point=0.5, resampling=Resampling(resamples=100))


@pytest.fixture
def evaluated(write_predictions):
    """The function that evaluates rows, and another model's."""

    def run(rows, *, against=None, options=OPTIONS):
        other = write_predictions(against, name="other.csv") if against else None
        return evaluate(check_predictions(write_predictions(rows), options, other), options)

    return run


def contrast_of(evaluation, kind, task="ms_vs_nmosd", case_set=CaseSet.TEST, **named):
    [found] = [
        contrast
        for contrast in evaluation.contrasts
        if (contrast.kind, contrast.task.name, contrast.case_set) == (kind, task, case_set)
        and all(getattr(contrast, name) == value for name, value in named.items())
    ]
    return found


def difference_of(contrast, measure):
    [found] = [difference for difference in contrast.differences if difference.measure == measure]
    return found


def ms_rows(probabilities, diagnoses, **columns):
    """Rows of the test from lists, one probability, diagnosis and cell of each column a case."""
    return [
        {
            "case": f"c{index:02}",
            "split": "test",
            "diagnosis": diagnosis,
            "p_ms_vs_nmosd": str(probability),
            **{name: cells[index] for name, cells in columns.items()},
        }
        for index, (probability, diagnosis) in enumerate(zip(probabilities, diagnoses, strict=True))
    ]


ONLY_MS = EvaluationOptions(point=0.5, resampling=Resampling(resamples=100))

# Raters


def test_a_rater_by_hand(evaluated):
    # The model is right on 5 of 6, the rater on 2: cases 0 and 4.
    rows = ms_rows(
        [0.9, 0.8, 0.7, 0.2, 0.1, 0.6],
        ["nmosd", "nmosd", "nmosd", "ms", "ms", "ms"],
        rater_1=["nmosd", "ms", "astrocytoma", "nmosd", "ms", "ependymoma"],
    )
    found = contrast_of(evaluated(rows, options=ONLY_MS), "rater")
    assert (found.first, found.second, found.cases, found.outside) == ("model", "rater_1", (6, 6), 2)
    accuracy, sensitivity, specificity = found.differences
    assert (accuracy.first, accuracy.second) == (Proportion(count=5, total=6), Proportion(count=2, total=6))
    assert accuracy.value == pytest.approx(0.5)
    assert accuracy.p == pytest.approx(2 / 8)  # only the model is right on 1, 2 and 3, only the rater on none
    assert accuracy.test == "McNemar, exact"
    assert (sensitivity.first, sensitivity.second) == (Proportion(count=3, total=3), Proportion(count=1, total=3))
    assert (specificity.first, specificity.second) == (Proportion(count=2, total=3), Proportion(count=1, total=3))
    assert accuracy.bootstrap.low <= 0.5 <= accuracy.bootstrap.high


def test_a_rater_is_compared_on_the_cases_that_were_rated(evaluated):
    rows = ms_rows([0.9, 0.8, 0.2, 0.1], ["nmosd", "nmosd", "ms", "ms"], rater_1=["", "ms", "ms", ""], rater_2=[""] * 4)
    evaluation = evaluated(rows, options=ONLY_MS)
    assert [contrast.second for contrast in evaluation.contrasts] == ["rater_1"]
    assert contrast_of(evaluation, "rater").cases == (2, 2)


def test_agreement_counts_cases_that_all_of_a_group_rated(evaluated):
    rows = ms_rows(
        [0.9, 0.8, 0.2, 0.1],
        ["nmosd", "nmosd", "ms", "ms"],
        rater_1=["nmosd", "nmosd", "ms", "ms"],
        rater_2=["nmosd", "nmosd", "nmosd", "ms"],
        rater_3=["nmosd", "ms", "ms", ""],
    )
    found = {agreement.raters: agreement for agreement in evaluated(rows, options=ONLY_MS).agreements}
    together = found["rater_1", "rater_2", "rater_3"]
    assert (together.cases, together.agreed) == (3, 1)
    pair = found["rater_1", "rater_2"]
    assert (pair.cases, pair.agreed, pair.kappa) == (4, 3, pytest.approx(0.5))  # see test_kappa
    assert len(found) == 4


def test_difficult_cases_are_counted_by_both_signs(evaluated):
    rows = ms_rows(
        [0.9, 0.8, 0.2, 0.1],
        ["nmosd", "nmosd", "ms", "ms"],
        difficult=["1", "1", "", "0"],
        rater_1=["ms", "ms", "ms", "ms"],
        rater_2=["nmosd", "ms", "nmosd", "nmosd"],
    )
    evaluation = evaluated(rows, options=ONLY_MS)
    assert evaluation.difficult == DifficultCases(stated=2, disagreed=3, both=1, derived=1)
    assert [case.name for case in evaluation.tasks["ms_vs_nmosd"].sets[CaseSet.DIFFICULT].cases] == [
        "c00",
        "c01",
        "c02",
    ]
    assert any(
        "the column difficult marks 2 test cases, and raters disagree on 3" in text for text in evaluation.warnings
    )
    assert any(text.startswith("1 test cases count as difficult") for text in evaluation.warnings)


# Another model


def test_another_model_is_compared_case_by_case_at_its_own_point(evaluated, some_rows):
    # The other's probabilities are halves of these, so it has the same order and half the operating point.
    other = [
        {name: str(float(text) / 2) if name[:2] == "p_" and text else text for name, text in row.items()}
        for row in some_rows()
    ]
    options = EvaluationOptions(resampling=Resampling(resamples=100))
    found = contrast_of(evaluated(some_rows(), against=other[::-1], options=options), "model")
    assert (found.first, found.second, found.cases) == ("predictions.csv", "other.csv", (4, 4))
    assert [difference.value for difference in found.differences] == [0] * 4
    assert difference_of(found, "accuracy").p == 1
    assert math.isnan(difference_of(found, "auc").p)


def test_areas_of_two_models_are_compared_by_delong(evaluated):
    rng = np.random.default_rng(0)
    diagnoses = ["ms", "nmosd"] * 30
    truth = np.tile([0, 1], 30)
    ours, theirs = (np.round(0.3 * truth + 0.7 * rng.random(60), 3) for _ in range(2))
    evaluation = evaluated(ms_rows(ours, diagnoses), against=ms_rows(theirs, diagnoses), options=ONLY_MS)
    found = difference_of(contrast_of(evaluation, "model"), "auc")
    assert found.test == "DeLong"
    assert found.value == pytest.approx(found.first - found.second)
    half = stats.norm.ppf(0.975) * abs(found.value) / stats.norm.isf(found.p / 2)
    assert (found.formula.low, found.formula.high) == pytest.approx((found.value - half, found.value + half))


# Further scans


def test_scans_are_compared_on_the_cases_that_have_both(evaluated, some_rows):
    rows = [row | {"p_ms_vs_nmosd_t1c": row["p_ms_vs_nmosd"]} for row in some_rows(32)]
    test = [row for row in rows if row["split"] == "test" and row["diagnosis"] == "nmosd"]
    test[0]["p_ms_vs_nmosd_t1c"] = ""
    test[1]["p_ms_vs_nmosd_t1c"] = "0.1"
    options = EvaluationOptions(resampling=Resampling(resamples=100))
    found = contrast_of(evaluated(rows, options=options), "modality")
    assert (found.first, found.second, found.cases) == ("T2w + T1c", "T2w", (7, 7))
    sensitivity = difference_of(found, "sensitivity")
    assert (sensitivity.first, sensitivity.second) == (Proportion(count=2, total=3), Proportion(count=3, total=3))


def test_too_few_cases_with_both_scans_are_a_warning(evaluated, some_rows):
    rows = [row | {"p_ms_vs_nmosd_t1c": ""} for row in some_rows()]
    rows[7]["p_ms_vs_nmosd_t1c"] = "0.4"
    options = EvaluationOptions(resampling=Resampling(resamples=100))
    evaluation = evaluated(rows, options=options)
    assert [contrast.kind for contrast in evaluation.contrasts] == []
    assert any(
        text.startswith("ms_vs_nmosd: too few cases have a probability with T1c") for text in evaluation.warnings
    )


# Subgroups


def subgroup_of(evaluation, column, level):
    [found] = [group for group in evaluation.subgroups if (group.column, group.level) == (column, level)]
    return found


def test_a_patient_of_18_is_an_adult(evaluated):
    rows = ms_rows([0.9, 0.2, 0.4, 0.1], ["nmosd", "ms", "nmosd", "ms"], age_years=["17.9", "18", "18", ""])
    evaluation = evaluated(rows, options=ONLY_MS)
    paediatric, adult = subgroup_of(evaluation, "age", "paediatric"), subgroup_of(evaluation, "age", "adult")
    assert paediatric.performance.measures["sensitivity"].proportion == Proportion(count=1, total=1)
    assert adult.performance.measures["accuracy"].proportion == Proportion(count=1, total=2)
    assert (paediatric.contrast.first, paediatric.contrast.second) == ("age paediatric", "adult")
    assert paediatric.contrast.cases == (1, 2)
    assert adult.contrast is None, "two groups differ once"


def test_any_column_divides_the_cases(evaluated):
    rows = ms_rows(
        [0.9, 0.2, 0.4, 0.1, 0.3, 0.8],
        ["nmosd", "ms", "nmosd", "ms", "ms", "nmosd"],
        Site=["a", "b", "c", "a", "b", ""],
        sex=["f", "m", "f", "m", "f", "m"],
    )
    options = EvaluationOptions(point=0.5, subgroups=("site",), resampling=Resampling(resamples=100))
    evaluation = evaluated(rows, options=options)
    named = [(group.column, group.level, len(group.performance.scored.cases)) for group in evaluation.subgroups]
    assert named == [("sex", "female", 3), ("sex", "male", 3), ("site", "a", 2), ("site", "b", 2), ("site", "c", 1)]
    contrast = subgroup_of(evaluation, "site", "c").contrast
    assert (contrast.second, contrast.cases) == ("not c", (1, 4))
    accuracy = difference_of(contrast, "accuracy")
    first, second = Proportion(count=0, total=1), Proportion(count=4, total=4)
    assert (accuracy.first, accuracy.second, accuracy.value) == (first, second, -1)
    assert accuracy.formula == newcombe(first, second)
    assert accuracy.p == pytest.approx(stats.fisher_exact([[0, 4], [1, 0]]).pvalue)
    assert difference_of(contrast, "auc").first is None
    assert math.isnan(difference_of(contrast, "specificity").p)


def test_probability_values_are_corrected_within_kind_set_and_measure(evaluated, some_rows):
    rows = [
        row | {"rater_1": "ms", "rater_2": row["diagnosis"] if index % 3 else "nmosd", "difficult": "1"}
        for index, row in enumerate(some_rows(48))
    ]
    evaluation = evaluated(rows)
    for case_set in CaseSet:
        for measure in ("accuracy", "sensitivity"):
            family = [
                difference_of(contrast, measure) for contrast in evaluation.contrasts if contrast.case_set is case_set
            ]
            assert len(family) == 6
            assert [one.p_holm for one in family] == pytest.approx(holm([one.p for one in family]), nan_ok=True)
    assert corrected([]) == ()


# Warnings


def test_several_cases_of_a_patient_and_cases_left_out_are_told(evaluated):
    rows = ms_rows([0.9, 0.2, 0.4, "none"], ["nmosd", "ms", "nmosd", "ms"], patient=["p", "q", "p", "r"])
    warnings = evaluated(rows, options=ONLY_MS).warnings
    assert any("some patients have several cases" in text for text in warnings)
    assert "ms_vs_nmosd: 1 of 4 test cases have no probability and are left out" in warnings


def test_who_asks_for_a_point_from_the_test_is_warned(evaluated, some_rows):
    from spinal_tf.cohort.case import Split

    options = EvaluationOptions(chosen_on=Split.TEST, resampling=Resampling(resamples=100))
    assert any(
        "chosen on the test set, which is also reported" in text
        for text in evaluated(some_rows(), options=options).warnings
    )
    assert evaluated(some_rows()).warnings == ()


def test_a_column_named_twice_divides_the_cases_once(evaluated):
    rows = ms_rows([0.9, 0.2, 0.4, 0.1], ["nmosd", "ms", "nmosd", "ms"], site=["a", "b", "b", "a"], sex=list("fmfm"))
    once, twice = (
        evaluated(rows, options=EvaluationOptions(point=0.5, subgroups=names, resampling=Resampling(resamples=100)))
        for names in (("site",), ("site", "sex", "site"))
    )
    assert [(group.column, group.level) for group in twice.subgroups] == [
        (group.column, group.level) for group in once.subgroups
    ]
