import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinal_tf.evaluation.lesionwise import ALL_SIZES, SIZES, Detection, LesionwiseScore, MatchedLesion, Rule
from spinal_tf.evaluation.overlap import SegmentationScore
from spinal_tf.evaluation.overlap_summary import Spread, describe, spread, summarise
from spinal_tf.evaluation.overlap_text import as_text
from spinal_tf.evaluation.paper.paper_masks import PAPER_MEAN_DICE
from spinal_tf.taxonomy import ASTROCYTOMA, MS, NMOSD, tree


def lesion(volume_ml, iou):
    return MatchedLesion(volume_ml=volume_ml, overlap=iou, partner_iou=iou)


def score(dice=0.5, *, hd95_mm=2.0, reference=((2.0, 0.4),), predicted=((1.5, 0.4),)):
    return SegmentationScore(
        dice=dice,
        iou=dice / (2 - dice),
        nsd_1mm=dice,
        nsd_2mm=dice,
        hd95_mm=hd95_mm,
        reference_volume_ml=float(sum(volume_ml for volume_ml, _ in reference)),
        volume_ml=float(sum(volume_ml for volume_ml, _ in predicted)),
        lesions=LesionwiseScore(
            reference=tuple(lesion(*one) for one in reference), predicted=tuple(lesion(*one) for one in predicted)
        ),
    )


MISSED = score(0.0, hd95_mm=math.inf, reference=((2.0, 0.0),), predicted=())
CLEAN = score(math.nan, hd95_mm=math.nan, reference=(), predicted=())
SPOILT = score(0.0, hd95_mm=math.inf, reference=(), predicted=((0.05, 0.0), (0.02, 0.0)))


def test_a_spread_by_hand():
    # quartiles at places 1.25, 2.5 and 3.75 of four
    found = spread([4, 1, 2, 10])
    assert (found.first, found.median, found.third, found.mean) == pytest.approx((1.25, 3, 8.5, 4.25))
    assert (found.defined, found.infinite, found.undefined) == (4, 0, 0)


def test_what_is_not_defined_is_left_out_and_counted():
    assert spread([4, math.nan, 1, 2, 10, math.nan]) == Spread(
        first=1.25, median=3, third=8.5, mean=4.25, defined=4, infinite=0, undefined=2
    )


def test_an_infinite_value_is_the_largest():
    found = spread([3, math.inf, 1, 2, 4, math.inf, 5])
    assert (found.first, found.median, found.third) == (2, 4, math.inf)
    assert found.mean == math.inf
    assert (found.defined, found.infinite) == (7, 2)


def test_between_infinite_values_lies_an_infinite_one():
    found = spread([1, math.inf, math.inf, math.inf])
    assert (found.first, found.median, found.third) == (math.inf, math.inf, math.inf)


@pytest.mark.parametrize("values", [[], [math.nan, math.nan]])
def test_nothing_to_describe(values):
    found = spread(values)
    assert all(math.isnan(value) for value in (found.first, found.median, found.third, found.mean))
    assert (found.defined, found.undefined) == (0, len(values))


def test_one_value():
    found = spread([7])
    assert (found.first, found.median, found.third, found.mean) == (7, 7, 7, 7)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
@settings(deadline=None)
def test_quartiles_are_those_of_numpy(values):
    expected = np.quantile(values, (0.25, 0.5, 0.75), method="weibull")
    found = spread(values)
    assert [found.first, found.median, found.third] == pytest.approx(expected, abs=1e-6)


def test_cases_are_counted_by_what_is_empty():
    summary = summarise({"all": [score(), MISSED, CLEAN, SPOILT]})["all"]
    assert (summary.cases, summary.without_reference, summary.missed, summary.falsely_marked) == (4, 2, 1, 1)
    dice = summary.spreads["dice"]
    assert (dice.defined, dice.undefined) == (3, 1)
    assert dice.mean == pytest.approx(0.5 / 3)
    assert summary.spreads["hd95_mm"].infinite == 2


