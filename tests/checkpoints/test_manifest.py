import dataclasses
import importlib.resources
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

from spinal_tf.checkpoints import manifest as checkpoints
from spinal_tf.checkpoints.manifest import (
    MANIFEST,
    Checkpoint,
    bare_network,
    find_faults,
    find_weights,
    load_network,
    manifest_json,
    parse_manifest,
    read_manifest,
    read_weights,
    save_checkpoint,
    verify,
)
from spinal_tf.checkpoints.weight_files import by_variable, weights_of
from spinal_tf.errors import OutputError, WeightsError
from spinal_tf.networks.densenet import build_densenet
from spinal_tf.networks.multiresunet import build_multiresunet
from spinal_tf.preprocess import Preprocessing

SEGMENTER = Checkpoint(
    name="segmenter",
    network="multiresunet",
    arguments={"width": 4},
    preprocessing=Preprocessing(fit="spacing", spacing_mm=0.8),
    operating_point=0.5,
    training={"steps": 3, "data": ["simulated"]},
    card="segmenter.md",
)
CLASSIFIER = Checkpoint(
    name="ms_vs_nmosd",
    network="densenet121",
    arguments={"last_convolution": "pool2_relu", "size": (32, 48)},
    preprocessing=Preprocessing(),
    operating_point=0.37,
    mask_mode="channel",
    modalities=("t2w", "t1c"),
    card="ms_vs_nmosd.md",
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_multiresunet(width=4)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory, model):
    folder = tmp_path_factory.mktemp("weights")
    save_checkpoint(model, folder, SEGMENTER, half_precision=True)
    return folder


@pytest.fixture
def folder(tmp_path, pristine):
    return Path(shutil.copytree(pristine, tmp_path / "weights"))


@pytest.fixture
def entry():
    return dataclasses.replace(SEGMENTER, file="segmenter.weights.h5", sha256="0" * 64).to_dict()


def parse(entry):
    return parse_manifest(
        json.dumps({"format": 1, "checkpoints": {"segmenter": entry}}).encode(), source="manifest.json"
    )


def edit_manifest(folder, change):
    record = json.loads((folder / MANIFEST).read_text())
    change(record)
    (folder / MANIFEST).write_text(json.dumps(record))


def test_saved_and_loaded_networks_agree(folder, model):
    loaded = load_network(folder, read_manifest(folder)["segmenter"])
    batch = np.random.default_rng(0).random((2, 32, 48, 1), np.float32)
    # Kernels rounded to 11 bits move these probabilities by less than a thousandth.
    np.testing.assert_allclose(loaded(batch, training=False), model(batch, training=False), atol=1e-3)


def test_a_bare_network_fits_the_weights_read_beside_it(folder):
    checkpoint = read_manifest(folder)["segmenter"]
    loaded, bare = load_network(folder, checkpoint), bare_network(folder, checkpoint)
    expected = [(variable.path, array.tolist()) for variable, array in by_variable(loaded, weights_of(loaded))]
    pairs = by_variable(bare, read_weights(folder, checkpoint, bare))
    assert [(variable.path, array.tolist()) for variable, array in pairs] == expected


def test_a_bare_network_leaves_networks_built_later_as_they_are(folder):
    bare_network(folder, read_manifest(folder)["segmenter"])
    keras.utils.set_random_seed(3)
    later = build_multiresunet(width=4)
    assert all(np.isfinite(weight).all() for weight in later.get_weights())
    assert later.get_layer("logits").bias.numpy() == -3


def test_a_classifier_comes_back_from_its_arguments(tmp_path):
    keras.utils.set_random_seed(0)
    classifier = build_densenet(**CLASSIFIER.arguments)
    save_checkpoint(classifier, tmp_path, CLASSIFIER, half_precision=False)
    loaded = load_network(tmp_path, read_manifest(tmp_path)["ms_vs_nmosd"])
    assert loaded.input_shape == (None, 32, 48, 3)
    batch = np.random.default_rng(0).random((2, 32, 48, 3), np.float32)
    np.testing.assert_array_equal(loaded(batch, training=False), classifier(batch, training=False))


def test_the_manifest_returns_the_record_that_was_saved(tmp_path, model):
    saved = save_checkpoint(model, tmp_path, SEGMENTER, half_precision=True)
    assert read_manifest(tmp_path) == {"segmenter": saved}
    assert saved.file == "segmenter.weights.h5"
    assert len(saved.sha256) == 64
    assert dataclasses.replace(saved, file="", sha256="") == SEGMENTER


def test_every_field_survives_the_manifest():
    saved = dataclasses.replace(CLASSIFIER, file="ms_vs_nmosd.weights.h5", sha256="0" * 64)
    assert parse_manifest(manifest_json({"ms_vs_nmosd": saved}).encode(), source="m") == {"ms_vs_nmosd": saved}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "Classifies lesions as ms or nmosd from T2w and, if available, T1c; the mask is a channel."),
        ({"modalities": ("t2w",)}, "Classifies lesions as ms or nmosd from T2w alone; the mask is a channel."),
        (
            {"modalities": ("t2w",), "mask_mode": "multiply"},
            "Classifies lesions as ms or nmosd from T2w alone; the mask is a channel, and images are zero outside it.",
        ),
    ],
)
def test_a_card_says_what_a_classifier_tells_by_what(change, sentence):
    assert dataclasses.replace(CLASSIFIER, **change).in_words() == sentence


