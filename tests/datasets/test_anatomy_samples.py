"""Samples of the anatomy network: what is stored of a case, and what is drawn from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.datasets import anatomy_samples
from spinal_tf.datasets.anatomy_samples import OUTSIDE, AnatomySampler, anatomy_case, anatomy_entry
from spinal_tf.datasets.sample_plans import AnatomyCropPlan
from spinal_tf.images.anatomy_map import BODY, CANAL, CORD, UNKNOWN
from spinal_tf.preprocess import in_slabs, place, to_input
from spinal_tf.scaling import normalise
from spinal_tf.structures import STRUCTURES, Structure
from spinal_tf.training.plans import AnatomyPlan

RECIPE = AnatomyPlan.preprocessing
PLAN = AnatomyCropPlan(size=(32, 16))


def labeled(examination, *, structures="", scanner=None, name="case-1"):
    """An examination whose map has a canal with cord, a body in front, and a strip that is unknown."""
    found = examination(name)
    anatomy = np.zeros(found.t2.data.shape, np.uint8)
    anatomy[2:5, :, 20:26] = CANAL
    anatomy[3, :, 22:24] = CORD
    anatomy[2:5, 10:25, 4:16] = BODY
    anatomy[:, :3] = UNKNOWN
    extra = {"anatomy_structures": structures} if structures else {}
    case = replace(found.case, extra=extra, scanner=scanner)
    return replace(found, case=case, anatomy=anatomy)


@pytest.fixture
def stored(examination):
    """Makes a case as the cache gives it back."""
    return lambda **given: anatomy_case(anatomy_entry(labeled(examination, **given), RECIPE))


# What is stored


def test_planes_are_those_that_the_network_sees_in_use(examination, stored):
    t2, case = labeled(examination).t2, stored()
    data = in_slabs(t2.data, t2.spacing_mm[0], RECIPE.slab_mm)
    placement = place(data.shape[1:], t2.spacing_mm[1:], RECIPE)
    expected = to_input(normalise(data, intensity="zscore_no_clip", source="t2"), placement)
    np.testing.assert_array_equal(case.planes, expected.astype(np.float16))
    assert case.seen(np.array([0, 3])).shape == (2, *placement.input_shape, 3)


def test_labels_lie_on_the_planes_and_the_padding_is_outside(examination, stored):
    found, case = labeled(examination), stored()
    placement = place(found.t2.data.shape[1:], found.t2.spacing_mm[1:], RECIPE)
    for label in (CORD, CANAL, BODY, UNKNOWN):
        np.testing.assert_array_equal(case.labels == label, to_input(found.anatomy == label, placement, label=True))
    rows, columns = placement.window
    assert (case.labels[:, rows, columns] != OUTSIDE).all()
    beyond = case.labels.size - case.labels[:, rows, columns].size
    assert beyond > 0
    assert (case.labels == OUTSIDE).sum() == beyond


def test_labeled_voxels_are_all_that_crops_lie_at(stored):
    case = stored()
    assert np.isin(case.labels[tuple(case.spine_voxels.T)], (CORD, CANAL, BODY)).all()
    assert len(case.spine_voxels) == np.isin(case.labels, (CORD, CANAL, BODY)).sum()


def test_facts_come_from_the_case_and_its_grid(stored):
    case = stored(structures="cord; body", scanner="Simulated", name="c")
    assert (case.name, case.is_simulated, case.slice_mm) == ("c", True, 3.5)
    assert case.structures == (Structure.CORD, Structure.BODY)
    assert stored().structures == STRUCTURES
    assert not stored().is_simulated
    assert case.voxel_ml == pytest.approx(3.5 * 1.5 * 1.5 / 1000, rel=0.05)


def test_a_case_without_labels_is_refused(examination):
    with pytest.raises(ValueError, match="case-1 has no anatomy"):
        anatomy_entry(examination(), RECIPE)


# Targets


def test_what_is_not_labeled_is_unknown_and_what_is_outside_is_nothing(stored):
    case = stored(structures="body")
    targets = case.targets(np.array([[0, BODY], [UNKNOWN, OUTSIDE]], np.uint8))
    assert targets.dtype == np.int8
    assert targets.tolist() == [
        [[-1, -1, 0, -1, -1, -1], [0, 0, 1, 0, 0, -1]],
        [[-1] * 6, [0] * 6],
    ]


# Samples


def sampler(*cases, seed=3, **plan):
    return AnatomySampler(cases=cases, plan=replace(PLAN, **plan), seed=seed)


def test_a_sample_is_a_function_of_seed_step_and_index(stored):
    case = stored()
    image, targets = sampler(case)(4, 1)
    for same in (sampler(case)(4, 1), sampler(case)(4, 1)):
        np.testing.assert_array_equal(same[0], image)
        np.testing.assert_array_equal(same[1], targets)
    for other in (sampler(case)(5, 1), sampler(case)(4, 2), sampler(case, seed=4)(4, 1)):
        assert not np.array_equal(other[0], image)


def test_samples_have_the_shapes_that_are_promised(stored):
    drawn = sampler(stored())
    image, targets = drawn(0, 0)
    assert (image.shape, targets.shape) == drawn.shapes == ((32, 16, 3), (32, 16, 6))
    assert image.dtype == targets.dtype == np.float32
    assert set(np.unique(targets)) <= {-1, 0, 1}


def plain(monkeypatch):
    """Leave samples as they are, but for their place."""
    monkeypatch.setattr(anatomy_samples, "random_appearance", lambda rng, image: image)
    monkeypatch.setattr(anatomy_samples, "random_zscore", lambda rng, image: image.astype(np.float32))
    monkeypatch.setattr(anatomy_samples, "cut_view", lambda rng, image, labels, outside: None)


def test_image_and_targets_show_the_same_place(stored, monkeypatch):
    plain(monkeypatch)
    case = stored()
    marked = replace(case, planes=(case.labels == BODY).astype(np.float16), dark=0.0, bright=1.0)
    seen = 0
    for index in range(30):
        image, targets = sampler(marked)(0, index)
        body = targets[..., STRUCTURES.index(Structure.BODY)] == 1
        assert (np.abs(image[..., 1] - body) < 0.8).all()
        seen += body.any()
    assert seen > 10


def test_levels_between_dark_and_bright_become_0_to_1(stored, monkeypatch):
    plain(monkeypatch)
    case = stored()
    low, high = np.percentile(case.planes[::2][case.labels[::2] != OUTSIDE].astype(float), (0.5, 99.5))
    assert (case.dark, case.bright) == pytest.approx((low, high), abs=0.05)
    crops = np.stack([sampler(case)(0, index)[0] for index in range(40)])
    assert (crops.min(), crops.max()) == pytest.approx((0, 1.3), abs=0.31)


def test_most_crops_lie_near_labels_and_none_has_to(stored):
    case = stored()
    near = [sampler(case, spine_share=1.0)(0, index)[1] for index in range(40)]
    assert np.mean([(one == 1).any() for one in near]) > 0.9
    nothing = replace(case, spine_voxels=np.zeros((0, 3), np.int32))
    assert sampler(nothing, spine_share=1.0)(0, 0)[0].shape == (32, 16, 3)


def share_of_real(real_share, *cases):
    """Share of samples drawn from real cases, which are told by the structures that they label."""
    drawn = sampler(*cases, real_share=real_share, spine_share=0.0)
    return np.mean([(drawn(0, index)[1] == -1)[..., 3].mean() > 0.4 for index in range(300)])


def test_real_and_simulated_cases_have_their_shares(stored, monkeypatch):
    plain(monkeypatch)
    real = stored(structures="body")
    simulated = [stored(scanner="simulated", name=f"s{number}") for number in range(5)]
    alone = share_of_real(0.4, real)
    assert alone > 0.5  # some crops show little of the scan
    assert share_of_real(0.4, *simulated) == 0
    assert share_of_real(0.4, real, *simulated) == pytest.approx(0.4 * alone, abs=0.1)
    assert share_of_real(0.0, real, *simulated) == 0
    assert share_of_real(1.0, real, *simulated) == pytest.approx(alone, abs=0.1)


def test_thin_slices_also_show_neighbors_at_other_distances(stored):
    case = replace(stored(), slice_mm=0.9)
    seen = [tuple(anatomy_samples._slices_seen(np.random.default_rng(seed), case, 3)) for seed in range(200)]
    steps = {after - 3 for _, _, after in seen}
    assert len(steps) > 2
    assert all(middle == 3 and before == max(0, 6 - after) for before, middle, after in seen if after < 6)
    thick = {tuple(anatomy_samples._slices_seen(np.random.default_rng(seed), stored(), 3)) for seed in range(20)}
    assert len(thick) == 1
