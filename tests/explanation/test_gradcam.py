import keras
import numpy as np
import pytest
import tensorflow as tf
from tf_keras_vis.gradcam import Gradcam
from tf_keras_vis.utils.model_modifiers import ReplaceToLinear
from tf_keras_vis.utils.scores import CategoricalScore

from spinal_tf.checkpoints.weight_files import weights_of
from spinal_tf.errors import DeviceError
from spinal_tf.explanation import gradcam
from spinal_tf.explanation.gradcam import GraphExplainer, enlarge, heatmap_volume, scale
from spinal_tf.explanation.keras_vis import VisExplainer, VisMethod
from spinal_tf.map_methods import MapMethod
from spinal_tf.networks.densenet import build_densenet
from spinal_tf.preprocess import Placement, Preprocessing, place
from spinal_tf.slices import Tiles

SIZE = (64, 48)
METHODS = ("graph", "tf-keras-vis")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_densenet(last_convolution="pool2_relu", size=SIZE)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, *SIZE, 3), np.float32)


@pytest.fixture(scope="module")
def tiny_images():
    return np.random.default_rng(1).normal(size=(5, 2, 4, 1)).astype(np.float32)


def _reference_maps(network, score, tiles):
    cam = Gradcam(network.logits)
    return cam(score, tiles, **network.last_convolution, expand_cam=False, normalize_cam=False)


def explain(model, images, *, class_index, method="graph"):
    """Grad-CAM by the graph, or by tf-keras-vis."""
    graph = GraphExplainer(model)
    if method == "graph":
        return graph(images, class_index=class_index)
    reference = VisMethod(
        name=MapMethod.GRADCAM, raw_maps=_reference_maps, passes=5, tiles_per_call=gradcam.TILES_PER_CALL
    )
    return VisExplainer(graph, reference)(images, class_index=class_index)


def toy():
    """Channels relu(x) and relu(-x), pooled; logits 2 a + b / 2 for class 0, b - 2 a for class 1."""
    inputs = keras.Input((2, 4, 1))
    x = keras.layers.Conv2D(2, 1, use_bias=False, activation="relu", name="relu")(inputs)
    x = keras.layers.GlobalAveragePooling2D(name="global_average_pool")(x)
    x = keras.layers.Dense(2, use_bias=False, name="logits")(x)
    network = keras.Model(inputs, keras.layers.Activation("softmax", name="probability")(x))
    network.set_weights([np.array([[[[1.0, -1.0]]]]), np.array([[2.0, -2.0], [0.5, 1.0]])])
    return network


