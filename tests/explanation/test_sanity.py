"""Maps of random weights beside the learnt ones: what is random, how alike they are, that the bundled ones differ."""

from __future__ import annotations

import math
from pathlib import Path

import keras
import numpy as np
import pytest

from spinal_tf.checkpoints.weight_files import weights_of
from spinal_tf.evaluation.map_check import MOST_ALIKE
from spinal_tf.explanation.gradcam import GraphExplainer
from spinal_tf.explanation.sanity import check_randomised, similarity, stages
from spinal_tf.networks.densenet import build_densenet

BUNDLED = Path(__file__).parents[2] / "weights"
SIZE = (64, 48)
DRAWS = 16
"""Of random weights for the bundled ones: single correlations scatter from -0.6 to 0.8, the mean of 16 by 0.11."""


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_densenet(last_convolution="pool2_relu", size=SIZE)


@pytest.fixture(scope="module")
def explain(model):
    return GraphExplainer(model)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((2, *SIZE, 3), np.float32)


@pytest.fixture
def used(monkeypatch):
    """The weights of every network that was asked."""
    seen = []
    make = GraphExplainer.with_weights
    monkeypatch.setattr(GraphExplainer, "with_weights", lambda self, new: seen.append(new) or make(self, new))
    return seen


def test_an_explainer_knows_its_weights(model, explain):
    expected, found = weights_of(model), explain.weights
    assert list(found) == list(expected)
    for layer, arrays in found.items():
        for array, value in zip(arrays, expected[layer], strict=True):
            np.testing.assert_array_equal(array, value)


def test_stages_run_from_the_last_layer_downwards(explain):
    assert stages(explain) == ["logits", "features", "pool2", "conv2", "conv1"]


def test_a_cascade_makes_one_stage_more_random_at_each_step(explain, images, used):
    compared = check_randomised(explain, images, class_index=1)
    names, learnt = stages(explain), explain.weights
    assert [one.randomised for one in compared] == [tuple(names[:count]) for count in range(1, len(names) + 1)]
    for one, weights in zip(compared, used, strict=True):
        for layer, arrays in weights.items():
            same = all(np.array_equal(array, own) for array, own in zip(arrays, learnt[layer], strict=True))
            # An untrained network's batch normalisations are random ones already.
            assert same == (layer.split("_")[0] not in one.randomised or "_bn" in layer), layer


def test_without_a_cascade_all_is_random_at_once(explain, images, used):
    [one] = check_randomised(explain, images, class_index=0, cascade=False)
    assert one == check_randomised(explain, images, class_index=0)[-1]
    assert one.randomised == tuple(stages(explain))
    assert one.tiles == 2
    assert used[0].keys() == explain.weights.keys()


def test_random_weights_are_those_that_training_starts_from(explain, images, used):
    check_randomised(explain, images, class_index=0, cascade=False)
    [weights] = used
    gamma, beta, mean, variance = weights["conv1_bn"]
    assert [set(np.unique(array)) for array in (gamma, beta, mean, variance)] == [{1}, {0}, {0}, {1}]
    kernel, bias = weights["logits"]
    assert not bias.any()
    assert 0.9 < np.abs(kernel).max() / math.sqrt(6 / (128 + 2)) <= 1
    [kernel] = weights["conv1_conv"]  # 7 x 7 pixels, 3 channels to 64
    assert 0.99 < np.abs(kernel).max() / math.sqrt(6 / (7 * 7 * (3 + 64))) <= 1
    assert abs(kernel.mean()) < 0.005


def test_the_seed_decides(explain, images):
    first, again, other = (
        check_randomised(explain, images, class_index=0, seed=seed, cascade=False) for seed in (1, 1, 2)
    )
    assert repr(first) == repr(again)
    assert repr(first) != repr(other)


def test_the_class_that_the_learnt_weights_call_is_explained_throughout(explain, images, monkeypatch):
    asked = []
    ask = GraphExplainer.__call__

    def note(self, tiles, *, class_index):
        asked.append(class_index)
        return ask(self, tiles, class_index=class_index)

    monkeypatch.setattr(GraphExplainer, "__call__", note)
    check_randomised(explain, images, class_index=lambda _: 1, cascade=False)
    assert asked[1:] == [1]


# Similarity


def maps(seed=0):
    return np.random.default_rng(seed).random((3, 20, 24)).astype(np.float32)


def test_a_map_is_like_itself():
    same = similarity(maps(), maps())
    assert (same.spearman, same.ssim) == (pytest.approx(1), pytest.approx(1))
    assert (same.blank, same.tiles) == (0, 3)


def test_ranks_know_neither_scale_nor_sign():
    assert similarity(maps(), maps() ** 3).spearman == pytest.approx(1)
    assert similarity(maps(), 1 - maps()).spearman == pytest.approx(-1)
    assert similarity(maps(), 1 - maps()).ssim < 0


def test_maps_by_chance_are_not_alike():
    found = similarity(maps(0), maps(1))
    assert abs(found.spearman) < 0.1
    assert abs(found.ssim) < 0.1


def test_structural_similarity_of_flat_maps_by_hand():
    # Without structure the luminance term is left: (2 a b + c) / (a^2 + b^2 + c), c = 0.01^2.
    one, other = np.full((1, 11, 11), 0.2, np.float32), np.full((1, 11, 11), 0.6, np.float32)
    found = similarity(one, other)
    assert found.ssim == pytest.approx((2 * 0.2 * 0.6 + 1e-4) / (0.2**2 + 0.6**2 + 1e-4), abs=1e-3)
    assert math.isnan(found.spearman)


def test_a_blank_map_has_no_ranks_and_is_counted():
    random = maps()
    random[1] = 0
    found = similarity(maps(), random)
    assert found.spearman == pytest.approx(1)
    assert found.ssim < 0.7
    assert (found.blank, found.tiles) == (1, 3)


# The bundled weights


@pytest.mark.slow
@pytest.mark.skipif(not (BUNDLED / "manifest.json").is_file(), reason="the checkout holds no weights yet")
def test_maps_of_the_bundled_weights_depend_on_them(write_nifti, tmp_path):
    from spinal_tf.images.volume import read_volume
    from spinal_tf.models import load_classifiers
    from spinal_tf.phantom.simulated_case import simulate_case
    from spinal_tf.slices import make_tiles
    from spinal_tf.taxonomy import EPENDYMOMA

    case = simulate_case(np.random.default_rng(3), EPENDYMOMA)
    volume = read_volume(write_nifti(tmp_path / "t2.nii.gz", case.t2, case.affine))
    for classifier in load_classifiers(BUNDLED):
        tiles = make_tiles(volume, case.mask, preprocessing=classifier.checkpoint.preprocessing)
        middle = tiles.images[len(tiles.images) // 2 :][:2]
        ranked = []
        for seed in range(DRAWS):
            [one] = check_randomised(classifier.explain, middle, class_index=classifier.call, seed=seed, cascade=False)
            print(f"{classifier.task.name}: seed {seed}, {one}")
            ranked += [] if math.isnan(one.spearman) else [one.spearman]
        assert ranked, "no random weights gave a map"
        assert np.mean(ranked) < MOST_ALIKE
