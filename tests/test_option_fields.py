"""Fields that declare options: what they refuse, and what a Python user reads of them."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest

import spinal_tf
from spinal_tf.datasets.sample_plans import CropPlan, TilePlan
from spinal_tf.option_fields import COUNT, POSITIVE, SHARE, Options, Range, option
from spinal_tf.training.plans import ClassifierPlan, CurvePlan, Initial, SegmenterPlan
from spinal_tf.training.training_choices import TrainingOptions

KINDS = (
    *(spinal_tf.PredictionOptions, spinal_tf.SegmentationOptions, spinal_tf.EvaluationOptions, TrainingOptions),
    *(CropPlan, TilePlan, SegmenterPlan, ClassifierPlan, CurvePlan, Initial),
)


@dataclass(frozen=True, kw_only=True)
class Knead(Options):
    """Options of a dough.

    Raises:
        ValueError: a value is unknown or out of range.
    """

    flour: Literal["rye", "wheat"] = option("rye", "Kind of flour.")
    turns: int | None = option(None, "Number of turns.", COUNT)
    water: float = option(0.7, "Share of water.", SHARE)
    rests_h: tuple[float, ...] = option((), "Hours of rest.", POSITIVE)
    spices: Mapping[str, float] = option(dict, "Grams of each spice.", POSITIVE)
    salt: float = option(0.02, "Share of salt.", Range(0, 1, high_open=True))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"flour": "oats"}, "flour 'oats' is not known; choose one of rye, wheat"),
        ({"turns": 2.5}, "turns must be a whole number, not 2.5"),
        ({"water": "0.5"}, "water must be a number, not '0.5'"),
        ({"turns": 0}, "choose turns at least 1, not 0"),
        ({"water": 1.1}, "choose water at least 0, at most 1, not 1.1"),
        ({"water": math.nan}, "water must be a number, not nan"),
        ({"rests_h": (1.0, 0.0)}, "choose rests_h above 0, not 0.0"),
        ({"rests_h": (math.inf,)}, "rests_h must be a number, not inf"),
        ({"spices": {"caraway": 2.0, "anise": -1.0}}, "choose spices above 0, not -1.0"),
        ({"salt": 1.0}, "choose salt at least 0, below 1, not 1.0"),
    ],
)
def test_a_value_out_of_range_is_refused(wrong, words):
    with pytest.raises(ValueError, match=f"^{words}$"):
        Knead(**wrong)


def test_values_at_the_ends_of_a_range_are_allowed():
    Knead(flour="wheat", turns=1, water=0.0, rests_h=(1e-9,), spices={"anise": 3}, salt=0.0)
    Knead(water=1.0, salt=0.999)


def test_numbers_of_numpy_are_numbers():
    assert Knead(turns=np.int64(2), water=np.float32(0.5)).turns == 2


def test_each_object_has_its_own_mapping():
    assert Knead().spices == {}
    assert Knead().spices is not Knead().spices


def test_the_docstring_lists_the_help_texts_before_the_errors():
    lines = inspect.getdoc(Knead).splitlines()
    assert lines[:4] == ["Options of a dough.", "", "Attributes:", "    flour: Kind of flour."]
    assert lines[-3:] == ["", "Raises:", "    ValueError: a value is unknown or out of range."]


@pytest.mark.parametrize("kind", KINDS)
def test_help_shows_every_option_in_lines_that_fit(kind):
    page = inspect.getdoc(kind).partition("\n\nAttributes:\n")[2]
    for name, one in kind.__dataclass_fields__.items():
        assert f"    {name}: {one.metadata['help'].split()[0]}" in page
    assert max(map(len, page.splitlines())) <= 100


@pytest.mark.parametrize(
    ("kind", "wrong", "words"),
    [
        (spinal_tf.TrainingOptions, {"steps": 0}, "choose steps at least 1, not 0"),
        (spinal_tf.TrainingOptions, {"minutes": -1.0}, "choose minutes above 0, not -1.0"),
        (CropPlan, {"error_share": 1.5}, "choose error_share at least 0, at most 1, not 1.5"),
        (CropPlan, {"augmentation": "some"}, "augmentation 'some' is not known; choose one of authors, broad, none"),
        (CropPlan, {"sampling_weights": {"ms": 0.0}}, "choose sampling_weights above 0, not 0.0"),
        (TilePlan, {"t1c_share": -0.1}, "choose t1c_share at least 0, at most 1, not -0.1"),
        (SegmenterPlan, {"loss": "dice"}, "loss 'dice' is not known; choose one of dice_bce, dice_topk, bce"),
        (ClassifierPlan, {"momentum": 1.0}, "choose momentum at least 0, below 1, not 1.0"),
        (CurvePlan, {"fractions": (0.5, 0.0)}, "choose fractions above 0, at most 1, not 0.0"),
        (spinal_tf.SegmentationOptions, {"threshold": 0.0}, "choose threshold above 0, at most 1, not 0.0"),
        (spinal_tf.SegmentationOptions, {"minimum_volume_ml": -1}, "choose minimum_volume_ml at least 0, not -1"),
        (spinal_tf.EvaluationOptions, {"points": {"ms_vs_nmosd": 2}}, "choose points at least 0, at most 1, not 2"),
        (spinal_tf.EvaluationOptions, {"poor_dice": math.nan}, "poor_dice must be a number, not nan"),
        (Initial, {"weights": "a", "imagenet": "b"}, "exclude each other; give one of them"),
    ],
)
def test_python_refuses_what_the_command_refuses(kind, wrong, words):
    with pytest.raises(ValueError, match=words):
        kind(**wrong)


@pytest.mark.parametrize(
    ("level_at", "words"),
    [
        (("C1", 4), "'C1' is no vertebra to count from; choose one from C2 to L5, such as T10"),
        (("T13", 4), "'T13' is no vertebra to count from"),
        (("S1", 4), "'S1' is no vertebra to count from"),
        (("T10", -1), "the row of T10 must be a whole number from 0, not -1"),
        (("T10", 4.5), "the row of T10 must be a whole number from 0, not 4.5"),
    ],
)
def test_a_given_level_is_a_vertebra_with_a_body_and_a_row(level_at, words):
    with pytest.raises(ValueError, match=words):
        spinal_tf.SegmentationOptions(level_at=level_at)
    for name in ("C2", "C7", "T1", "T12", "L1", "L5"):
        assert spinal_tf.SegmentationOptions(level_at=(name, 0)).level_at == (name, 0)


def test_a_cohort_has_no_given_level():
    segmentation = spinal_tf.SegmentationOptions(level_at=("T10", 4))
    with pytest.raises(ValueError, match="level_at belongs to one scan; leave it out for a cohort"):
        spinal_tf.PredictionOptions(segmentation=segmentation)
