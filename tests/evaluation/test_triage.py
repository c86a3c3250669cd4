"""Flags against poor masks, counted by hand."""

from __future__ import annotations

import pytest

from spinal_tf.evaluation.described import Proportion
from spinal_tf.evaluation.evaluation import evaluate
from spinal_tf.evaluation.evaluation_options import POOR_DICE, EvaluationOptions, Resampling
from spinal_tf.evaluation.evaluation_rows import plain, triage
from spinal_tf.evaluation.evaluation_text import as_text
from spinal_tf.evaluation.paper.paper_masks import PAPER_CORRECTED
from spinal_tf.evaluation.prediction_checks import check_predictions
from spinal_tf.evaluation.prediction_table import read_predictions
from spinal_tf.evaluation.predictions import CaseSet
from spinal_tf.evaluation.triage import triage_groups

# Diagnosis, Dice, flagged.
CASES = [
    ("ms", "0.2", "1"),
    ("ms", "0.69", "0"),
    ("ms", "0.7", "1"),
    ("nmosd", "0.9", "0"),
    ("nmosd", "0", "1"),
    ("nmosd", "", "1"),
    ("nmosd", "0.1", ""),
    ("astrocytoma", "0.8", "0"),
    ("healthy", "0", "1"),
    ("healthy", "nan", "0"),
    ("healthy", "nan", "0"),
]


@pytest.fixture
def table(write_predictions):
    """These cases."""
    rows = []
    for index, (diagnosis, dice, flagged) in enumerate(CASES):
        row = {"case": f"c{index}", "split": "test", "diagnosis": diagnosis, "p_tumor_vs_demyelinating": "0.5"}
        rows.append(row | {"dice": dice, "flagged": flagged, "difficult": "yes" if index == 0 else "no"})
    return write_predictions(rows)


@pytest.fixture
def groups(table):
    """Their groups in the test, by name."""
    found = triage_groups(read_predictions(table), POOR_DICE)
    return {group.name: group for group in found if group.case_set is CaseSet.TEST}


def test_every_group_with_flags_is_there(groups):
    assert list(groups) == ["tumor", "demyelinating", "astrocytoma", "ms", "nmosd", "healthy"]


def test_counts_by_hand(groups):
    # Poor: 0.2, 0.69 and 0; the case of 0.1 has no flag, and that without Dice counts for the burden alone.
    found = groups["demyelinating"]
    assert found.flagged == Proportion(count=4, total=6)
    assert found.poor == Proportion(count=3, total=5)
    assert found.sensitivity == Proportion(count=2, total=3)
    assert found.specificity == Proportion(count=1, total=2)
    assert found.ppv == Proportion(count=2, total=3)


def test_the_limit_itself_is_not_poor(table):
    below, at = (
        next(group for group in triage_groups(read_predictions(table), limit) if group.name == "ms")
        for limit in (0.7, 0.71)
    )
    assert (below.poor, at.poor) == (Proportion(count=2, total=3), Proportion(count=3, total=3))


def test_nothing_to_divide_by_is_none(groups):
    tumor = groups["tumor"]
    assert (tumor.flagged, tumor.poor) == (Proportion(count=0, total=1), Proportion(count=0, total=1))
    assert (tumor.sensitivity, tumor.ppv) == (None, None)
    assert tumor.specificity == Proportion(count=1, total=1)


def test_of_healthy_cases_the_share_flagged_is_all(groups):
    healthy = groups["healthy"]
    assert healthy.flagged == Proportion(count=1, total=3)
    assert (healthy.poor, healthy.sensitivity, healthy.specificity, healthy.ppv) == (None,) * 4


def test_the_papers_corrections_are_those_of_its_text():
    shares = {
        (case_set.value, name): round(100 * found.count / found.total)
        for case_set, groups in PAPER_CORRECTED.items()
        for name, found in groups.items()
    }
    assert shares == {
        ("validation", "tumor"): 10,
        ("validation", "demyelinating"): 33,
        ("test", "tumor"): 9,
        ("test", "demyelinating"): 29,
    }


def test_the_papers_corrections_stand_beside_their_groups(groups):
    assert groups["demyelinating"].paper_corrected == Proportion(count=23, total=78)
    assert groups["ms"].paper_corrected is None


def test_difficult_cases_have_groups_of_their_own_and_none_of_the_paper(table):
    found = [
        group for group in triage_groups(read_predictions(table), POOR_DICE) if group.case_set is CaseSet.DIFFICULT
    ]
    assert [group.name for group in found] == ["demyelinating", "ms"]
    assert found[0].paper_corrected is None


@pytest.fixture
def evaluation(table):
    """An evaluation of the cases at another limit."""
    options = EvaluationOptions(point=0.5, resampling=Resampling(resamples=100), poor_dice=0.5)
    return evaluate(check_predictions(table, options), options)


def test_rows_have_wilsons_interval(evaluation):
    rows = {(row["set"], row["group"], row["measure"]): row for row in map(plain, triage(evaluation))}
    flagged = rows["test", "demyelinating", "flagged"]
    assert (flagged["count"], flagged["total"], flagged["paper_count"], flagged["paper_total"]) == (4, 6, 23, 78)
    # Wilson's interval of 4 of 6, computed with statsmodels.
    assert (flagged["wilson_low"], flagged["wilson_high"]) == pytest.approx((0.29999, 0.90323), abs=1e-5)
    assert rows["test", "tumor", "ppv"]["value"] is None
    assert rows["test", "demyelinating", "poor"]["count"] == 2  # below 0.5


def test_text_shows_the_limit_and_the_paper(evaluation):
    section = as_text(evaluation).split("\n\nTriage: ")[1].split("\n\n")[0].splitlines()
    assert "Dice below 0.5" in section[0]
    [line] = [line for line in section if line.startswith("test  ") and "demyelinating" in line]
    expected = "67 (4/6) [30, 90]  29 (23/78)  40 (2/5)  100 (2/2) [34, 100]  67 (2/3) [21, 94]"
    assert line.split()[2:] == expected.split()
    assert max(map(len, section)) <= 120
