"""Representative cases are chosen by the median Dice; their slices, colours and words by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from spinal_tf.cohort.case import Split
from spinal_tf.report.study import pictures
from spinal_tf.report.study.pictures import OPACITY, CasePicture, grey, widest_slice, with_heat, with_masks
from spinal_tf.report.study.pipeline_steps import STEPS, draw_pipeline
from spinal_tf.report.study.representative import called, case_lines, draw_cases, representative_cases
from spinal_tf.report.study.style import GREEN, VERMILLION, YELLOW
from spinal_tf.taxonomy import MS, NMOSD

TASK_NAMES = ("tumor_vs_demyelinating", "astrocytoma_vs_ependymoma", "ms_vs_nmosd")


def case(name, diagnosis, dice, probabilities=(0.9, 0.9, 0.9), split="test"):
    row = {"case": name, "split": split, "diagnosis": diagnosis, "dice": dice, "reference_volume_ml": 2}
    return row | {f"p_{task}": value for task, value in zip(TASK_NAMES, probabilities, strict=True)}


def test_the_case_with_the_median_dice_stands_for_its_disease(evaluated):
    table = [
        case("a", "ms", 0.9),
        case("b", "ms", 0.2),
        case("c", "ms", 0.5),
        case("d", "ms", 0.6),
        case("e", "ms", ""),
        case("f", "nmosd", 0.1),
        case("g", "nmosd", 0.4, split="train"),
    ]
    chosen = representative_cases(evaluated(table))
    # Of 0.2, 0.5, 0.6 and 0.9 the lower of the middle two.
    assert {diagnosis: one.name for diagnosis, one in chosen.items()} == {MS: "c", NMOSD: "f"}


@pytest.mark.parametrize(
    ("probabilities", "name"),
    [
        ((0.2, 0.2, 0.9), "astrocytoma"),
        ((0.2, 0.5, 0.9), "ependymoma"),
        ((0.5, 0.2, 0.2), "ms"),
        ((0.8, 0.2, 0.9), "nmosd"),
        ((0.2, "none", 0.9), "tumor"),
        (("none", 0.2, 0.9), None),
    ],
)
def test_the_model_calls_by_the_cascade(evaluated, probabilities, name):
    evaluation = evaluated([case("a", "ependymoma", 0.5, probabilities), case("b", "ms", 0.5)])
    found = called(evaluation.predictions.cases[0], evaluation.tasks)
    assert (found.name if found else None) == name


def test_a_point_is_not_used_on_the_split_that_chose_it(rows, evaluated):
    evaluation = evaluated(rows(), point=None)
    members = {split: evaluation.predictions.of_split(split)[0] for split in (Split.VALIDATION, Split.TEST)}
    assert called(members[Split.VALIDATION], evaluation.tasks) is None
    assert called(members[Split.TEST], evaluation.tasks) is not None


def test_the_words_beside_a_case(evaluated):
    row = case("a", "nmosd", 0.5) | {"rater_1": "nmosd", "rater_2": "ependymoma"}
    evaluation = evaluated([row, case("b", "ms", 0.5) | {"rater_1": "", "rater_2": ""}])
    assert case_lines(evaluation.predictions.cases[0], evaluation, 0.456) == [
        ("NMOSD", True),
        ("Dice 0.46", False),
        ("Model: NMOSD \N{CHECK MARK}", False),
        ("Rater 1: NMOSD \N{CHECK MARK}", False),
        ("Rater 2: ependymoma \N{BALLOT X}", False),
    ]
    assert [line for line, _ in case_lines(evaluation.predictions.cases[1], evaluation, 0.5)] == [
        "MS",
        "Dice 0.50",
        "Model: NMOSD \N{BALLOT X}",
    ]


def stack(*areas):
    """Masks with so many voxels in each slice."""
    masks = np.zeros((len(areas), 3, 4), bool)
    for mask, area in zip(masks, areas, strict=True):
        mask.ravel()[:area] = True
    return masks


@pytest.mark.parametrize(
    ("reference", "predicted", "index"),
    [((1, 5, 5, 2), (9, 0, 0, 0), 1), ((0, 0, 0, 0), (1, 0, 3, 0), 2), ((0, 0, 0, 0), (0, 0, 0, 0), 2)],
    ids=["most of the reference", "most of the model's", "the middle"],
)
def test_the_slice_is_chosen_by_a_rule(reference, predicted, index):
    image = np.arange(4.0)[:, None, None] * np.ones((4, 3, 4))
    found = widest_slice(image, stack(*predicted), stack(*reference), (3, 2, 1), heat=image / 4)
    assert (found.image == index).all()
    assert (found.heat == index / 4).all()
    assert found.predicted.sum() == predicted[index]
    assert found.reference.sum() == reference[index]
    assert found.spacing_mm == (2, 1)


def example():
    predicted, reference = np.zeros((2, 6, 8), bool)
    predicted[2, 1:5] = reference[2, 3:7] = True
    image = np.tile(np.linspace(0, 1, 8), (6, 1))
    return CasePicture(image=image, predicted=predicted, reference=reference, spacing_mm=(1, 0.5))


def test_pixels_are_square_and_coloured_by_who_marked_them():
    scale = pictures.PIXELS_PER_MM
    plain, coloured = grey(example()), with_masks(example())
    assert plain.shape == coloured.shape == (6 * scale, 8 * scale // 2, 3)
    row = 2 * scale + scale // 2
    for column, colour in ((1, VERMILLION), (3, YELLOW), (6, GREEN)):
        at = (row, column * scale // 2)
        expected = (1 - OPACITY) * plain[at] + OPACITY * 255 * np.array(to_rgb(colour))
        assert coloured[at] == pytest.approx(expected, abs=0.51)
    for at in ((row, 0), (row, 7 * scale // 2), (row + scale, 3 * scale // 2)):
        assert (coloured[at] == plain[at]).all()


def test_without_heat_map_the_slice_is_plain():
    assert (with_heat(example()) == grey(example())).all()


def test_cases_without_picture_are_left_out(evaluated, plain):
    evaluation = evaluated([case("a", "ms", 0.5), case("b", "nmosd", 0.5)])
    assert list(draw_cases(evaluation, {}, "")) == []
    assert list(draw_cases(evaluation, {"other": example()}, "")) == []
    [drawing] = draw_cases(evaluation, {"b": example()}, "")
    assert len(drawing.figure.axes) == 3
    assert drawing.figure.axes[2].texts[0].get_text() == "NMOSD"
    assert "median Dice" in drawing.caption


def test_the_steps_are_drawn_with_and_without_slices(plain):
    [alone], [with_slices] = draw_pipeline(None, ""), draw_pipeline(example(), "")
    words = [text.get_text() for text in alone.figure.axes[0].texts]
    assert all(line in words for step in STEPS.values() for line in step.lines)
    assert len(alone.figure.axes[0].images) == 0
    assert len(with_slices.figure.axes[0].images) == 3  # no heat map
    assert "The slices are of one case" in with_slices.caption
    assert "The slices are of one case" not in alone.caption
    assert "heat map" not in with_slices.caption
    warm = replace(example(), heat=np.ones_like(example().image, float))
    [with_heat_map] = draw_pipeline(warm, "")
    assert len(with_heat_map.figure.axes[0].images) == 4
    assert "The heat map is that of the model that named the disease" in with_heat_map.caption
