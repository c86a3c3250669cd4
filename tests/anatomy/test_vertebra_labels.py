"""Places of the names of vertebrae, against the drawn spine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spinal_tf.anatomy.vertebra_labels import vertebra_labels
from spinal_tf.structures import STRUCTURES, Structure

SLICE_MM = 3.5


def middle_slice(spine):
    line = spine.line
    return round(float(spine.maps.volume_slice(np.nanmedian(line.at_slice))))


def test_names_lie_at_the_front_edge_of_their_own_bodies(spines):
    spine = spines["lumbar"]
    index = middle_slice(spine.found)
    labels = vertebra_labels(spine.found, index, SLICE_MM)
    assert [one.name for one in labels][-3:] == ["L3", "L4", "L5"]
    for label, number in zip(labels, spine.found.shown, strict=True):
        body = np.argwhere(spine.vertebrae[index] == number)
        front = body[body[:, 1] < body[:, 1].min() + 20]
        assert front[:, 0].min() < label.row < front[:, 0].max()
        assert abs(label.column - body[:, 1].min()) < 3


def test_slices_beside_the_canal_have_no_names(spines):
    spine = spines["lumbar"].found
    middle = middle_slice(spine)
    assert vertebra_labels(spine, middle + 2, SLICE_MM)
    assert vertebra_labels(spine, middle + 4, SLICE_MM) == ()
    assert vertebra_labels(spine, 0, SLICE_MM) == ()


def test_a_body_that_a_slice_does_not_cut_has_no_name_there(spines):
    spine = spines["lumbar"].found
    middle = middle_slice(spine)
    whole = vertebra_labels(spine, middle, SLICE_MM)
    rows = spine.numbering.vertebrae[-2].body.pixels[:, 0]
    probability = spine.maps.probability.copy()
    probability[middle, rows.min() : rows.max() + 1, :, STRUCTURES.index(Structure.BODY)] = 0
    cut = replace(spine, maps=replace(spine.maps, probability=probability))
    assert [one.name for one in whole if one not in vertebra_labels(cut, middle, SLICE_MM)] == ["L4"]
    assert vertebra_labels(cut, middle + 1, SLICE_MM) == vertebra_labels(spine, middle + 1, SLICE_MM)


def test_vertebrae_without_a_number_have_no_name(spines):
    assert vertebra_labels(spines["thoracic"].found, middle_slice(spines["thoracic"].found), SLICE_MM) == ()
    spine = spines["lumbar"].found
    first, *rest = spine.numbering.vertebrae
    cut = replace(spine, numbering=replace(spine.numbering, vertebrae=(replace(first, number=None), *rest)))
    whole, fewer = (vertebra_labels(one, middle_slice(spine), SLICE_MM) for one in (spine, cut))
    assert fewer == whole[1:]
