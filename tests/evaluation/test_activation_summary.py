"""Zones are counted for each set, disease and kind of answer, over the cases whose zone is known."""

from __future__ import annotations

import pytest

from spinal_tf.evaluation.activation_summary import activations
from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import EvaluationOptions, Resampling
from spinal_tf.evaluation.evaluation_rows import activation, plain
from spinal_tf.evaluation.evaluation_text import as_text
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.results import Zone
from spinal_tf.taxonomy import MS, MS_VS_NMOSD, NMOSD

OPTIONS = EvaluationOptions(points={"ms_vs_nmosd": 0.5}, resampling=Resampling(resamples=100))

# Diagnosis, probability of NMOSD, zone; called at 0.5.
CASES = [
    ("ms", 0.1, "lesion"),
    ("ms", 0.2, "lesion"),
    ("ms", 0.9, "elsewhere"),
    ("ms", 0.3, ""),
    ("nmosd", 0.8, "perilesional"),
    ("nmosd", 0.4, "elsewhere"),
    ("nmosd", "none", "none"),
    ("astrocytoma", "", "core"),
]


def rows(cases=CASES, split="test"):
    names = ("diagnosis", "p_ms_vs_nmosd", "gradcam_ms_vs_nmosd")
    return [
        {"case": f"{split}{number}", "split": split, **dict(zip(names, map(str, case), strict=True))}
        for number, case in enumerate(cases)
    ]


@pytest.fixture
def evaluated(write_predictions):
    """The function that evaluates rows."""
    return lambda table: evaluate(check_predictions(write_predictions(table), OPTIONS), OPTIONS)


def counts(group):
    return {zone.value: share.count for zone, share in group.zones.items() if share.count}


def test_zones_are_counted_by_disease_and_answer(evaluated):
    groups = {(one.diagnosis, one.right): one for one in evaluated(rows()).activations}
    assert {key: counts(one) for key, one in groups.items()} == {
        (None, None): {"lesion": 2, "perilesional": 1, "elsewhere": 2},
        (None, True): {"lesion": 2, "perilesional": 1},
        (None, False): {"elsewhere": 2},
        (MS, None): {"lesion": 2, "elsewhere": 1},
        (MS, True): {"lesion": 2},
        (MS, False): {"elsewhere": 1},
        (NMOSD, None): {"perilesional": 1, "elsewhere": 1},
        (NMOSD, True): {"perilesional": 1},
        (NMOSD, False): {"elsewhere": 1},
    }
    whole = groups[None, None]
    assert (whole.task, whole.case_set, whole.cases, whole.left_out) == (MS_VS_NMOSD, CaseSet.TEST, 5, 1)
    assert (groups[MS, False].left_out, groups[MS, True].left_out) == (0, 1)


def test_every_zone_has_a_share_and_they_sum_to_1(evaluated):
    for group in evaluated(rows()).activations:
        assert list(group.zones) == list(Zone)
        assert {share.total for share in group.zones.values()} == {group.cases}
        assert sum(share.count for share in group.zones.values()) == group.cases


def test_every_set_is_counted(evaluated):
    table = [row | {"difficult": "no"} for row in rows() + rows(split="validation")]
    table[0]["difficult"] = "yes"
    evaluation = evaluated(table)
    whole = {one.case_set: one.cases for one in evaluation.activations if one.diagnosis is one.right is None}
    assert whole == {CaseSet.VALIDATION: 5, CaseSet.TEST: 5, CaseSet.DIFFICULT: 1}
    [task] = evaluation.tasks.values()
    assert tuple(activations(task)) == evaluation.activations


def test_a_table_that_says_nothing_of_maps_has_no_such_part(evaluated):
    for table in (rows([(*case[:2], "") for case in CASES]), [_without(row) for row in rows()]):
        evaluation = evaluated(table)
        assert evaluation.activations == ()
        assert "Grad-CAM" not in as_text(evaluation)


def _without(row):
    return {name: text for name, text in row.items() if not name.startswith("gradcam")}


def test_rows_have_wilsons_interval(evaluated):
    [row] = [
        row
        for row in map(plain, activation(evaluated(rows())))
        if (row["diagnosis"], row["answer"], row["zone"]) == ("all", "right", "lesion")
    ]
    # p = 2/3, n = 3, z = 1.96: (p + z^2/2n) / (1 + z^2/n) -+ z / (1 + z^2/n) sqrt(p (1 - p) / n + z^2 / 4n^2)
    assert (row["count"], row["total"], row["left_out"]) == (2, 3, 1)
    assert (row["wilson_low"], row["share"], row["wilson_high"]) == pytest.approx((0.2077, 2 / 3, 0.9385), abs=1e-4)


def test_the_text_shows_the_test_and_how_many_zones_are_known(evaluated):
    text = as_text(evaluated(rows() + rows(CASES[:5], split="validation")))
    part = text.split("Where Grad-CAM is mainly active, ")[1]
    lines = [line.split("  ") for line in part.splitlines()[:7]]
    assert lines[0] == ["test: MS vs NMOSD"]
    assert [line[0].strip() for line in lines[1:]] == ["", "All", "Right", "Wrong", "MS", "NMOSD"]
    assert [cell.strip() for cell in lines[2] if cell][1:4] == ["5 of 6", "0 (0) [0, 43]", "40 (2) [12, 77]"]
    assert "validation: MS" not in text


def test_the_text_shows_validation_where_there_is_no_test(evaluated):
    assert "mainly active, validation: MS vs NMOSD" in as_text(evaluated(rows(split="validation")))


def test_lines_fit(evaluated):
    many = [("ms", 0.1, "lesion")] * 1000 + [("nmosd", 0.9, "elsewhere")] * 1000 + [("ms", 0.1, "")]
    text = as_text(evaluated(rows(many)))
    assert max(map(len, text.splitlines())) <= 120