def test_a_card_of_a_task_that_the_tree_has_not_says_its_classes():
    other = dataclasses.replace(CLASSIFIER, name="infarction_vs_demyelinating")
    assert other.in_words().startswith("Classifies lesions as infarction or demyelinating from")


def test_a_card_says_what_a_segmenter_does():
    assert SEGMENTER.in_words() == "Finds and outlines lesions."


def test_a_network_has_as_many_channels_as_it_is_shown_slices():
    seen = dataclasses.replace(SEGMENTER.preprocessing, neighbour_mm=3.0)
    with pytest.raises(ValueError, match="channels of the network"):
        dataclasses.replace(SEGMENTER, preprocessing=seen)
    arguments = {**SEGMENTER.arguments, "channels": 3}
    assert dataclasses.replace(SEGMENTER, preprocessing=seen, arguments=arguments).preprocessing == seen


def test_saving_again_gives_the_same_bytes(folder, model):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    save_checkpoint(model, folder, SEGMENTER, half_precision=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_saving_keeps_the_other_checkpoints_and_the_cards(folder, model):
    (folder / "segmenter.md").write_text("card")
    first = read_manifest(folder)["segmenter"]
    second = save_checkpoint(model, folder, dataclasses.replace(SEGMENTER, name="wider"), half_precision=False)
    assert read_manifest(folder) == {"segmenter": first, "wider": second}
    assert (folder / "segmenter.md").read_text() == "card"


def test_no_entry_is_lost_where_two_save_into_one_folder(folder, model, monkeypatch):
    monkeypatch.setattr(checkpoints, "encode_weights", lambda model, half_precision: b"weights")

    def save(me):
        for number in range(20):
            checkpoint = dataclasses.replace(SEGMENTER, name=f"{me}-{number}")
            save_checkpoint(model, folder, checkpoint, half_precision=True)

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(save, "ab")) == [None, None]
    names = [f"{me}-{number}" for me in "ab" for number in range(20)]
    assert find_faults(folder) == dict.fromkeys(["segmenter", *names], "")


def test_saving_into_no_folder_writes_nothing(tmp_path, model):
    with pytest.raises(OutputError, match="nowhere"):
        save_checkpoint(model, tmp_path / "nowhere", SEGMENTER, half_precision=True)
    assert list(tmp_path.iterdir()) == []


def test_a_diverged_model_replaces_nothing(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    diverged = build_multiresunet(width=4, output_bias=np.nan)
    with pytest.raises(WeightsError, match="layer logits: .*diverged"):
        save_checkpoint(diverged, folder, SEGMENTER, half_precision=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_one_flipped_bit_anywhere_is_found(folder):
    path, checkpoint = folder / "segmenter.weights.h5", read_manifest(folder)["segmenter"]
    verify(folder, checkpoint)
    sound = path.read_bytes()
    for position in (0, len(sound) // 2, len(sound) - 1):
        damaged = bytearray(sound)
        damaged[position] ^= 1
        path.write_bytes(damaged)
        for use in (verify, load_network):
            with pytest.raises(WeightsError, match=r"segmenter\.weights\.h5: damaged.*spinal-tf weights import FILE"):
                use(folder, checkpoint)


def test_a_missing_file_is_named_with_its_remedy(folder):
    checkpoint = read_manifest(folder)["segmenter"]
    (folder / checkpoint.file).unlink()
    with pytest.raises(
        WeightsError, match=r"segmenter\.weights\.h5: cannot be read \(No such file.*weights import FILE"
    ):
        load_network(folder, checkpoint)


def test_faults_name_only_what_is_unsound(folder, model):
    save_checkpoint(model, folder, dataclasses.replace(SEGMENTER, name="other"), half_precision=True)
    assert find_faults(folder) == {"other": "", "segmenter": ""}
    (folder / "other.weights.h5").write_bytes(b"")
    faults = find_faults(folder)
    assert faults["segmenter"] == ""
    assert "damaged" in faults["other"]


def test_weights_of_another_width_are_refused(folder):
    edit_manifest(folder, lambda record: record["checkpoints"]["segmenter"]["arguments"].update(width=8))
    with pytest.raises(WeightsError, match=r"segmenter\.weights\.h5: made for another network"):
        load_network(folder, read_manifest(folder)["segmenter"])
    wider = bare_network(folder, read_manifest(folder)["segmenter"])
    with pytest.raises(WeightsError, match=r"segmenter\.weights\.h5: made for another network"):
        read_weights(folder, read_manifest(folder)["segmenter"], wider)


@pytest.mark.parametrize("arguments", [{"depth": 3}, {"width": -1}, {"width": "wide"}])
def test_arguments_no_builder_takes_are_refused(folder, arguments):
    edit_manifest(folder, lambda record: record["checkpoints"]["segmenter"].update(arguments=arguments))
    with pytest.raises(WeightsError, match="segmenter: multiresunet cannot be built"):
        load_network(folder, read_manifest(folder)["segmenter"])


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "not a JSON file"),
        (b"{'format': 1}", "not a JSON file"),
        (b"\xff\xfe\x00", "not a JSON file"),
        (b"[" * 100_000, "not a JSON file"),
        (b"[]", "format None instead of 1"),
        (b"{}", "format None instead of 1"),
        (b'{"format": 2, "checkpoints": {}}', "format 2 instead of 1"),
        (b'{"format": 1}', "lists no checkpoints"),
        (b'{"format": 1, "checkpoints": []}', "lists no checkpoints"),
        (b'{"format": 1, "checkpoints": {"segmenter": 3}}', "segmenter not understood: 3 is not a record"),
    ],
)
def test_other_manifests_are_refused_in_one_sentence(tmp_path, content, fault):
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(WeightsError, match=fault) as caught:
        read_manifest(tmp_path)
    assert MANIFEST in str(caught.value)


