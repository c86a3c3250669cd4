"""What stands in the ROC figures: points of model, raters and paper by hand, and panels of a single class.

Where the two raters disagree the case is difficult, so that there is a second figure.
"""

from __future__ import annotations

import pytest

from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.statistics.confusion import Confusion
from spinal_tf.report.study.roc_figure import RocPoint, draw_roc, operating_point, rater_points

MS = "ms_vs_nmosd"


def case(index, diagnosis, probability, *raters):
    row = {"case": f"c{index}", "split": "test", "diagnosis": diagnosis, f"p_{MS}": probability}
    return row | {f"rater_{number}": answer for number, answer in enumerate(raters, 1)}


ROWS = [
    case(1, "nmosd", 0.9, "nmosd", "nmosd"),
    case(2, "nmosd", 0.8, "ms", "nmosd"),
    case(3, "nmosd", 0.3, "astrocytoma", ""),
    case(4, "ms", 0.6, "ms", ""),
    case(5, "ms", 0.1, "nmosd", ""),
]


def labels_of(panel):
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_raters_stand_where_their_answers_put_them(evaluated):
    # Rater 1 finds one of three NMOSD, the tumour being wrong, and one of two MS; rater 2 rated no case of MS.
    contrasts = evaluated(ROWS).contrasts
    assert rater_points(contrasts, MS, CaseSet.TEST) == [
        RocPoint(name="1", false_positive_rate=0.5, sensitivity=pytest.approx(1 / 3))
    ]
    assert rater_points(contrasts, MS, CaseSet.VALIDATION) == []
    assert rater_points(contrasts, "tumor_vs_demyelinating", CaseSet.TEST) == []


def test_the_operating_point_is_that_of_the_calls():
    found = operating_point(Confusion(tp=3, fn=1, tn=4, fp=1), "model")
    assert (found.name, found.false_positive_rate, found.sensitivity) == ("model", 0.2, 0.75)
    assert operating_point(Confusion(tp=3, fn=1, tn=0, fp=0)) is None


def test_the_panel_has_the_models_and_the_papers_numbers(evaluated, plain):
    drawing, _ = draw_roc(evaluated(ROWS), "")
    assert drawing.name == "roc-test"
    [panel] = drawing.figure.axes
    assert panel.get_title() == "MS vs NMOSD\n2 MS, 3 NMOSD"
    # Five of six pairs are in the right order.
    model, paper, raters, point = labels_of(panel)
    assert model.startswith("model: AUC 0.83 (")
    assert paper == "Zhuo et al. 2022: AUC 0.85 (0.74 to 0.96)"
    assert (raters, point) == ("raters, by number", "operating point 0.50")
    places = {line.get_label(): (line.get_xdata()[0], line.get_ydata()[0]) for line in panel.lines}
    assert places[point] == pytest.approx((1 / 2, 2 / 3))
    assert places[paper] == pytest.approx((7 / 33, 36 / 45))
    assert places[raters] == pytest.approx((1 / 2, 1 / 3))
    assert [text.get_text() for text in panel.texts] == ["1"]
    assert "Crosses: raters" in drawing.caption


def test_points_chosen_on_the_set_are_starred(rows, evaluated, plain):
    validation, test, *_ = draw_roc(evaluated(rows(raters=0), point=None), "")
    assert all(labels_of(panel)[-1].startswith("operating point* ") for panel in validation.figure.axes)
    assert all(labels_of(panel)[-1].startswith("operating point 0") for panel in test.figure.axes)
    assert "points chosen on other patients" in validation.caption
    assert "points chosen on other patients" not in test.caption
    assert "raters" not in test.caption


def test_a_single_class_is_said_instead_of_drawn(evaluated, plain):
    drawing, _ = draw_roc(evaluated(ROWS[:2]), "")
    [panel] = drawing.figure.axes
    assert [text.get_text() for text in panel.texts] == ["only NMOSD cases:\nno curve"]
    assert panel.get_legend() is None
