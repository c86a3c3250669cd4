"""Foreign files are read in a process of their own, whatever happens to it."""

from __future__ import annotations

import json
import signal
import zipfile
from functools import partial

import h5py
import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf import own_process
from spinal_tf.cli.main import main
from spinal_tf.errors import PortError
from spinal_tf.porting import read_weights
from spinal_tf.porting.read_weights import read_source

LAYER = "dense"
TEXT, CRASHING = bytes.fromhex("19010000"), bytes.fromhex("49f2ca00")
"""Datatype of a text attribute, and a damage to it (as of case ``weights 6292`` of the fuzz) that crashes HDF5 1.14."""

READ_AND_LOOK = (
    "[__import__('spinal_tf.porting.read_weights'), __import__('spinal_tf').porting.hdf5.read_hdf5({path!r}), "
    "sorted({{'tensorflow', 'keras'}} & set(__import__('sys').modules))][-1]"
)


@pytest.fixture
def path(tmp_path):
    """Weights as Keras 2 writes them."""
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [LAYER.encode()]
        file.attrs["keras_version"] = b"2.3.1"
        group = file.create_group(LAYER)
        group.attrs["weight_names"] = [b"dense/kernel:0"]
        group["dense/kernel:0"] = np.full((4, 2), 0.5, np.float32)
    return path


def crashing(path):
    data = path.read_bytes()
    at = data.index(TEXT, data.index(b"keras_version"))
    path.write_bytes(data[:at] + CRASHING + data[at + len(CRASHING) :])
    return path


def test_a_sound_file_comes_back_whole(path):
    source = read_source(path)
    assert (source.path, source.format) == (path, "weights only, HDF5 of Keras 2.3.1")
    assert [(array.layer, array.values.tolist()) for array in source.arrays] == [(LAYER, [[0.5, 0.5]] * 4)]


def test_a_network_that_comes_back_can_be_run(path, tmp_path):
    layers = [
        {"class_name": "InputLayer", "name": "in", "config": {"name": "in", "batch_input_shape": [None, 8, 8, 4]}},
        {"class_name": "GlobalAveragePooling2D", "name": "pool", "config": {"name": "pool"}},
        {"class_name": "Dense", "name": LAYER, "config": {"name": LAYER, "use_bias": False, "activation": "linear"}},
    ]
    for layer, before in zip(layers, [None, "in", "pool"], strict=True):
        layer["inbound_nodes"] = [[[before, 0, 0, {}]]] if before else []
    config = {"layers": layers, "output_layers": [[LAYER, 0, 0]]}
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Functional", "config": config})
        weights = file.create_group("model_weights")
        for name, value in file.attrs.items():
            weights.attrs[name] = value
        weights.attrs["layer_names"] = [LAYER.encode()]
        file.move(LAYER, f"model_weights/{LAYER}")
    np.testing.assert_allclose(read_source(path).run(np.ones((3, 8, 8, 4), np.float32)), np.full((3, 2), 2.0))


def test_a_file_that_crashes_the_library_is_refused_in_one_sentence(path):
    told = CliRunner().invoke(main, ["port-weights", str(crashing(path)), "--as", "segmenter", "--dry-run"])
    assert (told.exit_code, told.stdout) == (3, "")
    assert told.stderr.startswith(f"spinal-tf: {path}: cannot be read")
    assert told.stderr.count("\n") == 1


def test_an_archive_whose_reader_is_killed_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    killed = partial(signal.raise_signal, signal.SIGKILL)
    monkeypatch.setattr(read_weights, "run_apart", lambda work: own_process.run_apart(killed))
    with pytest.raises(PortError, match=r"model\.keras: cannot be read \(the reader ended: Killed\), it may be cut"):
        read_source(path)


def test_a_file_whose_reader_hangs_is_refused(path, monkeypatch):
    monkeypatch.setattr(read_weights, "run_apart", partial(own_process.run_apart, seconds=0.001))
    with pytest.raises(PortError, match=r"model\.h5: cannot be read \(the reader ended: not done after 0\.001 s\)"):
        read_source(path)


def test_the_reader_starts_no_tensorflow(path):
    assert own_process.run_apart(partial(eval, READ_AND_LOOK.format(path=str(path)))) == []
