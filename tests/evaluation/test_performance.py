"""Table 2: the paper's counts give the paper's numbers, each task on its cases, and calls are those of the cut-off."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, roc_auc_score

from spinal_tf.cohort.case import Split
from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.performance import performance
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.prediction_table import read_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.scored import score_task
from spinal_tf.evaluation.statistics.confusion import RATIOS
from spinal_tf.evaluation.statistics.intervals import UNKNOWN
from spinal_tf.taxonomy import MS_VS_NMOSD

PRINTED = list(csv.DictReader(Path(__file__).parent.joinpath("paper", "paper_table2.csv").open(encoding="utf-8")))
"""The counts and percentages of the article's table, copied from there."""

FEW = Resampling(resamples=100)


def options(**changes):
    return EvaluationOptions(resampling=FEW, **changes)


@pytest.fixture(scope="module")
def of_the_paper(paper_rows, tmp_path_factory):
    """The evaluation of predictions with the paper's counts."""
    path = tmp_path_factory.mktemp("paper") / "predictions.csv"
    with path.open("w", newline="") as stream:
        table = csv.DictWriter(stream, paper_rows[0])
        table.writeheader()
        table.writerows(paper_rows)
    return evaluate(check_predictions(path, options()), options())


@pytest.mark.parametrize("printed", PRINTED, ids=lambda row: "-".join(list(row.values())[:3]))
def test_the_papers_counts_give_the_papers_percentages(of_the_paper, printed):
    judged = of_the_paper.performances[CaseSet(printed["set"])][printed["task"]]
    found = judged.measures[printed["metric"]].proportion
    assert (found.count, found.total) == (int(printed["numerator"]), int(printed["denominator"]))
    assert round(100 * found.count / found.total) == int(printed["percent"])


def test_precision_and_recall_are_ppv_and_sensitivity(of_the_paper):
    for by_task in of_the_paper.performances.values():
        for judged in by_task.values():
            assert judged.measures["precision"] == judged.measures["ppv"]
            assert judged.measures["recall"] == judged.measures["sensitivity"]


def test_intervals_hold_their_value(of_the_paper):
    for by_task in of_the_paper.performances.values():
        for judged in by_task.values():
            for measure in judged.measures.values():
                for interval in (measure.formula, measure.bootstrap):
                    assert interval.low - 1e-9 <= measure.value <= interval.high + 1e-9


def test_the_area_is_that_of_scikit_learn(of_the_paper):
    for by_task in of_the_paper.performances.values():
        for judged in by_task.values():
            expected = roc_auc_score(judged.scored.labels, judged.scored.scores)
            assert judged.measures["auc"].value == pytest.approx(expected)


# Operating points


@pytest.fixture
def scored(write_predictions):
    """The function that scores the task MS or NMOSD of rows."""
    return lambda rows, **changes: score_task(
        read_predictions(write_predictions(rows)), MS_VS_NMOSD, options(**changes)
    )


