"""Initial weights: from a file, from ImageNet's file, and what is refused."""

from __future__ import annotations

import signal
from functools import partial

import keras
import numpy as np
import pytest

from spinal_tf import own_process
from spinal_tf.checkpoints import weight_files
from spinal_tf.checkpoints.weight_files import encode_weights
from spinal_tf.errors import WeightsError
from spinal_tf.networks.densenet import NETWORK as SPEC
from spinal_tf.networks.densenet import build_densenet
from spinal_tf.networks.multiresunet import build_multiresunet
from spinal_tf.networks.network_spec import CORD_LOGITS
from spinal_tf.training.initial import Initial, set_initial_weights


def tiny(width: int = 4) -> keras.Model:
    inputs = keras.Input((3,))
    x = keras.layers.Dense(width, name="first")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name="last")(x))


def test_random_weights_stay(tmp_path):
    model = tiny()
    before = [array.copy() for array in model.get_weights()]
    set_initial_weights(model, Initial(), SPEC)
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_weights_of_a_file_are_taken(tmp_path):
    source, model = tiny(), tiny()
    (tmp_path / "a.weights.h5").write_bytes(encode_weights(source, half_precision=False))
    set_initial_weights(model, Initial(weights=tmp_path / "a.weights.h5"), SPEC)
    for one, other in zip(source.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_weights_that_saw_one_slice_begin_a_network_that_sees_its_neighbours_with_the_same_answers(tmp_path):
    source, model = build_multiresunet(width=4), build_multiresunet(width=4, channels=3)
    (tmp_path / "a.weights.h5").write_bytes(encode_weights(source, half_precision=False))
    set_initial_weights(model, Initial(weights=tmp_path / "a.weights.h5"), SPEC)
    seen = np.random.default_rng(0).random((2, 32, 32, 3), dtype=np.float32)
    np.testing.assert_allclose(model.predict(seen, verbose=0), source.predict(seen[..., 1:2], verbose=0), atol=1e-6)


def test_weights_that_know_lesions_alone_begin_a_network_that_tells_the_cord(tmp_path):
    source, model = build_multiresunet(width=4), build_multiresunet(width=4, within_cord=True)
    (tmp_path / "a.weights.h5").write_bytes(encode_weights(source, half_precision=False))
    drawn = model.get_layer(CORD_LOGITS).get_weights()
    set_initial_weights(model, Initial(weights=tmp_path / "a.weights.h5"), SPEC)
    assert all(np.array_equal(*pair) for pair in zip(drawn, model.get_layer(CORD_LOGITS).get_weights(), strict=True))
    alone = keras.Model(model.input, model.get_layer("probability").output)
    seen = np.random.default_rng(0).random((2, 32, 32, 1), dtype=np.float32)
    np.testing.assert_allclose(alone.predict(seen, verbose=0), source.predict(seen, verbose=0), atol=1e-6)


def test_a_file_of_another_network_or_none_is_refused(tmp_path):
    (tmp_path / "a.weights.h5").write_bytes(encode_weights(tiny(width=5), half_precision=False))
    with pytest.raises(WeightsError, match="made for another network"):
        set_initial_weights(tiny(), Initial(weights=tmp_path / "a.weights.h5"), SPEC)
    with pytest.raises(WeightsError, match=r"none\.h5: cannot be read .* check --initial-weights"):
        set_initial_weights(tiny(), Initial(weights=tmp_path / "none.h5"), SPEC)


def test_a_file_that_crashes_its_reader_is_refused(tmp_path, monkeypatch):
    (tmp_path / "a.weights.h5").write_bytes(encode_weights(tiny(), half_precision=False))
    killed = partial(signal.raise_signal, signal.SIGSEGV)
    monkeypatch.setattr(weight_files, "run_apart", lambda work: own_process.run_apart(killed))
    with pytest.raises(WeightsError, match=r"a\.weights\.h5: cannot be read \(the reader ended: Segmentation fault\)"):
        set_initial_weights(tiny(), Initial(weights=tmp_path / "a.weights.h5"), SPEC)


def test_imagenet_weights_of_a_local_file_fill_all_but_the_head(tmp_path):
    base = keras.applications.DenseNet121(include_top=False, weights=None, input_shape=(None, None, 3))
    base.save_weights(tmp_path / "notop.weights.h5")
    model = build_densenet(last_convolution="pool2_relu", size=(32, 32))
    head = model.get_layer("features").kernel.numpy().copy()
    set_initial_weights(model, Initial(imagenet=str(tmp_path / "notop.weights.h5")), SPEC)
    names = [layer.name for layer in model.layers if layer.weights and layer.name not in ("features", "logits")]
    assert len(names) > 20
    for name in names:
        for one, other in zip(base.get_layer(name).get_weights(), model.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(model.get_layer("features").kernel, head)


def test_a_missing_imagenet_file_is_refused_and_nothing_is_downloaded(tmp_path):
    with pytest.raises(WeightsError, match=r"none\.h5: ImageNet weights cannot be read .* check --imagenet"):
        set_initial_weights(tiny(), Initial(imagenet=str(tmp_path / "none.h5")), SPEC)


def test_words_for_the_record(tmp_path):
    assert str(Initial()) == "random"
    assert str(Initial(weights=tmp_path / "a.weights.h5")) == "a.weights.h5"
    assert str(Initial(imagenet="download")) == "ImageNet"
