"""Files that Keras 2 wrote of the original networks become weights that this package uses."""

import dataclasses
import json
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from spinal_tf.checkpoints.manifest import find_faults, load_network, read_manifest
from spinal_tf.errors import PortError
from spinal_tf.porting import port as module
from spinal_tf.porting.port import port_weights, write_ported
from spinal_tf.porting.read_weights import fingerprint, read_source
from spinal_tf.porting.target import PortOptions

pytestmark = pytest.mark.slow

TASK = PortOptions(name="ms_vs_nmosd", size=(64, 64), data="cases of a test")
SEGMENTER = PortOptions(name="segmenter")

AGREE = 2e-6
"""Difference in probability that float32 leaves between two programs; by_name loading differs by up to 0.5."""


def result(ported, batch):
    return np.asarray(ported.model(batch, training=False))


@pytest.fixture(scope="module")
def ported_classifier(classifier):
    return port_weights(classifier["whole.h5"], TASK)


@pytest.fixture(scope="module")
def ported_unet(unet):
    return port_weights(unet["whole.h5"], SEGMENTER)


def test_a_whole_classifier_gives_what_it_gave_before(classifier, ported_classifier):
    np.testing.assert_allclose(result(ported_classifier, classifier.batch), classifier.result, atol=AGREE)
    assert np.ptp(classifier.result) > 0.01  # else anything would agree
    assert len(ported_classifier.pairs) == 120 + 121 + 2  # convolutions, normalisations, dense layers
    assert ported_classifier.source.count == 7_037_504 + 131_200 + 258


def test_a_whole_segmenter_gives_what_it_gave_before(unet, ported_unet):
    np.testing.assert_allclose(result(ported_unet, unet.batch), unet.result, atol=AGREE)
    assert np.ptp(unet.result) > 0.01
    assert ported_unet.checkpoint.arguments == {"width": 4, "output_batch_norm": True}
    assert ported_unet.checkpoint.preprocessing.size == (32, 48)


def test_the_comparison_runs_the_files_own_network(ported_classifier, ported_unet):
    for ported in (ported_classifier, ported_unet):
        assert ported.comparison.difference is not None
        assert ported.comparison.difference < AGREE
        assert ported.comparison.highest - ported.comparison.lowest > 0.01


def test_names_that_counted_on_do_not_matter(ported_unet):
    by_ours = {pair.ours: pair.theirs for pair in ported_unet.pairs}
    # The shortcut is made first in each block; its name counts on from a layer that stood in the same session.
    assert by_ours["encoder1_shortcut"].startswith("conv2d")
    assert by_ours["decoder4_up"].startswith("conv2d_transpose")
    assert len(set(by_ours.values())) == len(by_ours)


@pytest.mark.parametrize("name", ["weights.h5", "whole.keras"])
def test_other_files_of_the_classifier_hold_the_same(name, classifier, ported_classifier):
    ported = port_weights(classifier[name], TASK)
    assert same_weights(ported, ported_classifier)
    assert (ported.comparison.difference is None) == (name == "weights.h5")


def test_a_classifier_saved_as_savedmodel_holds_the_same(classifier_saved_model, classifier, ported_classifier):
    ported = port_weights(classifier_saved_model, TASK)
    assert same_weights(ported, ported_classifier)
    assert ported.comparison.difference < AGREE
    np.testing.assert_allclose(result(ported, classifier.batch), classifier.result, atol=AGREE)


@pytest.mark.parametrize("name", ["weights.h5", "whole.keras", "saved_model"])
def test_other_files_of_the_segmenter_hold_the_same(name, unet, ported_unet):
    ported = port_weights(unet[name], SEGMENTER)
    assert same_weights(ported, ported_unet)
    assert (ported.comparison.difference is None) == (name == "weights.h5")


def same_weights(one, other):
    ours = ({pair.ours: pair.arrays for pair in ported.pairs} for ported in (one, other))
    first, second = ours
    return first.keys() == second.keys() and all(
        np.array_equal(a, b) for layer in first for a, b in zip(first[layer], second[layer], strict=True)
    )


@pytest.fixture(scope="module")
def replicated_unet(unet, tmp_path_factory):
    """Files of the network as Keras 2's ``multi_gpu_model`` makes it for two GPUs."""
    import tf_keras

    model = tf_keras.models.load_model(unet["whole.h5"])
    inputs = tf_keras.layers.Input((32, 48, 1))
    halves = [tf_keras.layers.Lambda(lambda batch, half=half: batch[half::2])(inputs) for half in range(2)]
    joined = tf_keras.layers.Concatenate(axis=0)([model(half) for half in halves])
    folder = tmp_path_factory.mktemp("replicated")
    tf_keras.Model(inputs, joined).save(folder / "whole.h5")
    tf_keras.Model(inputs, joined).save_weights(folder / "weights.h5")
    return folder


