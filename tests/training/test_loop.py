"""The training loop: its schedule by hand, its state across an interruption, and that it learns."""

from __future__ import annotations

import itertools

import keras
import numpy as np
import pytest

from spinal_tf.training import Schedule, set_batch_norm_momentum, train

HOUR = Schedule(minutes=60, peak=1e-2, warm_up_steps=10)


def test_the_rate_rises_over_the_first_steps():
    assert HOUR.rate(0, 0) == pytest.approx(1e-3)
    assert HOUR.rate(4, 0) == pytest.approx(5e-3)
    assert HOUR.rate(9, 0) == pytest.approx(1e-2)


def test_the_rate_falls_as_a_cosine_to_a_hundredth():
    assert HOUR.rate(100, 1800) == pytest.approx(5e-3)
    assert HOUR.rate(100, 1200) == pytest.approx(7.5e-3)
    assert HOUR.rate(100, 3600) == pytest.approx(1e-4)
    assert HOUR.rate(100, 9999) == pytest.approx(1e-4)


def line() -> keras.Model:
    inputs = keras.Input((1,))
    return keras.Model(inputs, keras.layers.Dense(1, name="slope")(inputs))


def points():
    x = np.linspace(-1, 1, 8, dtype=np.float32)[:, None]
    return itertools.repeat((x, 3 * x))


@pytest.mark.parametrize("loss", [keras.losses.mean_squared_error, keras.losses.MeanSquaredError()])
def test_it_learns_from_a_loss_for_each_sample_or_for_all(tmp_path, loss):
    model = line()
    train(model, loss, points(), Schedule(minutes=0.1, peak=0.1), state=tmp_path / "line.weights.h5", report=print)
    assert float(model.get_layer("slope").kernel[0, 0]) == pytest.approx(3, abs=0.3)


def test_a_finished_training_given_again_does_nothing_more(tmp_path):
    state, schedule = tmp_path / "line.weights.h5", Schedule(minutes=0.01, peak=0.1)
    first, second = line(), line()
    steps = train(first, keras.losses.mean_squared_error, points(), schedule, state=state, report=print)
    again = train(second, keras.losses.mean_squared_error, points(), schedule, state=state, report=print)
    assert again == steps
    np.testing.assert_array_equal(first.get_weights()[0], second.get_weights()[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["line.weights.h5", "line.weights.txt"]


def test_an_interrupted_training_goes_on_with_steps_and_weights(tmp_path):
    state, seen = tmp_path / "line.weights.h5", []

    def stop(text: str) -> None:
        seen.append(text)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(
            line(), keras.losses.mean_squared_error, points(), Schedule(minutes=1, peak=0.1), state=state, report=stop
        )
    assert seen[0].startswith("step 50,")
    resumed = line()
    steps = train(
        resumed, keras.losses.mean_squared_error, points(), Schedule(minutes=1e-6, peak=0.1), state=state, report=print
    )
    assert steps == 50
    saved = line()
    saved.load_weights(state)
    np.testing.assert_array_equal(resumed.get_weights()[0], saved.get_weights()[0])


def test_the_momentum_of_every_batch_normalisation_is_set():
    inputs = keras.Input((4,))
    x = keras.layers.BatchNormalization(name="first")(inputs)
    model = keras.Model(inputs, keras.layers.BatchNormalization(name="second")(keras.layers.Dense(2)(x)))
    set_batch_norm_momentum(model, 0.7)
    assert [model.get_layer(name).momentum for name in ("first", "second")] == [0.7, 0.7]
