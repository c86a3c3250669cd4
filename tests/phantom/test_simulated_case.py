from dataclasses import replace

import numpy as np
import pytest

from spinal_tf.phantom import simulated_case as case_module
from spinal_tf.phantom import sources
from spinal_tf.phantom.frame import REGION_OF_LEVEL
from spinal_tf.phantom.parameters import DISEASES
from spinal_tf.phantom.simulated_case import simulate_case
from spinal_tf.phantom.spine import procedural_background
from spinal_tf.taxonomy import ASTROCYTOMA, EPENDYMOMA, MS, NMOSD, tree

A, E, M, N = ASTROCYTOMA, EPENDYMOMA, MS, NMOSD
DRAWS = 200
SEED = 3


def coarse_background(seed=0):
    return procedural_background(
        np.random.default_rng(seed), level="cervical", spacing_mm=(1.75, 2.0, 1.6), size=(15, 120, 80)
    )


def always(background):
    """A source that knows one spine."""
    return lambda rng, view: background


@pytest.fixture(scope="module")
def cases():
    source = always(coarse_background())
    return {d: simulate_case(np.random.default_rng(SEED), d, source) for d in tree().diagnoses}


def contents(case):
    return case.t2.tobytes(), case.mask.tobytes(), case.lesions, case.degradations


@pytest.mark.parametrize("diagnosis", tree().diagnoses)
def test_a_case_is_whole(cases, diagnosis):
    case = cases[diagnosis]
    assert case.diagnosis is diagnosis
    assert case.t2.shape == case.mask.shape == case.cord.shape == case.levels.shape
    assert case.t1c is None or case.t1c.shape == case.t2.shape
    assert case.t2.dtype == np.float32
    assert case.mask.dtype == bool
    assert case.mask.any()
    assert case.t2.min() >= 0
    assert case.spacing_mm[0] in (1.75, 3.5)
    assert case.background == "procedural"
    cord = np.median(case.t2[case.mask])
    assert 50 < cord < 1200


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(cases):
    same = simulate_case(np.random.default_rng(SEED), M, always(coarse_background()))
    assert contents(same) == contents(cases[M])
    other = simulate_case(np.random.default_rng(SEED + 1), M, always(coarse_background()))
    assert contents(other)[0] != contents(cases[M])[0]


def test_the_mask_is_where_at_least_half_of_a_voxel_is_lesion(monkeypatch):
    background = coarse_background()
    fraction = np.zeros(background.t2.shape, np.float32)
    fraction[:, 40, 30], fraction[:, 40, 31], fraction[:, 40, 32] = 0.49, 0.5, 0.51
    monkeypatch.setattr(case_module, "add_lesions", lambda rng, background, lesions: (background, fraction))
    mask = simulate_case(np.random.default_rng(0), M, always(background)).mask
    assert np.unique(np.argwhere(mask)[:, 1:], axis=0).tolist() == [[40, 31], [40, 32]]
    assert mask.any(axis=(1, 2)).all()


def test_the_affine_is_in_package_order_and_centred(cases):
    case = cases[A]
    centre = case.affine @ [*((np.array(case.t2.shape) - 1) / 2), 1]
    np.testing.assert_allclose(centre, [0, 0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(case.affine @ [1, 0, 0, 0], [-case.spacing_mm[0], 0, 0, 0])
    np.testing.assert_allclose(case.affine @ [0, 1, 0, 0], [0, 0, -2.0, 0])
    np.testing.assert_allclose(case.affine @ [0, 0, 1, 0], [0, -1.6, 0, 0])


def test_a_background_without_t1c_gives_a_case_without():
    case = simulate_case(np.random.default_rng(0), N, always(replace(coarse_background(), t1c=None)))
    assert case.t1c is None
    assert case.mask.any()


def test_a_healthy_person_has_a_cord_and_no_lesion():
    case = simulate_case(np.random.default_rng(0), None, always(coarse_background()))
    assert (case.diagnosis, case.lesions) == (None, ())
    assert not case.mask.any()
    assert case.cord.any()
    assert case.t2.shape == case.cord.shape == case.levels.shape


@pytest.mark.parametrize("diagnosis", tree().diagnoses)
def test_lesions_are_part_of_the_cord_and_every_voxel_of_cord_has_its_level(cases, diagnosis):
    case = cases[diagnosis]
    assert case.cord.dtype == bool
    assert case.levels.dtype == np.uint8
    assert (case.cord | ~case.mask).all()
    assert not case.levels[~case.cord].any()
    rows = case.levels.max(axis=(0, 2)).astype(int)
    rows = rows[rows > 0]
    assert np.all(np.diff(rows) >= 0)
    assert rows[0] == 1
    assert rows[-1] > 7


def test_levels_are_drawn_with_their_published_shares():
    asked = []

    def source(rng, view):
        asked.append(view)
        raise StopIteration

    for seed in range(DRAWS):
        with pytest.raises(StopIteration):
            simulate_case(np.random.default_rng(seed), E, source)
    levels = [view.level for view in asked]
    for level, share in DISEASES[E].levels.items():
        assert abs(levels.count(level) / DRAWS - share) < 3.5 * np.sqrt(share * (1 - share) / DRAWS)
    thick = [view for view in asked if view.fine_mm > 1]
    assert np.mean([view.with_t1c for view in asked]) == pytest.approx(DISEASES[E].contrast, abs=0.06)
    assert len(thick) / DRAWS == pytest.approx(0.85, abs=0.09)
    for view in thick:
        assert view.fine_slices // 2 in range(11, 16)
        assert 3 <= 2 * view.fine_mm <= 4
    for view in asked:
        if view not in thick:
            assert view.fine_mm == 0.9
            assert 35 < view.fine_slices * 0.9 < 50


@pytest.mark.parametrize("diagnosis", [A, M])
def test_without_a_background_the_lesion_lies_at_the_drawn_level(monkeypatch, diagnosis):
    made = {}

    def coarser(rng, *, level, spacing_mm, size, with_t1c, **more):
        made["level"] = level
        made["background"] = procedural_background(
            rng,
            level=level,
            spacing_mm=(1.75, 3 * spacing_mm[1], 3 * spacing_mm[2]),
            size=(12, size[1] // 3, size[2] // 3),
            **more,
        )
        return made["background"]

    monkeypatch.setattr(sources, "procedural_background", coarser)
    case = simulate_case(np.random.default_rng(4), diagnosis)
    first, last = REGION_OF_LEVEL[made["level"]]
    regions = [made["background"].frame.region[lesion.centre_row] for lesion in case.lesions]
    assert all(first <= region <= last for region in regions)
    assert case.mask.any()
