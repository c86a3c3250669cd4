"""Keras starts on TensorFlow with its own defaults, whatever the user's Keras settings are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import spinal_tf
from spinal_tf.errors import RequirementError
from spinal_tf.keras_start import ignored_settings, our_keras, start_keras

ROOT = Path(__file__).parents[1]
OTHERS = {"floatx": "float16", "epsilon": 0.1, "backend": "jax", "image_data_format": "channels_first"}
"""Settings of another Keras project; JAX is not installed here."""

USER = "KERAS_", "TF_USE_LEGACY_KERAS"

NETWORKS_ALONE = """
import os, sys
import spinal_tf
import spinal_tf.networks.network_registry
assert "keras" not in sys.modules and os.environ["KERAS_BACKEND"] == "jax"
try:
    from spinal_tf.networks.multiresunet import build_multiresunet
    import keras
    print(keras.config.backend())
except ModuleNotFoundError as error:
    print(error.name)
"""


def python(*words, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(USER)}
    environment = {**kept, "HOME": str(home), **variables}
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def plant(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "keras.json").write_text(json.dumps(OTHERS))
    return folder


@pytest.fixture
def other_settings():
    """This process's Keras as another project sets it."""
    import keras

    keras.config.set_floatx("float16")
    keras.config.set_image_data_format("channels_first")
    keras.config.set_epsilon(0.1)
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.config.set_epsilon(1e-7)
    keras.config.set_dtype_policy("float32")


def settings() -> tuple[object, ...]:
    from keras import config

    return config.image_data_format(), config.floatx(), config.epsilon(), config.dtype_policy().name


@pytest.mark.slow
@pytest.mark.parametrize("settings_in", ["nothing", "home", "variables"])
def test_the_mask_is_the_same_under_another_projects_settings(tmp_path, bright_file, tiny_weights, settings_in):
    home = tmp_path / "home"
    planted = {"home": home / ".keras", "variables": tmp_path / "elsewhere"}.get(settings_in, home)
    plant(planted)
    named = {"KERAS_HOME": str(planted), "KERAS_BACKEND": "jax", "TF_USE_LEGACY_KERAS": "1"}
    variables = named if settings_in == "variables" else {}
    if settings_in == "nothing":
        (home / "keras.json").unlink()
    before = sorted(home.rglob("*")) if home.exists() else []

    done = python("-m", "spinal_tf", "segment", bright_file, "--weights", tiny_weights, home=home, **variables)

    assert (done.returncode, done.stderr) == (0, "")
    here = spinal_tf.segment(bright_file, weights=tiny_weights).mask
    assert here.any()
    written = np.asarray(nib.load(bright_file.with_name("case_lesion.nii.gz")).dataobj)
    assert np.array_equal(written, here)
    assert (sorted(home.rglob("*")) if home.exists() else []) == before
    if settings_in != "nothing":
        assert json.loads((planted / "keras.json").read_text()) == OTHERS


@pytest.mark.slow
def test_the_networks_alone_run_on_the_users_backend(tmp_path):
    done = python("-c", NETWORKS_ALONE, home=tmp_path, KERAS_BACKEND="jax")
    assert (done.returncode, done.stdout) == (0, "jax\n"), done.stderr


@pytest.mark.usefixtures("other_settings")
def test_a_programs_own_settings_are_set_aside_and_given_back():
    before = settings()
    with our_keras():
        assert settings() == ("channels_last", "float32", 1e-7, "float32")
    assert settings() == before == ("channels_first", "float16", 0.1, "mixed_float16")


def test_results_do_not_depend_on_a_programs_own_settings(request, bright_file, tiny_weights):
    expected = spinal_tf.classify(bright_file, weights=tiny_weights)
    request.getfixturevalue("other_settings")
    found = spinal_tf.classify(bright_file, weights=tiny_weights)
    assert np.array_equal(found.mask, expected.mask)
    assert found.posterior == expected.posterior
    for one, other in zip(found.tasks, expected.tasks, strict=True):
        assert np.array_equal(one.heatmap, other.heatmap)


def test_another_backend_is_refused(monkeypatch):
    import keras

    monkeypatch.setattr(keras.config, "backend", lambda: "jax")
    with pytest.raises(RequirementError, match="has imported Keras on jax"):
        start_keras()


def test_doctor_lists_what_is_ignored(monkeypatch, tmp_path):
    for name in [name for name in os.environ if name.startswith(USER)]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ignored_settings() == []
    file = plant(tmp_path / ".keras") / "keras.json"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    inside = "floatx float16, epsilon 0.1, backend jax, image_data_format channels_first"
    assert ignored_settings() == [f"{file} ({inside})", "KERAS_BACKEND=jax"]
    file.write_text("{")
    assert ignored_settings() == [f"{file} (cannot be read)", "KERAS_BACKEND=jax"]


@pytest.mark.slow
@pytest.mark.parametrize("module", ["train_segmenter", "setting"])
def test_modules_of_training_start_keras_first(tmp_path, module):
    plant(tmp_path / "elsewhere")
    words = "-c", f"import spinal_tf.training.{module}, keras; print(keras.config.backend(), keras.config.floatx())"
    done = python(*words, home=tmp_path / "home", KERAS_HOME=str(tmp_path / "elsewhere"), KERAS_BACKEND="jax")
    assert (done.returncode, done.stdout) == (0, "tensorflow float32\n"), done.stderr
    assert not (tmp_path / "home").exists()
