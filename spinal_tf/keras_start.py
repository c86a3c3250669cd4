"""Starts Keras on TensorFlow with the settings that the networks were trained with, whatever the user's are."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spinal_tf.cores import limit_native_threads
from spinal_tf.errors import RequirementError

LEGACY = "TF_USE_LEGACY_KERAS"
"""Environment variable that makes TensorFlow use Keras 2."""

HOME_VARIABLE = "KERAS_HOME"
"""Environment variable that names the folder of Keras' settings and downloads."""

NOWHERE = os.path.join(os.devnull, "keras")  # noqa: PTH118 - a text, as an environment variable holds it
"""Folder that cannot exist, so Keras neither reads nor writes settings there."""

PLOTS = "matplotlib"

CHANNELS, FLOAT, EPSILON = "channels_last", "float32", 1e-7
"""Keras' own defaults for image format, precision and fuzz factor; all networks are built and trained with them."""


def start_keras() -> None:
    """Import Keras on TensorFlow, unless the program has done so already.

    Neither the user's ``keras.json`` nor variables such as ``KERAS_BACKEND`` have any effect, and Keras does not write
    its settings to the user's home.

    Raises:
        RequirementError: the program has imported Keras with another backend.
    """
    if "keras" not in sys.modules:
        limit_native_threads()
        with _without_users_settings(), _without_matplotlib():
            import keras
            import tensorflow as tf

            _ = tf.keras.__version__  # choose between Keras 2 and 3 now
        # Downloads that the user asks for go to Keras' usual folder.
        keras.src.backend.config._KERAS_DIR = str(users_folder())
    _require_tensorflow()


@contextmanager
def our_keras() -> Iterator[None]:
    """Start Keras, and set image format, precision and fuzz factor to ours while the block runs.

    A program may have set others for its own networks; it gets them back.

    Raises:
        RequirementError: the program has imported Keras with another backend.
    """
    start_keras()
    before = _settings()
    try:
        _set(CHANNELS, FLOAT, EPSILON, FLOAT)
        yield
    finally:
        _set(*before)


def users_folder() -> Path:
    """Return the folder of the user's own Keras settings and downloads."""
    return Path(os.environ.get(HOME_VARIABLE) or "~/.keras").expanduser()


def ignored_settings() -> list[str]:
    """Return the user's Keras settings that have no effect here, each in a few words."""
    file = users_folder() / "keras.json"
    try:
        chosen = json.loads(file.read_text(encoding="utf-8"))
        inside = ", ".join(f"{name} {value}" for name, value in chosen.items())
    except (OSError, ValueError, AttributeError):
        inside = "cannot be read" if file.exists() else ""
    return [f"{file} ({inside})"] * bool(inside) + [f"{name}={os.environ[name]}" for name in _variables()]


def _variables() -> list[str]:
    return sorted(name for name in os.environ if name.startswith("KERAS_") or name == LEGACY)


@contextmanager
def _without_users_settings() -> Iterator[None]:
    users = {name: os.environ.pop(name) for name in _variables()}
    os.environ.update({HOME_VARIABLE: NOWHERE, "KERAS_BACKEND": "tensorflow"})
    try:
        yield
    finally:
        for name in (HOME_VARIABLE, "KERAS_BACKEND"):
            del os.environ[name]
        os.environ.update(users)


@contextmanager
def _without_matplotlib() -> Iterator[None]:
    """Hide matplotlib, which Keras imports for its galleries alone, and which then writes to the user's home."""
    hidden = PLOTS not in sys.modules
    if hidden:
        sys.modules[PLOTS] = None  # type: ignore[assignment]  # so that importing it fails, as documented
    try:
        yield
    finally:
        if hidden:
            del sys.modules[PLOTS]


def _require_tensorflow() -> None:
    import keras

    if keras.config.backend() != "tensorflow":
        raise RequirementError(
            f"this program has imported Keras on {keras.config.backend()}, and spinal-tf needs it on TensorFlow; set "
            "KERAS_BACKEND=tensorflow before Keras is imported"
        )


def _settings() -> tuple[str, str, float, object]:
    import keras

    config = keras.config
    return config.image_data_format(), config.floatx(), config.epsilon(), config.dtype_policy()


def _set(image_format: str, precision: str, epsilon: float, policy: object) -> None:
    import keras

    keras.config.set_image_data_format(image_format)
    keras.config.set_floatx(precision)
    keras.config.set_epsilon(epsilon)
    keras.config.set_dtype_policy(policy)