def test_lesions_of_a_group_are_counted_together():
    scores = [
        score(reference=((12, 0.6), (0.5, 0), (0.05, 0)), predicted=((11, 0.6), (0.03, 0))),
        score(reference=((0.4, 0.3),), predicted=((0.2, 0.3),)),
        CLEAN,
    ]
    summary = summarise({"all": scores})["all"]
    found = summary.detection[Rule.ONE_TO_ONE]
    assert list(found) == [ALL_SIZES, *SIZES]
    assert found[ALL_SIZES] == Detection(found=2, missed=2, true=2, false=1)
    assert found[SIZES[0]] == Detection(missed=1, false=1)
    assert found[SIZES[1]] == Detection(found=1, missed=1, true=1)
    assert summary.false_per_case(Rule.ONE_TO_ONE) == pytest.approx(1 / 3)
    assert summary.false_per_case(Rule.ONE_TO_ONE, SIZES[1]) == 0


def test_lesionwise_measures_are_those_of_each_case():
    spreads = summarise({"all": [score(), MISSED, CLEAN, SPOILT]})["all"].spreads
    assert spreads["lesion_recall_one_to_one"].mean == pytest.approx(1 / 2)
    assert spreads["lesion_precision_one_to_one"].mean == pytest.approx(1 / 2)
    assert spreads["lesion_f1_any_overlap"].mean == pytest.approx(1 / 3)


def test_groups_keep_their_order_and_may_be_empty():
    summaries = summarise({NMOSD: [score()], MS: []})
    assert list(summaries) == [NMOSD, MS]
    assert summaries[MS].cases == 0
    assert math.isnan(summaries[MS].false_per_case(Rule.ANY_OVERLAP))


def test_the_papers_dice():
    assert list(PAPER_MEAN_DICE.values()) == [0.77, 0.80, 0.50, 0.58]
    assert list(PAPER_MEAN_DICE) == list(tree().diagnoses)


@pytest.fixture
def summaries():
    return summarise({ASTROCYTOMA: [score(0.7), score(0.9)], MS: [score(0.4), MISSED]})


def row_of(text, label):
    [line] = [line for line in text.splitlines() if line.startswith(f"{label}  ")]
    return line.removeprefix(label).split()


def test_text_shows_the_paper_beside(summaries):
    text = as_text(summaries)
    assert row_of(text, "Dice, mean") == ["0.80", "0.20"]
    assert row_of(text, "Dice, mean, paper") == ["0.77", "0.50"]
    assert row_of(text, "Cases") == ["2", "2"]
    assert row_of(text, "Nothing marked") == ["0", "1"]
    assert row_of(text, "Dice") == ["0.80", "(0.70,", "0.90)", "0.20", "(0.00,", "0.40)"]


def test_text_shows_lesions_by_size(summaries):
    [first, *_] = [line for line in as_text(summaries).splitlines() if line.startswith("  1-10 mL")]
    assert first.split()[2:] == ["2/2", "(100);", "0.00", "1/2", "(50);", "0.00"]


def test_lines_fit_the_terminal(summaries):
    four = {diagnosis: summaries[MS] for diagnosis in tree().diagnoses}
    assert max(map(len, as_text(four).splitlines())) <= 120


def test_text_of_a_group_without_cases():
    text = as_text(summarise({MS: []}))
    assert row_of(text, "Dice") == ["-"]
    assert row_of(text, "Dice, mean") == ["-"]
    assert "nan" not in text


def test_a_group_of_which_only_some_measures_are_known_shows_those():
    text = as_text({MS: describe([{"dice": 0.5}, {"dice": 0.7}], None, ["dice"])})
    assert [line.split("  ")[0] for line in text.splitlines()[1:]] == [
        "Cases",
        "Nothing marked",
        "Dice, mean",
        "Dice, mean, paper",
        "Dice",
    ]
    assert row_of(text, "Nothing marked") == ["-"]


def test_the_papers_dice_may_be_left_out(summaries):
    assert "paper" not in as_text(summaries, beside_paper=False)
