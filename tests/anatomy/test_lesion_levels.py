"""Location and extent of all lesions of a case."""

from __future__ import annotations

from spinal_tf.anatomy.lesion_levels import case_location, extent_vertebrae, main_levels
from spinal_tf.anatomy.vertebra_names import NUMBERS, vertebra_name
from spinal_tf.cohort.case import Level
from spinal_tf.lesions import Lesion


def lesions_at(*levels):
    measures = {"volume_ml": 1, "length_mm": 1, "width_mm": 1, "diameter_mm": 1, "centroid_mm": (0, 0, 0)}
    others = {"slices": (1,), "contrast": None, "touches_border": False}
    return [Lesion(number=at, levels=one, **measures, **others) for at, one in enumerate(levels, start=1)]


def test_a_case_has_the_location_of_all_its_lesions():
    lesions = lesions_at({"C7": 0.5, "T1": 0.5}, {"T1": 1.0}, {"oblongata": 0.5, "C1": 0.5})
    assert case_location(lesions[:2]) == Level.CERVICAL_THORACIC
    assert case_location(lesions[2:]) == Level.OBLONGATA_CERVICAL
    assert case_location(lesions) is None  # from the oblongata to the thorax: Table 1 has no such class


def test_vertebrae_are_summed_over_the_lesions_and_the_oblongata_is_none():
    assert extent_vertebrae(lesions_at({"C7": 0.5, "T1": 0.5}, {"T1": 1.0}, {"oblongata": 0.5, "C1": 0.5})) == 4
    assert extent_vertebrae(lesions_at({"oblongata": 1.0})) == 0


def test_a_sliver_of_a_lesion_at_the_next_level_does_not_count():
    lesions = lesions_at({"oblongata": 0.003, "C1": 0.497, "C2": 0.5}, {"C7": 0.92, "T1": 0.08})
    assert case_location(lesions) == Level.CERVICAL
    assert extent_vertebrae(lesions) == 2 + 1
    assert main_levels({"C7": 0.9, "T1": 0.1}) == ["C7", "T1"]
    long = {f"T{number}": 1 / 12 for number in range(1, 13)}  # each level has less than a tenth of the lesion
    assert extent_vertebrae(lesions_at(long)) == 12


def test_one_lesion_at_an_unknown_level_leaves_the_case_unknown():
    lesions = lesions_at({"C5": 1.0}, None)
    assert case_location(lesions) is extent_vertebrae(lesions) is None
    assert case_location([]) is extent_vertebrae([]) is None


def test_names_and_numbers_of_vertebrae_belong_together():
    assert (NUMBERS["C2"], NUMBERS["T1"], NUMBERS["L5"], NUMBERS["S1"]) == (2, 8, 24, 25)
    assert all(vertebra_name(number) == name for name, number in NUMBERS.items())
    assert list(NUMBERS)[:2] == ["oblongata", "C1"]
