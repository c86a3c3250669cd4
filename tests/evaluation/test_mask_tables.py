"""Masks of a table of predictions by set and disease, with numbers derived by hand."""

from __future__ import annotations

import math
import re

import pytest

from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.evaluation_rows import lesion_detection, masks, plain
from spinal_tf.evaluation.evaluation_text import as_text
from spinal_tf.evaluation.lesionwise import SIZES, Detection, Rule
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.taxonomy import MS, NMOSD

OPTIONS = EvaluationOptions(point=0.5, resampling=Resampling(resamples=100))


def case(name, diagnosis="ms", split="test", **cells):
    """A row; what a mask is measured by is given as cells."""
    return {"case": name, "split": split, "diagnosis": diagnosis, "p_ms_vs_nmosd": "0.4"} | {
        column: str(value) for column, value in cells.items()
    }


def lesion(name, mask, volume_ml, overlap, partner_iou):
    cells = {"mask": mask, "volume_ml": volume_ml, "overlap": overlap, "partner_iou": partner_iou}
    return {"case": name} | {column: str(value) for column, value in cells.items()}


@pytest.fixture
def evaluated(write_predictions):
    """The function that evaluates rows, and the lesions of their masks."""

    def run(rows, lesions=None):
        columns = dict.fromkeys(column for row in rows for column in row)
        table = write_predictions([dict.fromkeys(columns, "") | row for row in rows])
        spots = write_predictions(lesions, name="lesions.csv") if lesions else None
        return evaluate(check_predictions(table, OPTIONS, lesions=spots), OPTIONS)

    return run


ROWS = [
    case("a", dice=0.2, hd95_mm=4, volume_ml=1, reference_volume_ml=2, difficult="yes"),
    case("b", dice=0.6, hd95_mm=2, volume_ml=3, reference_volume_ml=2, difficult="no"),
    case("c", dice=0, hd95_mm="inf", volume_ml=0, reference_volume_ml=1, difficult="yes"),
    case("d", difficult="no"),
    case("e", "nmosd", dice=0.5, hd95_mm=1, volume_ml=1, reference_volume_ml=1),
    case("f", "nmosd", "validation", dice=0.9, hd95_mm=1, volume_ml=2, reference_volume_ml=2),
    case("g", "ms", "validation", dice=0.8, hd95_mm=1, volume_ml=2, reference_volume_ml=2),
    case("h", "healthy", dice=0, hd95_mm="inf", volume_ml=0.25, reference_volume_ml=0),
    case("i", "healthy", dice="nan", hd95_mm="", volume_ml=0, reference_volume_ml=0),
]


@pytest.fixture
def groups(evaluated):
    """The groups of these rows, by set and diagnosis."""
    return {(group.case_set, group.diagnosis): group for group in evaluated(ROWS).masks}


def test_every_set_and_disease_with_masks_is_a_group_healthy_ones_last(groups):
    assert list(groups) == [
        (CaseSet.VALIDATION, MS),
        (CaseSet.VALIDATION, NMOSD),
        (CaseSet.TEST, MS),
        (CaseSet.TEST, NMOSD),
        (CaseSet.TEST, None),
        (CaseSet.DIFFICULT, MS),
    ]


def test_numbers_by_hand(groups):
    ms = groups[CaseSet.TEST, MS]
    assert (ms.summary.cases, ms.left_out, ms.summary.missed, ms.summary.without_reference) == (3, 1, 1, 0)
    dice = ms.summary.spreads["dice"]  # 0, 0.2, 0.6: the quartiles of three are the values themselves
    assert (dice.first, dice.median, dice.third, dice.mean) == pytest.approx((0, 0.2, 0.6, 0.8 / 3))
    hd95_mm = ms.summary.spreads["hd95_mm"]
    assert (hd95_mm.median, hd95_mm.mean, hd95_mm.infinite) == (4, math.inf, 1)
    assert "iou" not in ms.summary.spreads


def test_difficult_cases_are_those_of_the_test(groups):
    assert groups[CaseSet.DIFFICULT, MS].summary.spreads["dice"].mean == pytest.approx(0.1)


