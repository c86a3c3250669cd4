"""Subgroups, calibration and learning curves: the numbers behind the figures."""

from __future__ import annotations

import numpy as np
import pytest

from spinal_tf.errors import CohortError
from spinal_tf.evaluation.statistics.intervals import UNKNOWN
from spinal_tf.report.study.calibration_figure import draw_decisions, draw_reliability
from spinal_tf.report.study.learning import draw_learning, means_by_patients
from spinal_tf.report.study.subgroup_forest import draw_forest, forest_lines

TABLE = """\
fraction,seed,patients,cases,step,training_auc,validation_auc
0.5,1,10,12,100,0.95,0.5
0.5,2,12,14,100,0.85,0.7
1,1,20,24,100,0.8,0.8
"""


def first_contrast(evaluation):
    return next(group.contrast for group in evaluation.subgroups if group.contrast)


def test_intervals_are_by_formula_unless_patients_have_several_cases(rows, evaluated):
    contrast = first_contrast(evaluated(rows()))
    formula, bootstrap = (forest_lines(contrast, by_patients=by_patients) for by_patients in (False, True))
    assert [line.measure for line in formula] == ["accuracy", "sensitivity", "specificity", "auc"]
    assert [line.interval for line in formula] == [one.formula for one in contrast.differences]
    assert [line.interval for line in bootstrap] == [one.bootstrap for one in contrast.differences]
    assert [line.value for line in formula] == [one.value for one in contrast.differences]


def test_undefined_differences_are_left_out(rows, evaluated):
    # Men have MS alone, so that they have no sensitivity and no area.
    table = [row | {"sex": "m" if row["diagnosis"] == "ms" else "f"} for row in rows()]
    groups = [group for group in evaluated(table).subgroups if group.column == "sex" and group.contrast]
    contrast = next(group.contrast for group in groups if group.contrast.task.name == "tumor_vs_demyelinating")
    lines = forest_lines(contrast, by_patients=False)
    assert [line.measure for line in lines] == ["accuracy", "sensitivity"]
    assert all(line.interval != UNKNOWN for line in lines)


def test_a_forest_has_a_panel_for_each_task_and_says_whose_intervals(rows, evaluated, plain):
    [once] = draw_forest(evaluated(rows()), "")
    assert len(once.figure.axes) == 3
    names = [label.get_text() for label in once.figure.axes[0].get_yticklabels()]
    assert names == ["age paediatric\nvs adult", "sex female\nvs male"]
    assert "Newcombe" in once.caption
    twice = [row | {"patient": f"p{index // 8 * 4 + index % 4}"} for index, row in enumerate(rows(splits=("test",)))]
    [several] = draw_forest(evaluated(twice), "")
    assert "bootstrap over patients" in several.caption
    assert "Newcombe" not in several.caption


def test_long_names_of_groups_are_shortened(rows, evaluated, plain):
    table = [
        row | {"site": ("Hospital of the Northern University", "B")[index % 3 == 0]} for index, row in enumerate(rows())
    ]
    [drawing] = draw_forest(evaluated(table, subgroups=("site",)), "")
    names = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert names[-1] == "site B\nvs Hospital of the …"


def test_without_facts_there_is_no_forest(rows, evaluated, plain):
    table = [{name: row[name] for name in ("case", "split", "diagnosis", "p_ms_vs_nmosd")} for row in rows()]
    assert list(draw_forest(evaluated(table), "")) == []


def test_reliability_has_every_case_once_and_scaling_on_the_test_alone(rows, evaluated, plain):
    evaluation = evaluated(rows())
    validation, test = draw_reliability(evaluation, "")
    assert [drawing.name for drawing in (validation, test)] == ["reliability-validation", "reliability-test"]
    for drawing, sets in ((validation, 1), (test, 2)):
        curves, counts = drawing.figure.axes[:3], drawing.figure.axes[3:]
        assert all(len(panel.containers) == sets for panel in curves)
        totals = {int(patch.get_data().values.sum()) for panel in counts for patch in panel.patches}
        cases = {
            len(pair.scored.cases) for pair in evaluation.calibrations if drawing.name.endswith(pair.scored.case_set)
        }
        assert totals == cases


def test_decision_curves_start_where_everybody_is_called(rows, evaluated, plain):
    evaluation = evaluated(rows())
    [_, test] = draw_decisions(evaluation, "")
    for panel, name in zip(test.figure.axes, evaluation.tasks, strict=True):
        lines = {line.get_label(): line for line in panel.lines}
        labels = evaluation.performances["test"][name].scored.labels
        everybody = lines["everybody"].get_ydata()
        assert everybody[0] == pytest.approx(labels.mean() - (1 - labels.mean()) * 0.01 / 0.99)
        # At 0.01 the model calls everybody.
        assert lines["model"].get_ydata()[0] == pytest.approx(everybody[0])
        assert any(label.startswith("model, temperature ") for label in lines)


@pytest.fixture
def curve(tmp_path):
    folder = tmp_path / "ms_vs_nmosd"
    folder.mkdir()
    path = folder / "learning-curve.csv"
    path.write_text(TABLE)
    return path


def test_trainings_are_marks_and_lines_their_means(curve, plain):
    [drawing] = draw_learning([curve], "")
    [panel] = drawing.figure.axes
    assert (panel.get_title(), panel.get_ylabel()) == ("ms_vs_nmosd", "AUC")
    drawn = [np.column_stack([line.get_xdata(), line.get_ydata()]).tolist() for line in panel.lines]
    assert drawn[3] == [[11, pytest.approx(0.6)], [20, 0.8]]
    assert drawn[4] == [[10, 0.5], [12, 0.7], [20, 0.8]]
    assert drawn[0] == [[11, pytest.approx(0.9)], [20, 0.8]]


def test_means_by_hand():
    points = [{"fraction": 1, "patients": 8, "a": 1}, {"fraction": 0.5, "patients": 3, "a": 2}]
    points.append({"fraction": 0.5, "patients": 5, "a": 4})
    assert means_by_patients(points, "a") == ([4, 8], [3, 1])


def test_no_table_is_no_figure():
    assert draw_learning([], "") == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no learning curve"),
        ("fraction,seed,patients\n0.5,1,10\n", "holds no learning curve"),
        (TABLE.replace("0.95", "much"), "is not a table of a learning curve"),
        (TABLE.replace("0.5,1,10,12,100,0.95,0.5", "0.5,1"), "is not a table of a learning curve"),
    ],
)
def test_a_table_that_is_none_is_told(curve, plain, text, words):
    curve.write_text(text)
    with pytest.raises(CohortError, match=rf"learning-curve\.csv: {words}"):
        draw_learning([curve], "")
