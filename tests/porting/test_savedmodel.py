import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from spinal_tf.errors import PortError
from spinal_tf.porting.savedmodel import GRAPH_FILE, SIGNATURE, read_savedmodel, refuse_programs

SPEC = tf.TensorSpec((None, 8, 8, 1), tf.float32, name="slice")


class Plain(tf.Module):
    """One layer with the list of variables that Keras models save."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(np.full((1, 1, 1, 2), 2, np.float32), name="conv2d_4/kernel")
        self.bias = tf.Variable([1.0, 5.0], name="conv2d_4/bias")
        self.variables_ = [self.kernel, self.bias]

    @tf.function(input_signature=[SPEC])
    def serve(self, batch):
        return {"probability": tf.nn.bias_add(tf.nn.conv2d(batch, self.kernel, 1, "SAME"), self.bias)}


class Reading(Plain):
    @tf.function(input_signature=[SPEC])
    def serve(self, batch):
        secret = tf.strings.length(tf.io.read_file("/etc/hostname"))
        return {"probability": batch + tf.cast(secret, tf.float32)}


class Calling(Plain):
    @tf.function(input_signature=[SPEC])
    def serve(self, batch):
        return {"probability": tf.numpy_function(lambda x: x, [batch], tf.float32)}


class Nested(Plain):
    @tf.function(input_signature=[SPEC])
    def inner(self, batch):
        tf.io.write_file("/tmp/never", "written")
        return batch

    @tf.function(input_signature=[SPEC])
    def serve(self, batch):
        return {"probability": self.inner(batch)}


class Table(Plain):
    def __init__(self):
        super().__init__()
        pairs = tf.lookup.KeyValueTensorInitializer(["a"], [2.0])
        self.table = tf.lookup.StaticHashTable(pairs, 0.0)


class Holder(tf.train.Checkpoint):
    """Saves a module's variables under the name that Keras gives the list."""


def save(module, folder, signature="serve"):
    holder = Holder(model=module)
    holder.variables = module.variables_
    signatures = {"serving_default": getattr(module, signature)} if signature else None
    tf.saved_model.save(holder, str(folder), signatures=signatures)
    return folder


def test_variables_come_in_order_and_the_signature_runs(tmp_path):
    source = read_savedmodel(save(Plain(), tmp_path / "model"))
    assert [(array.layer, array.values.shape) for array in source.arrays] == [
        ("conv2d_4", (1, 1, 1, 2)),
        ("conv2d_4", (2,)),
    ]
    assert source.input_shape == (8, 8, 1)
    assert source.graph is None
    result = source.run(np.full((3, 8, 8, 1), 10, np.float32))
    np.testing.assert_array_equal(result, np.broadcast_to([21, 25], (3, 8, 8, 2)))


@pytest.mark.parametrize(
    ("module", "operation"),
    [(Reading, "ReadFile"), (Calling, "PyFunc"), (Nested, "WriteFile"), (Table, "resource")],
)
def test_a_program_is_refused_before_it_is_loaded(module, operation, tmp_path, monkeypatch):
    folder = save(module(), tmp_path / "model")
    monkeypatch.setattr(tf.saved_model, "load", lambda _: pytest.fail("it was loaded"))
    with pytest.raises(PortError, match=rf"does more than a network does \(.*{operation}.*\) and is not run"):
        read_savedmodel(folder)


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_graph_cut_short_is_refused(share, tmp_path):
    file = save(Plain(), tmp_path / "model") / GRAPH_FILE
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    with pytest.raises(PortError, match="copy the folder again|not a SavedModel of TensorFlow 2"):
        refuse_programs(file.parent)


def _reach(model, path):
    """The node of the list of objects under these names."""
    nodes = model.meta_graphs[0].object_graph_def.nodes
    node = nodes[0]
    for name in path:
        node = nodes[next(child.node_id for child in node.children if child.local_name == name)]
    return node


def _outside(model):
    node = _reach(model, ["signatures"])
    next(child for child in node.children if child.local_name == SIGNATURE).node_id = 10**6


def _nowhere(model):
    _reach(model, ["signatures", SIGNATURE]).bare_concrete_function.concrete_function_name = "nowhere"


def _empty(model):
    node = _reach(model, ["signatures", SIGNATURE])
    node.Clear()
    node.function.SetInParent()


def _unknown_call(model):
    for function in model.meta_graphs[0].graph_def.library.function:
        for node in function.node_def:
            if node.op == "StatefulPartitionedCall":
                node.attr["f"].func.name = "nowhere"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_outside, "has no signature serving_default"),
        (_nowhere, "is damaged, it calls what is not in it"),
        (_empty, "its signature serving_default is empty"),
        (_unknown_call, "is damaged, it calls what is not in it"),
    ],
)
def test_a_program_that_refers_to_nothing_is_refused(tmp_path, change, says):
    file = save(Plain(), tmp_path / "model") / GRAPH_FILE
    model = SavedModel()
    model.ParseFromString(file.read_bytes())
    change(model)
    file.write_bytes(model.SerializeToString())
    with pytest.raises(PortError, match=says):
        read_savedmodel(file.parent)


def test_whatever_the_loader_raises_is_one_sentence(tmp_path, monkeypatch):
    def broken(_):
        raise IndexError("list index out of range")

    folder = save(Plain(), tmp_path / "model")
    monkeypatch.setattr(tf.saved_model, "load", broken)
    with pytest.raises(PortError, match="cannot be loaded as a SavedModel"):
        read_savedmodel(folder)


def test_missing_variables_are_refused_in_one_sentence(tmp_path):
    folder = save(Plain(), tmp_path / "model")
    for file in (folder / "variables").iterdir():
        file.write_bytes(file.read_bytes()[:10])
    with pytest.raises(PortError, match="cannot be loaded as a SavedModel with variables"):
        read_savedmodel(folder)


def test_a_model_without_the_signature_is_refused(tmp_path):
    with pytest.raises(PortError, match="no signature serving_default"):
        read_savedmodel(save(Plain(), tmp_path / "model", signature=None))
