"""The flow chart's numbers: by hand, and they add up."""

from __future__ import annotations

import pytest
from matplotlib.text import Text

from spinal_tf.cohort.case import Split
from spinal_tf.report.study.flow import draw_flow, flow_of
from spinal_tf.taxonomy import MS, tree

ROWS = [
    {"case": "a", "patient": "1", "split": "train", "diagnosis": "ms", "difficult": "", "p_ms_vs_nmosd": ""},
    {"case": "b", "patient": "2", "split": "train", "diagnosis": "healthy", "difficult": "", "p_ms_vs_nmosd": ""},
    {"case": "c", "patient": "3", "split": "test", "diagnosis": "ms", "difficult": "yes", "p_ms_vs_nmosd": "0.2"},
    {"case": "d", "patient": "3", "split": "test", "diagnosis": "ms", "difficult": "no", "p_ms_vs_nmosd": "0.4"},
    {"case": "e", "patient": "4", "split": "test", "diagnosis": "nmosd", "difficult": "yes", "p_ms_vs_nmosd": "none"},
    {"case": "f", "patient": "5", "split": "test", "diagnosis": "ependymoma", "difficult": "no", "p_ms_vs_nmosd": ""},
    {"case": "g", "patient": "6", "split": "test", "diagnosis": "healthy", "difficult": "no", "p_ms_vs_nmosd": ""},
]


def flows_of(evaluation):
    return flow_of(evaluation.predictions.cases, [task.task for task in evaluation.tasks.values()])


def test_a_flow_by_hand(evaluated):
    train, test = flows_of(evaluated(ROWS))
    assert (train.split, train.cases, train.patients, train.left_out) == (Split.TRAIN, 2, 2, {"healthy": 1})
    assert (train.members, train.difficult) == ({MS: 1}, 0)
    assert (test.split, test.cases, test.patients) == (Split.TEST, 5, 4)
    assert test.left_out == {"healthy": 1, "no task for disease": 1, "no probability": 1}
    assert (test.members, test.tasks, test.difficult) == ({MS: 2}, {"ms_vs_nmosd": 2}, 1)


@pytest.mark.parametrize("splits", [("test",), ("train", "validation", "test")])
def test_numbers_add_up(rows, evaluated, splits):
    table = [
        row
        | ({"diagnosis": "healthy"} if index % 7 == 0 else {})
        | ({f"p_{task.name}": "none" for task in tree().tasks} if index % 5 == 1 else {})
        for index, row in enumerate(rows(splits=splits))
    ]
    evaluation = evaluated(table)
    flows = flows_of(evaluation)
    assert [flow.split.value for flow in flows] == list(splits)
    assert sum(flow.cases for flow in flows) == len(table)
    for flow in flows:
        assert flow.used + sum(flow.left_out.values()) == flow.cases
        assert flow.difficult <= flow.used
    test = flows[-1]
    assert test.tasks["tumor_vs_demyelinating"] == test.used
    assert test.tasks["astrocytoma_vs_ependymoma"] + test.tasks["ms_vs_nmosd"] == test.used
    assert test.tasks == {name: len(task.cases) for name, task in _test_sets(evaluation).items()}


def _test_sets(evaluation):
    return {name: judged.scored for name, judged in evaluation.performances["test"].items()}


def test_the_chart_has_the_numbers(evaluated, plain):
    [drawing] = draw_flow(evaluated(ROWS), "")
    words = [text.get_text() for text in drawing.figure.findobj(Text) if text.get_text()]
    for line in (
        "All cases, n = 7",
        "6 patients",
        "Train, n = 2",
        "For classifiers, n = 1",
        "Test, n = 5",
        "Left out, n = 3",
        "no probability 1",
        "Judged, n = 2",
        "of these difficult 1",
        "MS vs NMOSD 2",
    ):
        assert line in words
