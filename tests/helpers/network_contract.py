"""What every network of the registry has to fulfil; each clause takes the network's name and an empty folder."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from spinal_tf.checkpoints.manifest import Checkpoint, load_network, read_manifest, save_checkpoint
from spinal_tf.cli import train
from spinal_tf.explanation.gradcam import GraphExplainer
from spinal_tf.networks.anatomy_loss import anatomy_loss
from spinal_tf.networks.network_registry import ANATOMISTS, CLASSIFIERS, SEGMENTERS, network_spec
from spinal_tf.networks.network_spec import CORD_LOGITS, LOGITS, POOLING
from spinal_tf.preprocess import Preprocessing
from spinal_tf.serving.names import TILES
from spinal_tf.serving.saved_model import write_saved_model
from spinal_tf.serving.write_export import serve_anatomy, serve_classifiers, serve_segmenter
from spinal_tf.structures import STRUCTURES
from spinal_tf.taxonomy import tree


def small(network, **arguments):
    """The network at its small size, the same weights each time."""
    keras.utils.set_random_seed(0)
    spec = network_spec(network)
    return spec.build(**{**spec.small, **arguments})


def batch_for(model, name, count=2):
    """Noise of a size that the network takes; the sides differ where they may."""
    spec = network_spec(name)
    rows, columns, channels = model.input_shape[1:]
    least = -(-max(spec.minimum_side, 16) // spec.multiple) * spec.multiple
    shape = (count, rows or least, columns or least + spec.multiple, channels)
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def apply(model, batch):
    return keras.ops.convert_to_numpy(model(batch, training=False))


def the_output_is_a_float32_probability_of_the_right_shape(name, folder):
    model = small(name)
    batch = batch_for(model, name)
    output = apply(model, batch)
    assert output.dtype == np.float32
    assert np.all((output > 0) & (output < 1))
    if name in SEGMENTERS:
        assert output.shape == (*batch.shape[:3], 1)
    elif name in ANATOMISTS:
        assert output.shape == (*batch.shape[:3], len(STRUCTURES))
    else:
        assert output.shape == (len(batch), 2)
        np.testing.assert_allclose(output.sum(axis=1), 1, atol=1e-6)


def a_network_of_slices_takes_any_multiple_and_any_number_of_slices(name, folder):
    if name in CLASSIFIERS:
        return
    spec, model = network_spec(name), small(name, channels=3)
    least = -(-spec.minimum_side // spec.multiple) * spec.multiple
    assert spec.fault_of_sides((least, 5 * least)) == ""
    assert apply(model, np.zeros((1, least, 5 * least, 3), np.float32)).shape[:3] == (1, least, 5 * least)
    assert small(name).input_shape[-1] == 1


def a_classifier_takes_tiles_of_the_size_that_is_asked_for(name, folder):
    if name not in CLASSIFIERS:
        return
    spec = network_spec(name)
    least = -(-spec.minimum_side // spec.multiple) * spec.multiple
    assert small(name, size=(least, 2 * least)).input_shape == (None, least, 2 * least, 3)
    assert spec.build().input_shape == (None, 256, 256, 3)


def weights_and_the_last_layers_stay_float32_under_mixed_policies(name, folder):
    for policy in ("mixed_float16", "mixed_bfloat16"):
        keras.mixed_precision.set_global_policy(policy)
        model = small(name)
        assert model.output.dtype == "float32"
        assert model.get_layer(LOGITS).compute_dtype == model.layers[-1].compute_dtype == "float32"
        assert {variable.dtype for variable in model.variables} == {"float32"}
        convolution = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
        assert convolution.compute_dtype == policy.removeprefix("mixed_")
        assert np.isfinite(apply(model, batch_for(model, name))).all()
        keras.mixed_precision.set_global_policy("float32")


def the_graph_is_flat_and_its_names_are_the_same_each_time(name, folder):
    one, other = small(name), small(name, name="other")
    assert (one.name, other.name) == (name, "other")
    assert len(one.inputs) == len(one.outputs) == 1
    assert not [layer.name for layer in one.layers if isinstance(layer, keras.Model)]
    for kind in (one, other):
        assert len({variable.path for variable in kind.variables}) == len(kind.variables)
    assert [v.path for v in one.variables] == [v.path for v in other.variables]


def every_weight_is_trained(name, folder):
    model = small(name)
    with tf.GradientTape() as tape:
        answer = model(batch_for(model, name), training=True)[..., -1]
        loss = tf.reduce_mean((answer - 0.3) ** 2)
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    assert [v.path for v, g in zip(model.trainable_variables, gradients, strict=True) if g is None] == []
    assert any(np.abs(gradient).max() > 0 for gradient in gradients)


def checkpoint_of(name):
    spec = network_spec(name)
    fit = {} if name in CLASSIFIERS else {"fit": "spacing", "spacing_mm": 1.0, "multiple": spec.multiple}
    names = {**dict.fromkeys(SEGMENTERS, "segmenter"), **dict.fromkeys(ANATOMISTS, "anatomy")}
    return Checkpoint(
        name=names.get(name, tree().tasks[0].name),
        network=name,
        arguments=dict(spec.small),
        preprocessing=Preprocessing(**fit, **({"size": small(name).input_shape[1:3]} if name in CLASSIFIERS else {})),
        operating_point=0.5,
        mask_mode="channel" if name in CLASSIFIERS else None,
        card="card.md",
    )


def saved(name, folder):
    """A folder with released weights of the small network, moving averages included, and the network itself."""
    model, rng = small(name), np.random.default_rng(1)
    noise = [rng.random(w.shape, dtype=np.float32) for w in model.get_weights()]
    changed = zip(model.get_weights(), noise, strict=True)
    model.set_weights([w * (1 + 0.1 * n) if w.ndim > 1 else w + 0.02 * n for w, n in changed])
    save_checkpoint(model, folder, checkpoint_of(name), half_precision=False)
    return model


def weights_survive_a_manifest_and_a_file(name, folder):
    model = saved(name, folder)
    [checkpoint] = read_manifest(folder).values()
    batch = batch_for(model, name)
    assert not np.allclose(apply(small(name), batch), apply(model, batch))
    np.testing.assert_array_equal(apply(load_network(folder, checkpoint), batch), apply(model, batch))


def a_saved_model_gives_the_same_answers(name, folder):
    model = saved(name, folder)
    of_slices = {**dict.fromkeys(SEGMENTERS, serve_segmenter), **dict.fromkeys(ANATOMISTS, serve_anatomy)}
    served = of_slices[name](folder) if name in of_slices else serve_classifiers(folder, tree().tasks[:1])[0]
    [tiles] = [signature for signature in served.signatures if signature.name == TILES]
    write_saved_model(
        folder / "1", [tiles], [variable for network in served.networks for variable in network.variables]
    )
    batch = batch_for(model, name)
    answer = tf.saved_model.load(str(folder / "1")).signatures[TILES](tiles=tf.constant(batch))
    [value] = answer.values()
    expected = apply(model, batch) if name in of_slices else apply(model, batch)[:, 1]
    assert np.all((expected > 1e-4) & (expected < 1 - 1e-4))
    np.testing.assert_allclose(value.numpy(), expected, atol=1e-6)


def a_classifier_can_be_explained(name, folder):
    if name not in CLASSIFIERS:
        return
    model = small(name)
    assert [layer.name for layer in model.layers if layer.name in (POOLING, LOGITS)] == [POOLING, LOGITS]
    batch = batch_for(model, name)
    found = GraphExplainer(model)(batch, class_index=1)
    assert found.maps.shape == batch.shape[:3]
    np.testing.assert_allclose(found.probabilities, apply(model, batch), atol=1e-6)


def a_network_that_learns_the_cord_shows_it_in_training_alone(name, folder):
    spec = network_spec(name)
    if not spec.learns_cord:
        return
    model = small(name, within_cord=True)
    assert model.get_layer(CORD_LOGITS)
    batch = batch_for(model, name)
    shown = apply(spec.for_training(model), batch)
    assert shown.shape == (*batch.shape[:3], 2)
    np.testing.assert_array_equal(shown[..., :1], apply(model, batch))
    lesion_alone = spec.training_loss(lambda drawn, found: keras.ops.sum(found - drawn, axis=(1, 2, 3)), {})
    both = spec.training_loss(lesion_alone, {"within_cord": True})
    drawn = np.zeros_like(shown)
    assert np.all(both(drawn, shown) > lesion_alone(drawn[..., :1], shown[..., :1]))


def an_anatomy_network_learns_from_what_is_known(name, folder):
    if name not in ANATOMISTS:
        return
    model = small(name)
    batch, optimizer = batch_for(model, name), keras.optimizers.Adam(0.01)
    targets = np.repeat((batch[..., :1] > 0.5).astype(np.float32), len(STRUCTURES), axis=-1)
    targets[..., 0] = -1
    losses = []
    for _ in range(4):
        with tf.GradientTape() as tape:
            loss = anatomy_loss(targets, model(batch, training=True))
        losses.append(float(loss))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
    assert losses[-1] < losses[0]
    [kernel] = [g for v, g in zip(model.trainable_variables, gradients, strict=True) if v.path == f"{LOGITS}/kernel"]
    np.testing.assert_array_equal(kernel[..., 0], 0)  # of the unknown structure
    assert np.abs(kernel[..., 1:]).min() > 0


def what_the_record_says_is_true(name, folder):
    spec = network_spec(name)
    assert spec.fault_of_arguments(spec.small) == ""
    assert spec.fault_of_arguments({"no_such_argument": 1})
    if spec.multiple > 1:
        assert spec.fault_of_sides((spec.multiple * 4 + 1, spec.multiple * 4)) != ""
    commands = {**dict.fromkeys(SEGMENTERS, train.segmenter), **dict.fromkeys(ANATOMISTS, train.anatomy)}
    command = commands.get(name, train.classifier)
    assert set(spec.defaults) <= {parameter.name for parameter in command.params}


CONTRACT = (
    the_output_is_a_float32_probability_of_the_right_shape,
    a_network_of_slices_takes_any_multiple_and_any_number_of_slices,
    a_classifier_takes_tiles_of_the_size_that_is_asked_for,
    weights_and_the_last_layers_stay_float32_under_mixed_policies,
    the_graph_is_flat_and_its_names_are_the_same_each_time,
    every_weight_is_trained,
    weights_survive_a_manifest_and_a_file,
    a_saved_model_gives_the_same_answers,
    a_classifier_can_be_explained,
    a_network_that_learns_the_cord_shows_it_in_training_alone,
    an_anatomy_network_learns_from_what_is_known,
    what_the_record_says_is_true,
)