@pytest.mark.parametrize("name", ["whole.h5", "weights.h5"])
def test_a_network_trained_on_several_gpus_is_unwrapped(name, replicated_unet, ported_unet):
    ported = port_weights(replicated_unet / name, dataclasses.replace(SEGMENTER, size=(32, 48)))
    assert ported.checkpoint.arguments == ported_unet.checkpoint.arguments
    for ours, theirs in zip(ported.model.get_weights(), ported_unet.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_files_of_keras_3_are_taken_too(suffix, ported_unet, unet, tmp_path):
    ported_unet.model.save(tmp_path / f"new{suffix}")
    ported = port_weights(tmp_path / f"new{suffix}", SEGMENTER)
    np.testing.assert_allclose(result(ported, unet.batch), unet.result, atol=AGREE)


def test_an_export_of_keras_3_is_taken_too(ported_unet, unet, tmp_path):
    ported_unet.model.export(tmp_path / "export", verbose=False)
    ported = port_weights(tmp_path / "export", SEGMENTER)
    assert ported.comparison.difference < AGREE
    np.testing.assert_allclose(result(ported, unet.batch), unet.result, atol=AGREE)


def test_classes_and_channels_in_another_order_are_turned(classifier):
    options = dataclasses.replace(TASK, positive_output=0, channels=("mask", "t1c", "t2w"))
    ported = port_weights(classifier["whole.h5"], options)
    # Our channels are T1c, T2w, mask; the file's network wants mask, T1c, T2w.
    ours = classifier.batch[..., [1, 2, 0]]
    np.testing.assert_allclose(result(ported, ours), classifier.result[:, ::-1], atol=AGREE)
    assert ported.comparison.difference < AGREE


def test_weights_are_written_with_manifest_and_card(ported_unet, unet, tmp_path):
    assert write_ported(ported_unet, tmp_path / "weights") == "installed"
    assert find_faults(tmp_path / "weights") == {"segmenter": ""}
    checkpoint = read_manifest(tmp_path / "weights")["segmenter"]
    loaded = load_network(tmp_path / "weights", checkpoint)
    np.testing.assert_allclose(loaded(unet.batch, training=False), unet.result, atol=AGREE)
    origin = checkpoint.training["ported_from"]
    assert origin["file"] == "whole.h5"
    assert origin["sha256"] == fingerprint(unet["whole.h5"])
    card = (tmp_path / "weights" / "segmenter.md").read_text()
    assert origin["sha256"] in card
    assert "Not a medical device" in card


def test_a_card_of_a_task_says_what_its_owner_stated(ported_classifier, tmp_path):
    write_ported(ported_classifier, tmp_path)
    card = (tmp_path / "ms_vs_nmosd.md").read_text()
    assert "Trained on cases of a test, by other code than this" in card
    assert "Classifies lesions as ms or nmosd from T2w alone; the mask is a channel." in card
    assert "size [64, 64]" in card


def test_what_is_there_stays_unless_it_may_be_replaced(ported_unet, tmp_path):
    write_ported(ported_unet, tmp_path)
    other = dataclasses.replace(
        ported_unet, checkpoint=dataclasses.replace(ported_unet.checkpoint, operating_point=0.25)
    )
    assert write_ported(ported_unet, tmp_path) == "already there"
    assert write_ported(other, tmp_path) == "kept"
    assert write_ported(other, tmp_path, overwrite=True) == "replaced"


# Refusals


def test_a_segmenter_is_no_classifier_and_the_other_way_round(unet, classifier):
    with pytest.raises(PortError, match="takes 1 input channel, where a tile has three"):
        port_weights(unet["weights.h5"], TASK)
    with pytest.raises(PortError, match="so it is not MultiResUNet"):
        port_weights(classifier["weights.h5"], SEGMENTER)


@pytest.mark.parametrize("name", ["whole.h5", "weights.h5", "whole.keras"])
def test_a_file_cut_short_is_refused(name, unet, tmp_path):
    data = unet[name].read_bytes()
    cut = tmp_path / name
    for length in (0, 4, len(data) // 3, len(data) - 20):
        cut.write_bytes(data[:length])
        with pytest.raises(PortError, match=r"copy it again") as caught:
            port_weights(cut, SEGMENTER)
        assert str(cut) in str(caught.value)


def edited(unet, tmp_path, change):
    """The whole model with its description changed."""
    path = tmp_path / "edited.h5"
    shutil.copy(unet["whole.h5"], path)
    with h5py.File(path, "a") as file:
        config = json.loads(file.attrs["model_config"])
        change({layer["name"]: layer for layer in config["config"]["layers"]})
        file.attrs["model_config"] = json.dumps(config)
    return path


def of_kind(layers, kind):
    return [layer for layer in layers.values() if layer["class_name"] == kind]


def test_inputs_joined_the_other_way_round_are_found_though_every_shape_fits(unet, tmp_path):
    def change(layers):
        for layer in of_kind(layers, "Concatenate"):
            if len(layer["inbound_nodes"][0]) == 2:  # the joint of a skip connection, both of one width
                layer["inbound_nodes"][0].reverse()

    with pytest.raises(PortError, match="the first difference: "):
        port_weights(edited(unet, tmp_path, change), SEGMENTER)


def test_another_epsilon_is_found_though_every_shape_fits(unet, tmp_path):
    def change(layers):
        of_kind(layers, "BatchNormalization")[5]["config"]["epsilon"] = 0.01

    with pytest.raises(PortError, match=r"has epsilon 0\.01, where \w+ has 0\.001"):
        port_weights(edited(unet, tmp_path, change), SEGMENTER)


def test_a_network_that_gives_something_else_is_refused(unet, monkeypatch):
    source = read_source(unet["saved_model"])
    odd = dataclasses.replace(source, run=lambda batch: source.run(batch) + np.float32(0.001))
    monkeypatch.setattr(module, "read_source", lambda _: odd)
    with pytest.raises(PortError, match=r"differ by 0\.001 on the same input .*nothing was written"):
        port_weights(unet["saved_model"], SEGMENTER)


def test_other_files_and_folders_are_refused(tmp_path):
    (tmp_path / "model.pkl").write_bytes(b"\x80\x04\x95cos\nsystem\n.")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "a")
    faults = {
        "model.pkl": "neither HDF5, a .keras archive nor a SavedModel",
        "other.zip": "a zip archive without config.json",
        "gone.h5": "cannot be read",
        ".": "a folder without saved_model.pb",
    }
    for name, fault in faults.items():
        with pytest.raises(PortError, match=fault):
            read_source(tmp_path / name)
