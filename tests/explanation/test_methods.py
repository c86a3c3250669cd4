"""The methods of tf-keras-vis: by hand on a network of two channels, by property on a small DenseNet."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spinal_tf.checkpoints.weight_files import weights_of
from spinal_tf.explanation.gradcam import GraphExplainer
from spinal_tf.explanation.methods import VIS_METHODS, explained_by, forward_passes
from spinal_tf.explanation.sanity import check_randomised
from spinal_tf.explanation.scorecam import CHANNELS
from spinal_tf.map_methods import MapMethod
from spinal_tf.networks.densenet import build_densenet

SIZE = (64, 48)
OTHERS = tuple(method for method in MapMethod if method is not MapMethod.GRADCAM)
TOY_LOGITS = np.array([[2.0, -2.0], [0.5, 1.0]])
"""Of the channels relu(x) and relu(-x), pooled: 2 a + b / 2 for class 0, b - 2 a for class 1."""


@pytest.fixture(scope="module")
def graph():
    keras.utils.set_random_seed(0)
    model = build_densenet(last_convolution="pool2_relu", size=SIZE)
    # Untrained, both classes come out nearly alike; far apart, what speaks against one is seen.
    head = model.get_layer("logits")
    head.kernel.assign(20 * head.kernel)
    return GraphExplainer(model)


@pytest.fixture(scope="module")
def explainers(graph):
    return {method: explained_by(method, graph) for method in MapMethod}


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((2, *SIZE, 3), np.float32)


def toy():
    inputs = keras.Input((2, 4, 1))
    x = keras.layers.Conv2D(2, 1, use_bias=False, activation="relu", name="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="global_average_pool")(x)
    x = keras.layers.Dense(2, use_bias=False, name="logits")(x)
    network = keras.Model(inputs, keras.layers.Activation("softmax", name="probability")(x))
    network.set_weights([np.array([[[[1.0, -1.0]]]]), TOY_LOGITS])
    return network


X = np.array([[3.0, 0.0, -1.0, 1.5], [0.0, 0.0, -4.0, 0.5]], np.float32)
CHANNELS_OF_X = np.stack([np.maximum(X, 0), np.maximum(-X, 0)], axis=-1)


def toy_map(method, class_index):
    explain = explained_by(method, GraphExplainer(toy()))
    return explain(X[np.newaxis, ..., np.newaxis], class_index=class_index).maps[0]


def scaled(raw):
    return (raw - raw.min()) / (raw.max() - raw.min())


def test_every_method_is_there():
    assert set(VIS_METHODS) == set(OTHERS)
    assert all(VIS_METHODS[method].name is method for method in OTHERS)


@pytest.mark.parametrize("method", [MapMethod.LAYERCAM, MapMethod.GRADCAM_PLUS_PLUS])
@pytest.mark.parametrize("class_index", [0, 1])
def test_only_what_speaks_for_the_class_counts(method, class_index):
    # The gradient is the same in every place, the channel's logit over 8 pixels; negative ones are left out.
    expected = scaled(CHANNELS_OF_X @ np.maximum(TOY_LOGITS[:, class_index], 0))
    np.testing.assert_allclose(toy_map(method, class_index), expected, atol=1e-5)


def test_saliency_is_the_absolute_gradient():
    # Of class 0, 2 / 8 where x is positive and -0.5 / 8 where it is negative.
    expected = np.select([X > 0, X < 0], [1, 0.25], 0)
    np.testing.assert_allclose(toy_map(MapMethod.SALIENCY, 0), expected, atol=1e-5)


@pytest.mark.parametrize("class_index", [0, 1])
def test_score_cam_weighs_channels_by_the_probability_behind_their_mask(class_index):
    weights = []
    for channel in np.moveaxis(CHANNELS_OF_X, -1, 0):
        masked = X * scaled(channel)
        pooled = np.array([np.maximum(masked, 0).mean(), np.maximum(-masked, 0).mean()])
        logits = np.exp(pooled @ TOY_LOGITS)
        weights.append(logits[class_index] / logits.sum())
    expected = scaled(CHANNELS_OF_X @ weights)
    np.testing.assert_allclose(toy_map(MapMethod.SCORECAM, class_index), expected, atol=1e-5)


@pytest.mark.parametrize("method", MapMethod)
def test_the_answer_does_not_depend_on_how_it_is_explained(explainers, graph, images, method):
    explained = explainers[method](images, class_index=lambda probabilities: int(probabilities[:, 1].mean() >= 0.5))
    np.testing.assert_array_equal(explained.probabilities, graph(images, class_index=0).probabilities)
    assert explained.method is method
    assert explained.maps.shape == (2, *SIZE)
    assert explained.maps.dtype == np.float32
    assert explained.maps.min() >= 0
    np.testing.assert_allclose(explained.maps.max(axis=(1, 2)), 1, atol=2e-2)


def test_methods_differ_but_for_two_that_a_pooled_head_makes_the_same(explainers, images):
    maps = {method: explainers[method](images, class_index=1).maps for method in MapMethod}
    same = {MapMethod.LAYERCAM, MapMethod.GRADCAM_PLUS_PLUS}
    for one in MapMethod:
        for other in MapMethod:
            alike = np.allclose(maps[one], maps[other], atol=1e-3)
            assert alike == (one is other or {one, other} == same), (one, other)


@pytest.mark.parametrize("method", OTHERS)
def test_tiles_are_explained_one_by_one_as_together(explainers, images, method):
    together = explainers[method](images, class_index=0).maps
    for image, expected in zip(images, together, strict=True):
        [alone] = explainers[method](image[np.newaxis], class_index=0).maps
        np.testing.assert_allclose(alone, expected, atol=1e-4)


@pytest.mark.parametrize("method", OTHERS)
def test_other_weights_give_the_maps_of_a_network_that_has_them(explainers, images, method):
    keras.utils.set_random_seed(1)
    other = build_densenet(last_convolution="pool2_relu", size=SIZE)
    before = explainers[method](images, class_index=1).maps
    exchanged = explainers[method].with_weights(weights_of(other))
    expected = explained_by(method, GraphExplainer(other))(images, class_index=1)
    np.testing.assert_allclose(exchanged(images, class_index=1).maps, expected.maps, atol=1e-4)
    np.testing.assert_array_equal(explainers[method](images, class_index=1).maps, before)


@pytest.mark.parametrize("method", MapMethod)
def test_random_weights_are_compared_by_every_method(explainers, images, method):
    [one] = check_randomised(explainers[method], images, class_index=1, cascade=False)
    assert one.randomised == ("logits", "features", "pool2", "conv2", "conv1")
    assert one.tiles == 2
    assert one.ssim < 0.99
    assert one == check_randomised(explainers[method], images, class_index=1, cascade=False)[0]


def test_score_cam_draws_no_progress_bar(explainers, images, capfd):
    explainers[MapMethod.SCORECAM](images[:1], class_index=1)
    assert capfd.readouterr().out == ""
    assert keras.config.is_interactive_logging_enabled()


def test_what_maps_cost_in_forward_passes():
    assert forward_passes(MapMethod.GRADCAM) == 1
    assert forward_passes(MapMethod.SCORECAM) == CHANNELS + 2
    assert all(forward_passes(method) > 1 for method in OTHERS)
