import io

import h5py
import keras
import numpy as np
import pytest

from spinal_tf.checkpoints.weight_files import assign_weights, decode_weights, encode_weights
from spinal_tf.errors import WeightsError
from spinal_tf.networks.multiresunet import build_multiresunet


def network(seed=0, width=4):
    keras.utils.set_random_seed(seed)
    return build_multiresunet(width=width)


@pytest.fixture(scope="module")
def model():
    built = network()
    rng = np.random.default_rng(0)
    for weight in built.weights:
        weight.assign(rng.normal(size=weight.shape))
    return built


def stored(data):
    with h5py.File(io.BytesIO(data)) as file:
        found = []
        file.visititems(lambda _, item: found.append(item[()]) if isinstance(item, h5py.Dataset) else None)
        return found


def assert_same_weights(first, second, half_precision):
    for one, other in zip(first.weights, second.weights, strict=True):
        expected = one.numpy()
        if half_precision and expected.ndim > 1:
            expected = expected.astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(other.numpy(), expected, err_msg=one.path)


@pytest.mark.parametrize("half_precision", [False, True])
def test_what_is_written_is_read_back(model, half_precision):
    other = network(seed=1)
    data = encode_weights(model, half_precision=half_precision)
    assign_weights(other, decode_weights(data, source="w.weights.h5"), source="w.weights.h5")
    assert_same_weights(model, other, half_precision)


@pytest.mark.parametrize("half_precision", [False, True])
def test_keras_itself_reads_the_file(model, half_precision, tmp_path):
    path = tmp_path / "w.weights.h5"
    path.write_bytes(encode_weights(model, half_precision=half_precision))
    other = network(seed=1)
    other.load_weights(path)
    assert_same_weights(model, other, half_precision)


def test_half_precision_is_for_kernels_only(model):
    arrays = stored(encode_weights(model, half_precision=True))
    assert {array.dtype for array in arrays if array.ndim > 1} == {np.dtype(np.float16)}
    assert {array.dtype for array in arrays if array.ndim == 1} == {np.dtype(np.float32)}
    assert all(array.dtype == np.float32 for array in stored(encode_weights(model, half_precision=False)))


def test_the_same_weights_give_the_same_bytes(model):
    assert encode_weights(model, half_precision=True) == encode_weights(model, half_precision=True)


def dense(kernel):
    inputs = keras.Input((2,))
    built = keras.Model(inputs, keras.layers.Dense(1, name="dense")(inputs))
    built.get_layer("dense").kernel.assign(kernel)
    return built


def test_the_largest_half_precision_number_is_kept_and_the_next_refused():
    arrays = stored(encode_weights(dense([[65504.0], [-65504.0]]), half_precision=True))
    assert sorted(array.tolist() for array in arrays if array.ndim == 2) == [[[65504.0], [-65504.0]]]
    with pytest.raises(WeightsError, match="layer dense: a weight beyond 65504; save in full precision"):
        encode_weights(dense([[0.0], [-65505.0]]), half_precision=True)
    encode_weights(dense([[0.0], [-65505.0]]), half_precision=False)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("half_precision", [False, True])
def test_weights_that_are_not_finite_are_refused(value, half_precision):
    with pytest.raises(WeightsError, match="layer dense: .*not finite"):
        encode_weights(dense([[0.0], [value]]), half_precision=half_precision)


def test_a_network_of_another_width_is_refused_and_stays_as_it_was(model):
    wider = network(width=8)
    before = wider.get_weights()
    weights = decode_weights(encode_weights(model, half_precision=False), source="w")
    with pytest.raises(WeightsError, match=r"^s\.weights\.h5: made for another network"):
        assign_weights(wider, weights, source="s.weights.h5")
    for old, new in zip(before, wider.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_layer_missing_or_too_many_is_refused_by_name():
    weights = decode_weights(encode_weights(dense([[1.0], [2.0]]), half_precision=False), source="w")
    with pytest.raises(WeightsError, match=r"first dense: missing in the file, \(\(2, 1\), \(1,\)\) in"):
        assign_weights(dense([[0.0], [0.0]]), {}, source="w")
    with pytest.raises(WeightsError, match=r"1 of its layers differ \(first extra"):
        assign_weights(dense([[0.0], [0.0]]), {**weights, "extra": weights["dense"]}, source="w")


def h5_without_layers():
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.create_group("somewhere")
    return buffer.getvalue()


def h5_of_empty_chunks():
    """A few kilobytes that claim 40 GB."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        group = file.create_group("layers/dense/vars")
        group.attrs["name"] = "dense"
        group.create_dataset("0", shape=(10**5, 10**5), dtype="f4", chunks=(100, 100))
    return buffer.getvalue()


def h5_with_a_broken_group():
    data = h5_of_empty_chunks()
    return data.replace(b"SNOD", b"SNOX")


@pytest.mark.parametrize(
    "data", [b"", b"no HDF5", h5_without_layers(), h5_of_empty_chunks(), h5_with_a_broken_group()], ids=range(5)
)
def test_other_files_are_refused_in_one_sentence(data):
    with pytest.raises(WeightsError, match=r"^w\.weights\.h5: not a Keras weights file"):
        decode_weights(data, source="w.weights.h5")


def test_a_truncated_file_is_refused(model):
    data = encode_weights(model, half_precision=True)
    with pytest.raises(WeightsError, match="not a Keras weights file"):
        decode_weights(data[: len(data) // 2], source="w")
