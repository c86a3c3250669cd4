import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from spinal_tf.checkpoints.weight_files import weights_of
from spinal_tf.engine import frozen_engine, run_in_batches, tensorflow_device
from spinal_tf.errors import DeviceError
from spinal_tf.networks.multiresunet import build_multiresunet


@pytest.fixture(scope="module")
def model():
    network = build_multiresunet(width=4)
    rng = np.random.default_rng(0)
    for layer in network.layers:
        if layer.name.endswith("_bn"):
            layer.moving_mean.assign(rng.normal(0, 0.3, layer.moving_mean.shape))
            layer.moving_variance.assign(rng.uniform(0.5, 2, layer.moving_variance.shape))
    return network


@pytest.fixture(scope="module")
def engine(model):
    return frozen_engine(model)


@pytest.mark.parametrize("shape", [(1, 32, 48, 1), (3, 16, 32, 1)])
def test_gives_what_the_model_gives_at_any_size(model, engine, shape):
    batch = np.random.default_rng(1).random(shape, np.float32)
    expected = model(batch, training=False).numpy()
    result = engine(batch)
    assert result.dtype == np.float32
    assert result.shape == shape
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_holds_its_weights_as_constants():
    network = build_multiresunet(width=4)
    engine = frozen_engine(network)
    batch = np.random.default_rng(2).random((1, 32, 16, 1), np.float32)
    before = engine(batch)
    logits = network.get_layer("logits")
    logits.bias.assign(logits.bias + 5)
    np.testing.assert_array_equal(engine(batch), before)
    assert np.abs(network(batch, training=False).numpy() - before).max() > 0.1


def test_runs_weights_other_than_the_models_own(model, engine):
    with keras.StatelessScope(initialize_variables=False):
        bare = build_multiresunet(width=4)
    batch = np.random.default_rng(5).random((2, 32, 48, 1), np.float32)
    weights = weights_of(model)
    np.testing.assert_array_equal(frozen_engine(bare, weights=weights)(batch), engine(batch))
    logits = [np.zeros_like(array) for array in weights["logits"]]
    changed = frozen_engine(model, weights={**weights, "logits": tuple(logits)})
    np.testing.assert_allclose(changed(batch), 0.5, atol=1e-6)


def test_takes_other_floats_as_float32(engine):
    batch = np.random.default_rng(3).random((1, 16, 16, 1))
    np.testing.assert_array_equal(engine(batch), engine(batch.astype(np.float32)))


@pytest.mark.parametrize(
    ("device", "name"), [("cpu", "/CPU:0"), ("gpu", "/GPU:0"), ("gpu:0", "/GPU:0"), ("gpu:1", "/GPU:1")]
)
def test_a_device_that_is_there_gets_its_name(monkeypatch, device, name):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    assert tensorflow_device(device) == name


def test_a_device_that_is_not_there_is_refused_naming_those_that_are(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: [f"{kind}:0", f"{kind}:1"])
    with pytest.raises(DeviceError, match=r"gpu:2 is not there.*cpu, gpu:0, gpu:1$"):
        tensorflow_device("gpu:2")


def test_without_gpu_only_the_cpu_is_named(monkeypatch, model):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: [])
    with pytest.raises(DeviceError, match=r"gpu is not there.*: cpu$"):
        frozen_engine(model, device="gpu")


@pytest.mark.parametrize("device", ["", "GPU", "gpu:", "gpu:-1", "cpu:0", "cuda", "gpu:1 "])
def test_other_ways_to_write_a_device_are_refused(device):
    with pytest.raises(DeviceError, match="write cpu, gpu or gpu:N"):
        tensorflow_device(device)


@pytest.mark.gpu
def test_gpu_and_cpu_agree(model, engine):
    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("no GPU here")
    batch = np.random.default_rng(4).random((2, 32, 32, 1), np.float32)
    np.testing.assert_allclose(frozen_engine(model, device="gpu")(batch), engine(batch), atol=1e-3)


class Doubling:
    """An engine that notes how many planes each call brought."""

    def __init__(self):
        self.calls = []

    def __call__(self, batch):
        self.calls.append(len(batch))
        return 2 * batch


def test_batches_hold_as_many_planes_as_the_limit_allows():
    doubling = Doubling()
    planes = np.arange(7 * 4 * 5, dtype=np.float32).reshape(7, 4, 5, 1)
    result = run_in_batches(doubling, planes, pixels_per_batch=3 * 4 * 5 + 19)
    assert doubling.calls == [3, 3, 1]
    np.testing.assert_array_equal(result, 2 * planes)


def test_a_plane_over_the_limit_goes_alone():
    doubling = Doubling()
    run_in_batches(doubling, np.zeros((2, 4, 5, 1), np.float32), pixels_per_batch=1)
    assert doubling.calls == [1, 1]


def test_no_planes_need_no_call():
    doubling = Doubling()
    assert run_in_batches(doubling, np.zeros((0, 4, 5, 1), np.float32)).shape == (0, 4, 5, 1)
    assert doubling.calls == []


@given(count=st.integers(1, 9), limit=st.integers(1, 200))
def test_no_limit_changes_the_result(count, limit):
    planes = np.arange(count * 12, dtype=np.float32).reshape(count, 3, 4, 1)
    doubling = Doubling()
    result = run_in_batches(doubling, planes, pixels_per_batch=limit)
    np.testing.assert_array_equal(result, 2 * planes)
    assert max(doubling.calls) <= max(1, limit // 12)


@pytest.mark.parametrize(
    "module",
    ["engine", "checkpoints.manifest", "checkpoints.weight_sets", "explanation.gradcam", "cli.weights", "cli.doctor"],
)
def test_importing_does_not_import_tensorflow(module):
    code = f"import sys, spinal_tf.{module}; sys.exit(bool({{'tensorflow', 'keras'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