def test_a_missing_manifest_is_named(tmp_path):
    with pytest.raises(WeightsError, match=r"manifest\.json: cannot be read"):
        read_manifest(tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("network", "unet"),
        ("arguments", [1]),
        ("file", "../segmenter.weights.h5"),
        ("file", "/etc/segmenter.weights.h5"),
        ("file", "..\\segmenter.weights.h5"),
        ("file", "segmenter.h5"),
        ("file", 3),
        ("card", "../card.md"),
        ("card", "__init__.py"),
        ("sha256", "0" * 63),
        ("sha256", None),
        ("preprocessing", None),
        ("preprocessing", {"intensity": "zscore_clip"}),
        ("operating_point", 1.5),
        ("operating_point", "0.5"),
        ("operating_point", True),
        ("operating_point", float("nan")),
        ("operating_point_t1c", 0.5),
        ("mask_mode", "outline"),
        ("modalities", "t2w"),
        ("modalities", ["flair"]),
        ("modalities", [["t2w"]]),
        ("training", "long"),
        ("unheard_of", 1),
    ],
)
def test_an_entry_out_of_range_is_refused_by_name(entry, key, value):
    parse(entry)
    with pytest.raises(WeightsError, match=r"^manifest\.json: segmenter"):
        parse({**entry, key: value})


OPTIONAL = {"name", "operating_point_t1c"}


@pytest.mark.parametrize("value", [1.5, "0.5", True, float("nan")])
def test_an_operating_point_with_t1c_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="operating point"):
        dataclasses.replace(CLASSIFIER, operating_point_t1c=value)


def test_each_input_has_its_operating_point():
    both = dataclasses.replace(CLASSIFIER, operating_point_t1c=0.6)
    assert (both.point(with_t1c=False), both.point(with_t1c=True)) == (0.37, 0.6)
    assert Checkpoint.from_dict("ms_vs_nmosd", {**both.to_dict(), "sha256": "0" * 64}).point(with_t1c=True) == 0.6


def test_the_only_operating_point_serves_both_inputs():
    assert (CLASSIFIER.point(with_t1c=False), CLASSIFIER.point(with_t1c=True)) == (0.37, 0.37)
    assert "operating_point_t1c" not in CLASSIFIER.to_dict()


@pytest.mark.parametrize("key", [field.name for field in dataclasses.fields(Checkpoint) if field.name not in OPTIONAL])
def test_an_entry_that_is_missing_is_refused(entry, key):
    entry.pop(key)
    with pytest.raises(WeightsError, match=f"missing entries \\({key}\\)"):
        parse(entry)


def test_the_named_folder_comes_first(monkeypatch, folder):
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(folder))
    assert find_weights() == folder


def test_a_named_folder_without_manifest_is_not_passed_over(monkeypatch, tmp_path):
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(tmp_path / "gone"))
    with pytest.raises(WeightsError, match=r"gone: no manifest\.json .*SPINAL_TF_WEIGHTS"):
        find_weights()


def package_at(tmp_path, monkeypatch):
    """Make the module believe it lies in ``tmp_path/checkout/spinal_tf``."""
    monkeypatch.delenv("SPINAL_TF_WEIGHTS", raising=False)
    monkeypatch.setattr(
        checkpoints, "__file__", str(tmp_path / "checkout" / "spinal_tf" / "checkpoints" / "manifest.py")
    )


def bundle(folder):
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(manifest_json({}))
    return folder


def test_the_checkout_comes_before_the_installed_package(tmp_path, monkeypatch):
    package_at(tmp_path, monkeypatch)
    installed = bundle(tmp_path / "installed")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(importlib.resources, "files", lambda _: installed)
    assert find_weights() == installed
    checkout = bundle(tmp_path / "checkout" / "weights")
    assert find_weights() == checkout.resolve()


def test_without_any_weights_the_way_to_get_them_is_told(tmp_path, monkeypatch):
    package_at(tmp_path, monkeypatch)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(WeightsError, match="spinal-tf weights import FILE --to FOLDER"):
        find_weights()