@pytest.mark.parametrize("method", METHODS)
def test_a_map_derived_by_hand(method):
    # Gradients are the logits' weights over 8 pixels. Class 0: relu(2 * 3, 0, 1 / 2, 2 * 1.5), largest 6; class 1:
    # relu(-2 * 3, 0, 1, -2 * 1.5). A gradient of the softmax instead would give class 0 nothing where x is negative.
    x = np.array([[3.0, 0.0, -1.0, 1.5], [0.0, 0.0, 0.0, 0.0]], np.float32).reshape(1, 2, 4, 1)
    first = explain(toy(), x, class_index=0, method=method)
    second = explain(toy(), x, class_index=1, method=method)
    np.testing.assert_allclose(first.maps[0], [[1, 0, 1 / 12, 0.5], [0, 0, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(second.maps[0], [[0, 0, 1, 0], [0, 0, 0, 0]], atol=1e-6)
    # Means 4.5 / 8 and 1 / 8, so logits 1.1875 and -1.
    np.testing.assert_allclose(first.probabilities[0, 0], 1 / (1 + np.exp(-2.1875)), rtol=1e-6)


@pytest.mark.parametrize("class_index", [0, 1])
def test_both_methods_agree(model, images, class_index):
    fast = explain(model, images, class_index=class_index)
    reference = explain(model, images, class_index=class_index, method="tf-keras-vis")
    assert fast.maps.shape == reference.maps.shape == (3, *SIZE)
    assert fast.maps.dtype == reference.maps.dtype == np.float32
    np.testing.assert_allclose(fast.maps, reference.maps, atol=1e-5)
    np.testing.assert_allclose(fast.probabilities, reference.probabilities, atol=1e-6)
    np.testing.assert_allclose(fast.probabilities.sum(axis=1), 1, atol=1e-6)
    # The maps of untrained weights are so faint (1e-4) that the 1e-7 beside their range keeps them short of one.
    np.testing.assert_allclose(reference.maps.max(axis=(1, 2)), 1, atol=1e-2)


@pytest.mark.parametrize("class_index", [0, 1])
def test_raw_maps_agree_with_tf_keras_vis(model, images, class_index):
    logits = keras.Model(model.inputs, model.get_layer("logits").output)
    reference = Gradcam(logits)(
        CategoricalScore(class_index),
        images,
        penultimate_layer="pool2_relu",
        seek_penultimate_conv_layer=False,
        expand_cam=False,
        normalize_cam=False,
    )
    values = [tf.constant(value) for layer in model.layers for value in layer.get_weights()]
    _, raw_maps = gradcam._cam_graph(model)(tf.constant(images), values)
    assert raw_maps.shape == (3, 16, 12, 2)
    np.testing.assert_allclose(raw_maps[..., class_index], reference, atol=1e-5 * float(np.max(reference)))


def test_agrees_with_the_literal_recipe_of_tf_keras_vis(tiny_images):
    cam = Gradcam(toy(), ReplaceToLinear(), clone=True)
    reference = cam(CategoricalScore(1), tiny_images, penultimate_layer="relu", seek_penultimate_conv_layer=False)
    for method in METHODS:
        np.testing.assert_allclose(explain(toy(), tiny_images, class_index=1, method=method).maps, reference, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_explaining_leaves_the_model_as_it_was(tiny_images, method):
    network = toy()
    before = network(tiny_images, training=False).numpy()
    explain(network, tiny_images, class_index=0, method=method)
    np.testing.assert_array_equal(network(tiny_images, training=False).numpy(), before)


@pytest.mark.parametrize("method", METHODS)
def test_many_tiles_are_explained_in_parts_without_a_difference(monkeypatch, tiny_images, method):
    whole = explain(toy(), tiny_images, class_index=1, method=method)
    monkeypatch.setattr(gradcam, "TILES_PER_CALL", 2)
    parts = explain(toy(), tiny_images, class_index=1, method=method)
    np.testing.assert_allclose(parts.maps, whole.maps, atol=1e-6)
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("picked", [0, 1])
def test_the_class_may_depend_on_the_probabilities_of_all_tiles(monkeypatch, tiny_images, method, picked):
    monkeypatch.setattr(gradcam, "TILES_PER_CALL", 2)
    seen = []

    def pick(probabilities):
        seen.append(probabilities)
        return picked

    chosen = explain(toy(), tiny_images, class_index=pick, method=method)
    expected = explain(toy(), tiny_images, class_index=picked, method=method)
    assert len(seen) == 1
    np.testing.assert_array_equal(seen[0], expected.probabilities)
    np.testing.assert_array_equal(chosen.maps, expected.maps)


def test_one_explainer_serves_several_cases(tiny_images):
    network = toy()
    explainer = GraphExplainer(network)
    for case, class_index in ((tiny_images[:1], 0), (tiny_images, 1)):
        expected = explain(network, case, class_index=class_index, method="tf-keras-vis")
        np.testing.assert_allclose(explainer(case, class_index=class_index).maps, expected.maps, atol=1e-5)


def test_one_trace_serves_networks_that_differ_in_their_weights(monkeypatch, tiny_images):
    network, turned = toy(), toy()
    turned.get_layer("logits").kernel.assign(-network.get_layer("logits").kernel)
    expected = [explain(model, tiny_images, class_index=1) for model in (network, turned)]
    assert not np.allclose(expected[0].maps, expected[1].maps)
    first = GraphExplainer(network)
    monkeypatch.delattr(gradcam, "_cam_graph")
    second = first.with_weights(weights_of(turned))
    for explainer, explanation in zip((first, second), expected, strict=True):
        answer = explainer(tiny_images, class_index=1)
        np.testing.assert_array_equal(answer.maps, explanation.maps)
        np.testing.assert_array_equal(answer.probabilities, explanation.probabilities)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_weights_may_lie_beside_a_model_whose_variables_have_no_values(model, images, policy):
    keras.config.set_dtype_policy(policy)
    try:
        with keras.StatelessScope(initialize_variables=False):
            bare = build_densenet(last_convolution="pool2_relu", size=SIZE)
    finally:
        keras.config.set_dtype_policy("float32")
    answer = GraphExplainer(bare, weights=weights_of(model))(images, class_index=1)
    expected = explain(model, images, class_index=1)
    np.testing.assert_allclose(answer.probabilities, expected.probabilities, rtol=1e-5)
    np.testing.assert_allclose(answer.maps, expected.maps, atol=1e-4)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
@pytest.mark.parametrize("method", METHODS)
def test_a_model_of_lower_precision_is_explained_in_float32(tiny_images, policy, method):
    keras.config.set_dtype_policy(policy)
    try:
        lower = toy()
    finally:
        keras.config.set_dtype_policy("float32")
    explained = explain(lower, tiny_images, class_index=0, method=method)
    np.testing.assert_allclose(explained.maps, explain(toy(), tiny_images, class_index=0).maps, atol=1e-5)
    assert lower.get_layer("relu").compute_dtype == policy.removeprefix("mixed_")


def test_a_device_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    with pytest.raises(DeviceError, match="gpu:1 is not there"):
        GraphExplainer(toy(), device="gpu:1")


@pytest.mark.parametrize("method", METHODS)
def test_no_tiles_are_refused(tiny_images, method):
    with pytest.raises(ValueError, match="no tiles"):
        explain(toy(), tiny_images[:0], class_index=0, method=method)


@pytest.mark.parametrize("method", METHODS)
def test_a_map_against_the_class_everywhere_stays_zero(method):
    x = np.arange(1, 9, dtype=np.float32).reshape(1, 2, 4, 1)
    assert not explain(toy(), x, class_index=1, method=method).maps.any()


def _one_hot(row, column):
    cells = np.zeros((1, 8, 8), np.float32)
    cells[0, row, column] = 1
    return cells


def _center(heat):
    return np.array(
        [np.average(np.arange(size), weights=heat.sum(axis=1 - axis)) for axis, size in enumerate(heat.shape)]
    )


@pytest.mark.parametrize("cell", [(1, 1), (3, 6), (6, 2)])
def test_a_hot_cell_lies_centered_on_its_own_pixels(cell):
    [heat] = enlarge(_one_hot(*cell), (256, 256))
    # Its 32 x 32 pixels begin at 32 times its place; their middle is 15.5 pixels further.
    np.testing.assert_allclose(_center(heat), 32 * np.array(cell) + 15.5, atol=1e-3)
    assert heat.dtype == np.float32


@pytest.mark.parametrize(("cell", "middle"), [((0, 0), (0, 0)), ((7, 4), (255, 143.5)), ((2, 7), (79.5, 255))])
def test_a_cell_at_the_edge_reaches_to_the_edge(cell, middle):
    [heat] = enlarge(_one_hot(*cell), (256, 256))
    own = tuple(slice(32 * place, 32 * place + 32) for place in cell)
    hottest = np.argwhere(heat == heat.max())
    assert heat[own].max() == heat.max()
    assert heat[own].mean() > 0.5
    for axis in (0, 1):
        at_edge = middle[axis] in (0, 255)
        assert middle[axis] in hottest[:, axis] if at_edge else hottest[:, axis].mean() == middle[axis]


def test_enlarging_interpolates_between_the_centers_of_cells():
    # Centers of the two cells lie at 0.5 and 2.5 pixels of four.
    enlarged = enlarge(np.array([[[0.0, 4.0]]], np.float32), (1, 4))
    np.testing.assert_allclose(enlarged[0], [[0, 1, 3, 4]], atol=1e-6)


def test_a_hot_cell_lies_on_its_place_in_the_patient(oblique_affine):
    # Planes of 96 x 160 pixels, stretched to 256 x 256: a cell covers 12 x 20 of them.
    placement = place((96, 160), (0.7, 0.8), Preprocessing(size=(256, 256)))
    tiles = Tiles(images=np.zeros((1, 256, 256, 3), np.float32), slices=(4,), placement=placement)
    heatmap = heatmap_volume(scale(enlarge(_one_hot(2, 5), (256, 256))), tiles, (7, 96, 160))
    voxels = np.argwhere(heatmap > 0)
    found_mm = np.average(voxels @ oblique_affine[:3, :3].T, axis=0, weights=heatmap[heatmap > 0])
    expected_mm = oblique_affine[:3, :3] @ [4, 12 * 2 + 5.5, 20 * 5 + 9.5]
    np.testing.assert_allclose(found_mm, expected_mm, atol=0.02)


def test_scaling_is_by_map_and_leaves_constant_maps_zero():
    scaled = scale(np.array([[[1.0, 3.0]], [[0.0, 0.0]], [[5.0, 5.0]]], np.float32))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, [[[0, 1]], [[0, 0]], [[0, 0]]], atol=1e-6)


def test_the_heat_map_lies_on_the_volume_where_the_tiles_came_from():
    # Planes of 4 x 6, doubled to 8 x 12 and padded to 16 x 16: 3 and 5 rows, 1 and 3 columns.
    placement = Placement(
        plane_shape=(4, 6),
        resized_shape=(8, 12),
        row_padding=(3, 5),
        column_padding=(1, 3),
        spacing_mm=(1.0, 1.0),
    )
    maps = np.zeros((2, 16, 16), np.float32)
    maps[0, 3 + 2 * 2 : 3 + 2 * 3, 1 + 2 * 4 : 1 + 2 * 5] = 1  # the four pixels of plane pixel (2, 4)
    maps[1, :3] = maps[1, 11:] = maps[1, :, :1] = maps[1, :, 13:] = 1  # padding only
    tiles = Tiles(images=np.zeros((2, 16, 16, 3), np.float32), slices=(5, 2), placement=placement)
    heatmap = heatmap_volume(maps, tiles, (7, 4, 6))
    expected = np.zeros((7, 4, 6), np.float32)
    expected[5, 2, 4] = 1
    assert heatmap.dtype == np.float32
    np.testing.assert_allclose(heatmap, expected, atol=1e-6)
