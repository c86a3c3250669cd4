"""Comparisons of Grad-CAM maps with those of random weights, summed up by hand."""

from __future__ import annotations

import math

import pytest

from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.evaluation_rows import gradcam_check, plain
from spinal_tf.evaluation.evaluation_text import as_text
from spinal_tf.evaluation.map_check import MOST_ALIKE, MapCheck, MapComparison, map_warnings
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.taxonomy import MS_VS_NMOSD


def compared(spearman, *, ssim=0.5, blank=0, tiles=4):
    return MapComparison(spearman=spearman, ssim=ssim, blank=blank, tiles=tiles)


def check(*cases):
    return MapCheck(task=MS_VS_NMOSD, case_set=CaseSet.TEST, cases=cases)


MIXED = check(
    [compared(0.2, ssim=0.1), compared(0.4, ssim=0.3)],
    [compared(-0.1, ssim=0.2, blank=1, tiles=2), compared(math.nan, ssim=0.6, blank=2, tiles=2)],
)
LOST = check([compared(math.nan, blank=4), compared(math.nan, blank=4)])


def test_numbers_by_hand():
    assert (MIXED.draws, MIXED.tiles, MIXED.compared, MIXED.blank) == (2, 6, 12, 3)
    assert MIXED.by_case == pytest.approx([0.3, -0.1])
    assert MIXED.spearman == pytest.approx(0.1)
    assert MIXED.ssim == pytest.approx(0.3)
    assert MIXED.depends is True
    assert list(map_warnings([MIXED])) == []


@pytest.mark.parametrize(("spearman", "depends"), [(MOST_ALIKE, True), (MOST_ALIKE + 0.01, False), (1.0, False)])
def test_maps_that_stay_as_they_are_do_not_depend_on_the_weights(spearman, depends):
    found = check([compared(spearman)])
    assert found.depends is depends
    assert [warning.split(":")[0] for warning in map_warnings([found])] == ([] if depends else ["ms_vs_nmosd"])


def test_without_any_map_nothing_can_be_told():
    assert LOST.depends is None
    assert math.isnan(LOST.spearman)
    [warning] = map_warnings([LOST])
    assert "no Grad-CAM map was left" in warning


@pytest.fixture
def evaluated(write_predictions, some_rows):
    """The function that evaluates predictions with such checks."""
    options = EvaluationOptions(resampling=Resampling(resamples=100))
    table = write_predictions(some_rows())
    return lambda *checks: evaluate(check_predictions(table, options), options, map_checks=checks)


def test_rows_text_and_warnings(evaluated):
    evaluation = evaluated(MIXED, LOST)
    first, second = map(plain, gradcam_check(evaluation))
    assert first == {
        "set": "test",
        "task": "ms_vs_nmosd",
        "cases": 2,
        "tiles": 6,
        "draws": 2,
        "compared": 12,
        "blank": 3,
        "rank_correlation": pytest.approx(0.1),
        "least": pytest.approx(-0.1),
        "most": pytest.approx(0.3),
        "ssim": pytest.approx(0.3),
        "depends_on_weights": True,
    }
    assert [second[name] for name in ("rank_correlation", "least", "most", "depends_on_weights")] == [None] * 4
    lines = as_text(evaluation).splitlines()
    place = lines.index("Grad-CAM beside random weights, test")
    assert lines[place + 2].split()[3:] == ["2", "12", "3", "0.10", "(-0.10", "to", "0.30)", "0.30", "yes"]
    assert lines[place + 3].split()[3:] == ["1", "8", "8", "-", "0.50", "-"]
    assert evaluation.warnings[-1].startswith("ms_vs_nmosd: no Grad-CAM map")


def test_without_a_check_nothing_is_said(evaluated):
    assert list(gradcam_check(evaluated())) == []
    assert "random weights" not in as_text(evaluated())
