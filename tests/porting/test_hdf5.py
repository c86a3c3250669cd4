import json

import h5py
import numpy as np
import pytest

from spinal_tf.errors import PortError
from spinal_tf.porting import hdf5 as module
from spinal_tf.porting.hdf5 import read_hdf5


def write(path, layers, *, group="/", chunks=0, **attributes):
    """A file as Keras 2 writes it: every layer's arrays under ``layer/layer/kernel:0``."""
    with h5py.File(path, "w") as file:
        weights = file.require_group(group)
        names = [name.encode() for name in layers]
        if chunks:
            for index, part in enumerate(np.array_split(np.array(names), chunks)):
                weights.attrs[f"layer_names{index}"] = part
        else:
            weights.attrs["layer_names"] = np.array(names) if names else np.empty(0, "S1")
        for layer, arrays in layers.items():
            own = weights.create_group(layer)
            own.attrs["weight_names"] = np.array([f"{layer}/{name}:0".encode() for name in arrays], "S")
            for name, values in arrays.items():
                own[f"{layer}/{name}:0"] = values
        weights.attrs["keras_version"] = b"2.3.1"
        file.attrs.update(attributes)
    return path


LAYERS = {
    "conv2d_9": {"kernel": np.ones((3, 3, 1, 2), np.float32)},
    "activation_3": {},
    "conv1/bn": {"beta": np.zeros(2, np.float16), "moving_mean": np.full(2, 0.5)},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "old.h5"


@pytest.mark.parametrize("group", ["/", "model_weights"])
def test_arrays_come_in_the_order_that_the_file_states(path, group):
    source = read_hdf5(write(path, LAYERS, group=group))
    assert [(array.layer, array.values.shape) for array in source.arrays] == [
        ("conv2d_9", (3, 3, 1, 2)),
        ("conv1/bn", (2,)),
        ("conv1/bn", (2,)),
    ]
    assert {array.values.dtype for array in source.arrays} == {np.dtype(np.float32)}
    assert source.arrays[2].values.tolist() == [0.5, 0.5]
    assert source.count == 22
    assert list(source.layers) == ["conv2d_9", "conv1/bn"]


def test_weights_alone_describe_no_network(path):
    source = read_hdf5(write(path, LAYERS))
    assert source.format == "weights only, HDF5 of Keras 2.3.1"
    assert source.graph is None
    assert source.run is None
    assert source.input_shape == (None, None, None)


def test_lists_that_keras_splits_are_joined(path):
    # Twelve parts: names10 comes behind names9, not behind names1.
    many = {f"conv2d_{index}": {"kernel": np.full((1, 1, 1, 1), index, np.float32)} for index in range(24)}
    source = read_hdf5(write(path, many, chunks=12))
    assert [array.values.item() for array in source.arrays] == list(range(24))


def test_another_base_network_is_refused_by_name_before_its_weights_are_read(path):
    write(path, {"normal_bn_1_18": {"gamma": np.full(4, np.nan)}})
    with pytest.raises(PortError, match="built on NASNetLarge"):
        read_hdf5(path)


@pytest.mark.parametrize("share", [0.2, 0.6, 0.999])
def test_a_file_cut_short_is_refused_in_one_sentence(path, share):
    write(path, {"conv2d": {"kernel": np.ones((3, 3, 40, 50))}})
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(PortError, match=r"old\.h5: cannot be read as HDF5, it may be cut short"):
        read_hdf5(path)


def test_a_listed_array_that_is_missing_is_named(path):
    write(path, LAYERS)
    with h5py.File(path, "a") as file:
        del file["conv1/bn/conv1/bn/beta:0"]
    with pytest.raises(PortError, match="conv1/bn/beta:0 is listed but missing"):
        read_hdf5(path)


def test_a_listed_layer_that_is_missing_is_named(path):
    write(path, LAYERS)
    with h5py.File(path, "a") as file:
        del file["conv2d_9"]
    with pytest.raises(PortError, match="conv2d_9 is listed but missing"):
        read_hdf5(path)


@pytest.mark.parametrize("kind", ["external", "soft", "virtual", "raw"])
def test_nothing_outside_the_file_is_opened(path, kind, tmp_path):
    write(path, LAYERS)
    other = tmp_path / "secret.h5"
    with h5py.File(other, "w") as file:
        file["x"] = np.ones((3, 3, 1, 2), np.float32)
    name = "conv2d_9/conv2d_9/kernel:0"
    with h5py.File(path, "a") as file:
        del file[name]
        if kind == "external":
            file[name] = h5py.ExternalLink(str(other), "/x")
        elif kind == "soft":
            file[name] = h5py.SoftLink("/conv1")
        elif kind == "virtual":
            layout = h5py.VirtualLayout((3, 3, 1, 2), np.float32)
            layout[...] = h5py.VirtualSource(str(other), "x", (3, 3, 1, 2))
            file.create_virtual_dataset(name, layout)
        else:
            file.create_dataset(name, (3, 3, 1, 2), np.float32, external=[(str(other), 0, h5py.h5f.UNLIMITED)])
    with pytest.raises(PortError, match="is a link to somewhere else|values in another file"):
        read_hdf5(path)


@pytest.mark.parametrize(
    "values", [np.array([np.nan, 1.0]), np.array([np.inf, 1.0]), np.array([1, 2]), np.array([b"x"])]
)
def test_weights_that_are_no_finite_numbers_are_refused(path, values):
    write(path, {"dense": {"bias": values}})
    with pytest.raises(PortError, match="layer dense has weights that are not finite numbers"):
        read_hdf5(path)


def test_a_file_that_unpacks_to_too_much_is_refused_unread(path, monkeypatch):
    monkeypatch.setattr(module, "MAXIMUM_NUMBERS", 21)
    with pytest.raises(PortError, match="more than 21 weights"):
        read_hdf5(write(path, LAYERS))


@pytest.mark.parametrize("content", [{}, {"layers/conv2d/vars/0": np.ones(2)}])
def test_other_hdf5_files_are_refused(path, content):
    with h5py.File(path, "w") as file:
        for name, values in content.items():
            file[name] = values
    with pytest.raises(PortError, match="no weights in the layout of Keras 2"):
        read_hdf5(path)


@pytest.mark.parametrize("config", ["{", "[]", json.dumps({"class_name": "Functional"}), "null"])
def test_a_description_that_is_not_understood_is_refused(path, config):
    with pytest.raises(PortError, match=r"^\S+old\.h5: "):
        read_hdf5(write(path, LAYERS, group="model_weights", model_config=config))


def test_a_lambda_is_refused_and_its_code_stays_unread(path):
    config = {
        "class_name": "Functional",
        "config": {
            "layers": [
                {"class_name": "InputLayer", "config": {"name": "i", "batch_input_shape": [None, 8, 8, 1]}},
                {
                    "class_name": "Lambda",
                    "name": "run_me",
                    "config": {"name": "run_me", "function": ["gASVIQ==", None, None], "function_type": "lambda"},
                    "inbound_nodes": [[["i", 0, 0, {}]]],
                },
            ],
            "output_layers": [["run_me", 0, 0]],
        },
    }
    with pytest.raises(PortError, match="run_me is a Lambda, a program inside the file, and none is ever run"):
        read_hdf5(write(path, LAYERS, group="model_weights", model_config=json.dumps(config)))


NESTED = {
    "conv/kernel": np.full((3, 3, 1, 2), 1.0),
    "bn/gamma": np.full(2, 2.0),
    "bn/beta": np.full(2, 3.0),
    "dense/kernel": np.full((2, 2), 4.0),
    "bn/moving_mean": np.full(2, 5.0),
    "bn/moving_variance": np.full(2, 6.0),
}
"""Weights of a model as a layer: the trainable ones first, as Keras 2 lists them."""


def test_weights_of_a_model_within_a_model_come_layer_by_layer(path):
    write(path, {"lambda_1": {}, "model_1": {}, "concatenate_1": {}})
    with h5py.File(path, "r+") as file:
        file["model_1"].attrs["weight_names"] = np.array([f"{name}:0".encode() for name in NESTED], "S")
        for name, values in NESTED.items():
            file[f"model_1/{name}:0"] = values
    source = read_hdf5(path)
    assert [(array.layer, array.values.flat[0]) for array in source.arrays] == [
        ("conv", 1),
        ("bn", 2),
        ("bn", 3),
        ("bn", 5),
        ("bn", 6),
        ("dense", 4),
    ]
