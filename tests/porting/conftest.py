"""Networks as the original code builds them, and the files Keras 2 makes of them; each is made once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

WIDTH = 4
"""Of the reference MultiResUNet's first level, where the original has 32; less leaves a branch without filters."""


@dataclass(frozen=True)
class Original:
    """Files of one network, and what it gave before it was saved."""

    folder: Path
    batch: np.ndarray
    result: np.ndarray

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


def shaken(model, seed):
    """Give every array values of its own, moving averages too: fresh ones would be right by chance."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        fresh = variable.numpy() + rng.normal(0, 0.1, variable.shape).astype(np.float32)
        variable.assign(np.abs(fresh) if "variance" in variable.name else fresh)


def original_classifier(keras, size=(64, 64), classes=2, channels=3):
    base = keras.applications.DenseNet121(include_top=False, weights=None, input_shape=(*size, channels))
    x = keras.layers.GlobalAveragePooling2D()(base.output)
    x = keras.layers.Dense(128, activation="relu")(x)
    return keras.Model(base.input, keras.layers.Dense(classes, activation="softmax")(x))


def reference_unet(keras, width=WIDTH, size=(32, 48), channels=1):
    """The reference MultiResUNet: layers without names, activations and normalisations where it has them."""
    layers = keras.layers

    def unit(x, filters, side, activation="relu"):
        x = layers.Conv2D(filters, (side, side), padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(axis=3, scale=False)(x)
        return x if activation is None else layers.Activation(activation)(x)

    def block(filters, x):
        wide = 1.67 * filters
        parts = [int(wide * share) for share in (0.167, 0.333, 0.5)]
        shortcut = unit(x, sum(parts), 1, None)
        chain = [x]
        for part in parts:
            chain.append(unit(chain[-1], part, 3))
        joined = layers.BatchNormalization(axis=3)(layers.concatenate(chain[1:], axis=3))
        return layers.BatchNormalization(axis=3)(layers.Activation("relu")(layers.add([shortcut, joined])))

    def path(filters, length, x):
        for _ in range(length):
            shortcut = unit(x, filters, 1, None)
            summed = layers.add([shortcut, unit(x, filters, 3)])
            x = layers.BatchNormalization(axis=3)(layers.Activation("relu")(summed))
        return x

    inputs = x = layers.Input((*size, channels))
    skips = []
    for level in range(4):
        x = block(width * 2**level, x)
        pooled = layers.MaxPooling2D(pool_size=(2, 2))(x)
        skips.append(path(width * 2**level, 4 - level, x))
        x = pooled
    x = block(width * 16, x)
    for level in reversed(range(4)):
        filters = width * 2**level
        up = layers.Conv2DTranspose(filters, (2, 2), strides=(2, 2), padding="same")(x)
        x = block(filters, layers.concatenate([up, skips[level]], axis=3))
    return keras.Model(inputs, unit(x, 1, 1, "sigmoid"))


def noise(*shape):
    return np.random.default_rng(5).random(shape, dtype=np.float32)


@pytest.fixture(scope="session")
def classifier(tmp_path_factory) -> Original:
    import tf_keras

    folder = tmp_path_factory.mktemp("classifier")
    model = original_classifier(tf_keras)
    shaken(model, 0)
    model.compile("adam", "categorical_crossentropy")  # an optimiser is saved beside the weights, as in the original
    model.save(folder / "whole.h5")
    model.save_weights(folder / "weights.h5")
    model.save(folder / "whole.keras")
    batch = noise(2, 64, 64, 3)
    return Original(folder, batch, model(batch, training=False).numpy())


@pytest.fixture(scope="session")
def classifier_saved_model(classifier) -> Path:
    """The classifier as a folder of TensorFlow; writing one takes longer than all other files together."""
    import tf_keras

    tf_keras.models.load_model(classifier["whole.h5"]).save(classifier["saved_model"], save_format="tf")
    return classifier["saved_model"]


@pytest.fixture(scope="session")
def unet(tmp_path_factory) -> Original:
    import tf_keras

    folder = tmp_path_factory.mktemp("unet")
    tf_keras.layers.Conv2D(1, 1)  # so that names count on from another network of the same session
    model = reference_unet(tf_keras)
    shaken(model, 1)
    model.save(folder / "whole.h5")
    model.save_weights(folder / "weights.h5")
    model.save(folder / "whole.keras")
    model.save(folder / "saved_model", save_format="tf")
    batch = noise(2, 32, 48, 1)
    return Original(folder, batch, model(batch, training=False).numpy())