def test_healthy_cases_count_what_was_marked_for_nothing(groups):
    healthy = groups[CaseSet.TEST, None].summary
    assert (healthy.cases, healthy.without_reference, healthy.falsely_marked, healthy.missed) == (2, 2, 1, 0)
    assert healthy.spreads["volume_ml"].mean == 0.125
    assert (healthy.spreads["dice"].defined, healthy.spreads["dice"].undefined) == (1, 1)


def test_what_is_empty_is_not_known_without_volumes(evaluated):
    [group] = evaluated([case("a", dice=0), case("b", dice=0.5)]).masks
    assert (group.summary.missed, group.summary.without_reference, group.summary.falsely_marked) == (None, None, None)
    assert group.summary.detection == {}


LESIONS = [
    lesion("a", "reference", 1.5, 0.4, 0.3),
    lesion("a", "reference", 0.5, 0, 0),
    lesion("a", "predicted", 1, 0.6, 0.3),
    lesion("b", "reference", 2, 0.9, 0.5),
    lesion("b", "predicted", 2.5, 0.7, 0.5),
    lesion("b", "predicted", 0.5, 0.2, 0),
    lesion("c", "reference", 1, 0, 0),
    lesion("h", "predicted", 0.25, 0, 0),
    *(
        lesion(name, mask, ml, 1, 1)
        for name, ml in (("e", 1), ("f", 2), ("g", 2))
        for mask in ("reference", "predicted")
    ),
]


def test_lesions_of_a_group_are_counted_together_by_size(evaluated):
    groups = {(group.case_set, group.diagnosis): group for group in evaluated(ROWS, LESIONS).masks}
    detection = groups[CaseSet.TEST, MS].summary.detection
    below_1, from_1 = SIZES[1:3]
    assert detection[Rule.ONE_TO_ONE][from_1] == Detection(found=2, missed=1, true=2, false=0)
    assert detection[Rule.ONE_TO_ONE][below_1] == Detection(found=0, missed=1, true=0, false=1)
    assert detection[Rule.ANY_OVERLAP][below_1] == Detection(found=0, missed=1, true=1, false=0)
    healthy = groups[CaseSet.TEST, None].summary
    assert healthy.false_per_case(Rule.ANY_OVERLAP) == 1 / 2


def test_rows_have_every_measure_and_the_papers_dice_in_the_test_alone(evaluated):
    evaluation = evaluated(ROWS, LESIONS)
    rows = {(row["set"], row["diagnosis"], row["measure"]): row for row in map(plain, masks(evaluation))}
    assert rows["test", "ms", "dice"]["paper_mean"] == 0.5
    assert rows["validation", "ms", "dice"]["paper_mean"] is None
    assert rows["test", "ms", "volume_ml"]["paper_mean"] is None
    assert rows["test", "healthy", "dice"]["paper_mean"] is None
    assert rows["test", "ms", "hd95_mm"]["mean"] is None
    sizes = [
        row["below_ml"]
        for row in map(plain, lesion_detection(evaluation))
        if (row["set"], row["diagnosis"]) == ("test", "ms")
    ]
    assert sizes == [None, 0.1, 1, 10, None] * 2


def test_text_has_a_table_for_each_set(evaluated):
    text = as_text(evaluated(ROWS, LESIONS))
    testing = text.split("\nMasks: testing\n")[1].split("\n\n")[0].splitlines()
    assert testing[0].split() == ["MS", "NMOSD"]
    cells = {line.split("  ")[0]: re.split("  +", line)[-2:] for line in testing}
    first, second = cells["Dice, mean"]
    assert re.fullmatch(r"0\.27 \[0\.\d\d, 0\.\d\d\]", first)
    assert second == "0.50", "a single patient has no interval"
    assert cells["Dice, mean, paper"] == ["0.50", "0.58"]
    assert testing[-2] == "Healthy: something marked in 1 of 2 cases, on average 0.12 mL."
    assert testing[-1] == "Left out, without measures of their mask: 1."
    assert "paper" not in text.split("\nMasks: validation\n")[1].split("\n\n")[0]
    assert max(map(len, text.splitlines())) <= 120
