import keras
import numpy as np
import pytest
import tensorflow as tf

from spinal_tf.networks.densenet import HEAD, build_densenet
from spinal_tf.networks.multiresunet import build_multiresunet, showing_cord

SMALL = {
    "multiresunet": lambda **options: build_multiresunet(width=4, **options),
    "densenet121": lambda **options: build_densenet(last_convolution="pool2_relu", size=(64, 64), **options),
}


@pytest.fixture(scope="module")
def pairs():
    """Each network at a tiny size, built twice in one session: names that Keras makes up would count on."""
    keras.utils.set_random_seed(0)
    return {name: (build(), build(name="other")) for name, build in SMALL.items()}


@pytest.fixture(scope="module")
def unet(pairs):
    return pairs["multiresunet"][0]


@pytest.fixture(scope="module")
def variant():
    return build_multiresunet(width=4, channels=3, output_batch_norm=True, momentum=0.7)


@pytest.fixture(scope="module")
def full_densenet():
    return build_densenet()


def noise(*shape):
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def apply(model, batch):
    return keras.ops.convert_to_numpy(model(batch, training=False))


@pytest.mark.parametrize("name", SMALL)
def test_the_graph_is_flat_and_its_names_are_ours(pairs, name):
    one, other = pairs[name]
    assert (one.name, other.name) == (name, "other")
    assert not [layer.name for layer in one.layers if isinstance(layer, keras.Model)]
    # keras.applications leaves its two padding layers, which have no weights, without a name
    names = [
        [layer.name for layer in model.layers if not isinstance(layer, keras.layers.ZeroPadding2D)]
        for model in (one, other)
    ]
    assert names[0] == names[1]
    assert len(one.layers) - len(names[0]) == {"multiresunet": 0, "densenet121": 2}[name]
    paths = [v.path for v in one.weights]
    assert paths == [v.path for v in other.weights]
    assert len(set(paths)) == len(paths)


# MultiResUNet


def test_multiresunet_has_the_reference_number_of_parameters():
    assert build_multiresunet(output_batch_norm=True).count_params() == 7_262_504


@pytest.mark.parametrize("size", [(16, 16), (80, 16)])
def test_multiresunet_takes_any_multiple_of_16(unet, size):
    assert apply(unet, np.zeros((1, *size, 1), np.float32)).shape == (1, *size, 1)


def test_multiresunet_starts_from_a_probability_of_five_per_cent(unet):
    # of a black image nothing is left but the bias: 1 / (1 + e^3) = 0.0474
    np.testing.assert_allclose(apply(unet, np.zeros((1, 16, 16, 1), np.float32)), 0.04743, atol=1e-5)
    assert 0.01 < np.median(apply(unet, noise(2, 32, 48, 1))) < 0.2


def test_multiresunet_logits_have_a_bias_or_are_normalised_as_in_the_reference(unet, variant):
    assert unet.get_layer("logits").use_bias
    assert not variant.get_layer("logits").use_bias
    assert isinstance(variant.get_layer("logits_bn"), keras.layers.BatchNormalization)
    np.testing.assert_allclose(apply(variant, np.zeros((1, 16, 16, 3), np.float32)), 0.5, atol=1e-6)


def test_multiresunet_passes_the_momentum_to_every_normalisation(variant):
    assert {n.momentum for n in variant.layers if isinstance(n, keras.layers.BatchNormalization)} == {0.7}


def test_every_weight_of_multiresunet_is_trained(variant):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(variant(noise(2, 16, 32, 3), training=True) ** 2)
    gradients = tape.gradient(loss, [v.value for v in variant.trainable_variables])
    assert [v.path for v, g in zip(variant.trainable_variables, gradients, strict=True) if g is None] == []


# DenseNet


def test_densenet_has_densenet121_and_the_head_of_128(full_densenet):
    # 7,037,504 of DenseNet121 without its top (Keras), 1024 x 128 + 128, 128 x 2 + 2
    assert full_densenet.count_params() == 7_037_504 + 131_200 + 258


def test_densenet_takes_tiles_and_gives_two_probabilities_that_sum_to_one(pairs, full_densenet):
    assert full_densenet.input.name == "tile"
    assert full_densenet.input_shape == (None, 256, 256, 3)
    output = apply(pairs["densenet121"][0], noise(3, 64, 64, 3))
    np.testing.assert_allclose(output.sum(axis=1), 1, atol=1e-6)


def test_grad_cam_finds_the_last_convolution_stage_before_the_head(full_densenet):
    assert tuple(layer.name for layer in full_densenet.layers[-4:]) == HEAD
    pooled = full_densenet.get_layer(HEAD[0]).input
    assert pooled.shape == (None, 8, 8, 1024)
    assert pooled is full_densenet.get_layer("relu").output


def test_grad_cam_gets_gradients_at_its_target(pairs):
    model = pairs["densenet121"][0]
    explained = keras.Model(model.input, [model.get_layer(HEAD[0]).input, model.output])
    with tf.GradientTape() as tape:
        maps, probabilities = explained(tf.constant(noise(1, 64, 64, 3)))
        score = probabilities[:, 1]
    gradient = tape.gradient(score, maps)
    # two halvings before the first dense block, which gives 256 channels
    assert gradient.shape == maps.shape == (1, 16, 16, 256)
    assert np.abs(gradient).max() > 0


def test_the_policy_is_reset_between_tests():
    # the contract's tests set mixed policies
    assert keras.mixed_precision.dtype_policy().name == "float32"


def test_a_lesion_within_the_cord_is_no_more_probable_than_the_cord():
    keras.utils.set_random_seed(0)
    model = build_multiresunet(width=4, within_cord=True)
    lesion, cord = np.moveaxis(apply(showing_cord(model), noise(2, 32, 48, 1)), -1, 0)
    assert cord.shape == (2, 32, 48)
    np.testing.assert_array_equal(apply(model, noise(2, 32, 48, 1))[..., 0], lesion)
    alone = keras.Model(model.input, model.get_layer("probability").output)
    np.testing.assert_allclose(lesion, cord * apply(alone, noise(2, 32, 48, 1))[..., 0], rtol=1e-6)
    assert len({round(float(value), 3) for value in cord.ravel()}) > 1