def noisy_rows(count, seed=0):
    """Rows of MS and NMOSD whose probability says little."""
    rng = np.random.default_rng(seed)
    return [
        {
            "case": f"c{index:03}",
            "patient": f"p{index:03}",
            "split": ("validation", "test")[index % 2],
            "diagnosis": ("ms", "nmosd")[index // 2 % 2],
            "p_ms_vs_nmosd": f"{0.2 * (index // 2 % 2) + 0.8 * rng.random():.6f}",
        }
        for index in range(count)
    ]


def test_the_point_is_chosen_on_validation_and_used_on_the_test(scored, some_rows):
    task = scored(some_rows())
    # NMOSD of validation lie at 0.73 and 0.81, of the test at 0.77 and 0.85.
    assert (task.point.value, task.point.chosen_on) == (0.73, Split.VALIDATION)
    rows = some_rows()
    rows[7]["p_ms_vs_nmosd"] = "0.72"
    assert scored(rows).sets[CaseSet.TEST].calls.tolist() == [False, True, False, False]  # by name: c14, c15, c6, c7


def test_a_given_point_is_used_everywhere(scored, some_rows):
    task = scored(some_rows(), points={"ms_vs_nmosd": 0.8})
    assert (task.point.value, task.point.chosen_on) == (0.8, None)
    for case_set in (CaseSet.VALIDATION, CaseSet.TEST):
        found = task.sets[case_set]
        assert np.array_equal(found.calls, found.scores >= 0.8)
        assert not found.cross_fitted


@pytest.mark.parametrize("split", [Split.VALIDATION, Split.TEST])
def test_the_set_that_chose_the_point_is_not_judged_at_it(scored, split):
    task = scored(noisy_rows(80), chosen_on=split)
    own, other = (CaseSet.VALIDATION, CaseSet.TEST)[:: 1 if split is Split.VALIDATION else -1]
    assert task.sets[own].cross_fitted
    assert not task.sets[other].cross_fitted
    flattered = accuracy_score(task.sets[own].labels, task.sets[own].scores >= task.point.value)
    assert (task.sets[own].calls == task.sets[own].labels).mean() < flattered
    assert np.array_equal(task.sets[other].calls, task.sets[other].scores >= task.point.value)


def test_difficult_cases_are_called_as_in_the_test(scored):
    rows = [row | {"difficult": "01"[number % 5 == 1]} for number, row in enumerate(noisy_rows(80))]
    task = scored(rows, chosen_on=Split.TEST)
    test, difficult = task.sets[CaseSet.TEST], task.sets[CaseSet.DIFFICULT]
    calls = {case.name: call for case, call in zip(test.cases, test.calls, strict=True)}
    assert 0 < len(difficult.cases) < len(test.cases)
    assert [calls[case.name] for case in difficult.cases] == difficult.calls.tolist()
    assert difficult.cross_fitted


def test_the_order_of_rows_does_not_matter(scored):
    found = [performance(scored(rows).sets[CaseSet.VALIDATION], FEW) for rows in (noisy_rows(60), noisy_rows(60)[::-1])]
    assert found[0].measures == found[1].measures


# What is not there


def test_cases_without_probability_are_counted(scored, some_rows):
    rows = some_rows()
    rows[7] |= {"p_ms_vs_nmosd": "none", "difficult": "yes"}
    rows[15] |= {"difficult": "yes"}
    task = scored([{"difficult": ""} | row for row in rows])
    counts = {case_set: (len(found.cases), found.left_out) for case_set, found in task.sets.items()}
    assert counts == {CaseSet.VALIDATION: (4, 0), CaseSet.TEST: (3, 1), CaseSet.DIFFICULT: (1, 1)}


def test_what_is_not_defined_is_neither_a_number_nor_an_interval(scored, some_rows):
    rows = [row for row in some_rows() if (row["diagnosis"], row["split"]) != ("nmosd", "test")]
    judged = performance(scored(rows).sets[CaseSet.TEST], FEW)
    for name in ("sensitivity", "ppv", "precision", "recall", "auc"):
        measure = judged.measures[name]
        assert math.isnan(measure.value)
        assert (measure.proportion, measure.formula, measure.bootstrap) == (None, UNKNOWN, UNKNOWN)
    assert judged.measures["specificity"].value == 1


def test_separate_classes_say_nothing_of_the_area_in_other_patients(scored, some_rows):
    measures = performance(scored(some_rows(160)).sets[CaseSet.TEST], FEW).measures
    assert measures["auc"].value == 1
    assert (measures["auc"].formula, measures["auc"].bootstrap) == (UNKNOWN, UNKNOWN)
    assert measures["sensitivity"].bootstrap == UNKNOWN
    assert measures["sensitivity"].formula.known, "Wilson's interval of 20 of 20 exists"


def test_a_class_of_one_patient_has_no_interval_by_resampling(scored):
    rows = [row for index, row in enumerate(noisy_rows(80)) if row["split"] == "validation" or index < 4]
    rows += [row for row in noisy_rows(80)[4:] if row["split"] == "test" and row["diagnosis"] == "ms"]
    judged = performance(scored(rows).sets[CaseSet.TEST], FEW)
    assert (judged.scored.labels.sum(), len(judged.scored.cases)) == (1, 21)
    assert {name for name, one in judged.measures.items() if one.bootstrap.known} == {"accuracy", "specificity"}
    assert judged.measures["auc"].formula == UNKNOWN


def test_a_set_without_cases_has_no_performance(scored, some_rows):
    rows = [row for row in some_rows() if row["split"] == "validation"]
    assert performance(scored(rows).sets[CaseSet.TEST], FEW) is None


def test_scans_of_a_patient_are_no_further_patients_to_the_bootstrap(scored):
    rows = noisy_rows(60)
    again = [row | {"case": f"{row['case']}-{scan}"} for row in rows for scan in range(4)]
    once, often = (performance(scored(part).sets[CaseSet.TEST], Resampling()).measures for part in (rows, again))
    for name in ("accuracy", "auc"):
        assert width(often[name].bootstrap) == pytest.approx(width(once[name].bootstrap), rel=0.15)
        assert width(often[name].formula) < 0.6 * width(once[name].formula)  # about half: four times the cases


def width(interval):
    return interval.high - interval.low


def test_ratios_are_those_of_the_paper_in_order():
    assert RATIOS == ("accuracy", "sensitivity", "specificity", "ppv", "npv", "precision", "recall")
