"""Volumes and Dice by hand, and what a table may hold instead of numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.report.study.mask_figures import draw_dice, draw_volumes, mean_dice, volume_differences, volume_ratios
from spinal_tf.report.study.mask_sizes import MaskSize, mask_sizes, reported
from spinal_tf.taxonomy import ASTROCYTOMA, MS, NMOSD


def size(diagnosis, reference_ml, predicted_ml, dice=0.5):
    return MaskSize(name="c", diagnosis=diagnosis, reference_ml=reference_ml, predicted_ml=predicted_ml, dice=dice)


SIZES = [
    size(MS, 1, 2, 0.4),
    size(MS, 4, 2, 0.6),
    size(NMOSD, 10, 5, 0.9),
]


def test_differences_ratios_and_means_by_hand():
    assert volume_differences(SIZES) == pytest.approx([1, -2, -5])
    assert volume_ratios(SIZES) == pytest.approx([2, 0.5, 0.5])
    assert mean_dice(SIZES) == {MS: pytest.approx(0.5), NMOSD: 0.9}


def test_only_cases_with_a_reference_lesion_have_sizes(rows, evaluated):
    volumes = ["2", "0", "", "nan", "inf"]
    table = [
        row | {"reference_volume_ml": volume, "volume_ml": "", "dice": "0.25"}
        for row, volume in zip(rows(count=5, splits=("test",)), volumes, strict=True)
    ]
    [found] = mask_sizes(evaluated(table).predictions.cases)
    assert (found.name, found.diagnosis, found.reference_ml, found.dice) == ("c00", ASTROCYTOMA, 2, 0.25)
    assert math.isnan(found.predicted_ml)


def test_the_test_is_shown_and_validation_without_one(rows, evaluated):
    assert reported(evaluated(rows()).predictions)[0] is CaseSet.TEST
    case_set, cases = reported(evaluated(rows(splits=("validation",))).predictions)
    assert (case_set, len(cases)) == (CaseSet.VALIDATION, 48)


def heights(panel):
    """Of lines across the whole panel."""
    return sorted(float(line.get_ydata()[0]) for line in panel.lines if list(line.get_xdata()) == [0, 1])


def test_lines_are_the_mean_and_the_limits(rows, evaluated, plain):
    pairs = [("1", "2"), ("4", "2"), ("10", "5"), ("3", "0")]
    table = [
        row | {"reference_volume_ml": reference, "volume_ml": predicted}
        for row, (reference, predicted) in zip(rows(count=4, splits=("test",)), pairs, strict=True)
    ]
    [drawing] = draw_volumes(evaluated(table), "")
    left, right = drawing.figure.axes
    differences, ratios = np.array([1, -2, -5, -3]), np.log([2, 0.5, 0.5])
    half = 1.959964 * differences.std(ddof=1)
    assert heights(left) == pytest.approx([-2.25 - half, -2.25, 0, -2.25 + half])
    half = 1.959964 * ratios.std(ddof=1)
    assert heights(right) == pytest.approx(np.exp([ratios.mean() - half, ratios.mean(), 0, ratios.mean() + half]))
    assert "marked nothing, 1 of them" in drawing.caption
    assert drawing.title == "Lesion volume, 4 test cases"
    assert [text.get_text() for text in left.texts][0] == "\N{MINUS SIGN}2.25"


def test_a_single_case_has_a_mark_and_no_limits(rows, evaluated, plain):
    [drawing] = draw_volumes(evaluated(rows(count=1, splits=("test",))), "")
    assert all(len(heights(panel)) == 2 for panel in drawing.figure.axes)  # its own value, and none


def test_dice_has_the_means_here_and_the_papers(rows, evaluated, plain):
    table = [row | {"dice": f"{index / 10}"} for index, row in enumerate(rows(count=8, splits=("test",)))]
    [drawing] = draw_dice(evaluated(table), "")
    means = {
        (int(line.get_xdata()[0]), line.get_fillstyle()): line.get_ydata()[0]
        for line in drawing.figure.axes[1].lines
        if len(line.get_xdata())
    }
    assert [means[place, "full"] for place in range(4)] == pytest.approx([0.2, 0.3, 0.4, 0.5])
    assert [means[place, "none"] for place in range(4)] == [0.77, 0.80, 0.50, 0.58]


def test_without_columns_nothing_is_drawn(evaluated, plain):
    evaluation = evaluated([{"case": "c", "split": "test", "diagnosis": "ms", "p_ms_vs_nmosd": "0.4"}])
    assert list(draw_volumes(evaluation, "")) == []
    assert list(draw_dice(evaluation, "")) == []
