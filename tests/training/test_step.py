"""One step of a training, checked by hand on networks of one layer."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from spinal_tf.networks.densenet import build_densenet
from spinal_tf.networks.multiresunet import build_multiresunet
from spinal_tf.training.step import Trainer, dtype_policy
from spinal_tf.training.training_choices import TrainingOptions

X = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]


def line() -> keras.Model:
    inputs = keras.Input((1,))
    outputs = keras.layers.Dense(1, name="slope", kernel_initializer="zeros", dtype="float32")(inputs)
    return keras.Model(inputs, outputs)


def trainer(loss=keras.losses.mean_squared_error, build=line, **options) -> Trainer:
    return Trainer(build, loss, TrainingOptions(**options))


def step(of: Trainer, x=X, y=3 * X) -> float:
    return float(of(tf.constant(x), tf.constant(y)))


def slope(of: Trainer) -> float:
    return float(of.model.get_layer("slope").kernel[0, 0])


@pytest.mark.parametrize("loss", [keras.losses.mean_squared_error, keras.losses.MeanSquaredError()])
def test_the_mean_of_a_loss_for_each_sample_or_for_all_is_minimised(loss):
    ours = trainer(loss)
    assert step(ours) == pytest.approx(float(np.mean((3 * X) ** 2)))
    assert slope(ours) == pytest.approx(1e-4, rel=1e-3)  # Adam's first step is the rate
    ours.set_rate(0.1)
    for _ in range(200):
        last = step(ours)
    assert slope(ours) == pytest.approx(3, abs=0.05)
    assert last < 0.01


def test_the_rate_is_that_of_the_next_steps():
    ours = trainer()
    ours.set_rate(0.25)
    step(ours)
    assert slope(ours) == pytest.approx(0.25, rel=1e-3)


def test_a_long_gradient_is_shortened():
    free, short = trainer(), trainer(clip_norm=1e-9)
    assert step(free) == step(short)
    assert slope(short) < 0.6 * slope(free)  # beside Adam's epsilon of 1e-7 almost nothing is left


def test_the_same_seed_gives_the_same_weights_and_another_gives_others():
    one, same, other = (
        trainer(build=lambda: keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]), seed=seed)
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.model.get_weights()[0], same.model.get_weights()[0])
    assert not np.array_equal(one.model.get_weights()[0], other.model.get_weights()[0])


def test_the_variables_hold_moments_and_the_scale_of_the_loss():
    names = [variable.path for variable in trainer(precision="mixed_float16").variables]
    for word in ("kernel", "momentum", "velocity", "iteration", "dynamic_scale"):
        assert any(word in name for name in names), word


@pytest.mark.parametrize("precision", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_weights_and_head_stay_float32_in_every_precision(precision):
    with dtype_policy(precision):
        model = build_multiresunet(width=4)
    assert model.get_layer("encoder1_conv1").compute_dtype == precision.removeprefix("mixed_")
    assert {model.get_layer(name).compute_dtype for name in ("logits", "probability")} == {"float32"}
    assert {str(variable.dtype) for variable in model.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_a_network_learns_in_reduced_precision(precision):
    def build():
        inputs = keras.Input((1,))
        x = keras.layers.Dense(8, activation="relu")(inputs)
        return keras.Model(inputs, keras.layers.Dense(1, name="slope", dtype="float32")(x))

    ours = trainer(build=build, precision=precision)
    ours.set_rate(0.02)
    losses = [step(ours) for _ in range(150)]
    assert losses[-1] < 0.02 * losses[0]
    assert ours.predict(X).dtype == np.float32
    np.testing.assert_allclose(ours.predict(X), 3 * X, atol=0.5)


def test_a_gradient_beyond_half_precision_is_skipped_and_the_scale_lowered():
    ours = trainer(precision="mixed_float16")
    step(ours, x=np.full((1, 1), 60_000, np.float32), y=np.full((1, 1), 1e30, np.float32))
    assert slope(ours) == 0
    [scale] = [variable for variable in ours.variables if "dynamic_scale" in variable.path]
    assert float(scale) < 2**15


def test_the_classifiers_head_stays_float32_too():
    with dtype_policy("mixed_bfloat16"):
        model = build_densenet(last_convolution="pool2_relu", size=(32, 32))
    assert model.get_layer("features").compute_dtype == "bfloat16"
    assert {model.get_layer(name).compute_dtype for name in ("logits", "probability")} == {"float32"}


def test_prediction_is_inference():
    inputs = keras.Input((1,))
    model = keras.Model(inputs, keras.layers.BatchNormalization(name="bn")(inputs))
    ours = trainer(build=lambda: model)
    np.testing.assert_allclose(ours.predict(X), X / np.sqrt(1 + 1e-3), rtol=1e-5)
    step(ours)
    assert not np.allclose(ours.predict(X), X / np.sqrt(1 + 1e-3), rtol=1e-5)  # the moving averages follow


def test_replicas_of_a_strategy_do_the_step_of_one_device():
    # One replica here; what is tested is that the step runs inside any strategy.
    alone = trainer()
    shared = Trainer(
        line, keras.losses.mean_squared_error, TrainingOptions(), tf.distribute.OneDeviceStrategy("/cpu:0")
    )
    assert step(shared) == step(alone)
    assert slope(shared) == slope(alone)
