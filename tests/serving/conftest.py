"""Graphs called like functions, and exports loaded as a server loads them."""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

ALWAYS = 0.0
"""Operating point with T1c: every case is positive, where T2w alone calls some negative."""

LOAD_AND_RUN = """
import sys, numpy as np, tensorflow as tf
from tensorflow.core.protobuf.config_pb2 import CallableOptions
assert not any(name.startswith("spinal_tf") for name in sys.modules)
models, requests, answers = sys.argv[1:]
given, done = np.load(requests), {}
cases = sorted({key.rsplit("|", 1)[0] for key in given})
for model in sorted({case.split("|")[0] for case in cases}):
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        signatures = tf.compat.v1.saved_model.loader.load(session, ["serve"], f"{models}/{model}").signature_def
        ours, runs = [case for case in cases if case.startswith(f"{model}|")], {}
        for name in {case.split("|")[1] for case in ours}:
            sides = signatures[name].inputs, signatures[name].outputs
            feed, fetch = ([tensor.name for tensor in side.values()] for side in sides)
            # The C++ callable under the session, as the server calls it: nothing looks at shapes before the graph does.
            runs[name] = session._make_callable_from_options(CallableOptions(feed=feed, fetch=fetch))
        for case in ours:
            name = case.split("|")[1]
            signature = signatures[name]
            try:
                values = runs[name](*(given[f"{case}|{key}"] for key in signature.inputs))
                done.update({f"{case}|{key}": np.asarray(value) for key, value in zip(signature.outputs, values)})
            except tf.errors.OpError as error:
                done[f"{case}|error"] = np.array([type(error).__name__, error.message])
assert not any(name.startswith("spinal_tf") for name in sys.modules)
np.savez(answers, **{key: value.astype("S") if value.dtype == object else value for key, value in done.items()})
"""


@pytest.fixture(scope="session")
def standin_module():
    """The module of the stand-in for TensorFlow Serving."""
    pytest.importorskip("tensorflow_serving.apis.predict_pb2")
    specification = importlib.util.spec_from_file_location("standin", Path(__file__).with_name("standin.py"))
    module = sys.modules["standin"] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def standin(standin_module, tiny_models):
    """The stand-in with the exports of the small weights."""
    with standin_module.serve(standin_module.SavedModels(tiny_models)) as running:
        yield running


@pytest.fixture(scope="session")
def neighbour_standin(standin_module, tiny_models):
    """The stand-in with the exports of the weights whose segmenter sees the slices beside each one."""
    with standin_module.serve(standin_module.SavedModels(tiny_models / "neighbours")) as running:
        yield running


@pytest.fixture(scope="session")
def anatomy_standin(standin_module, anatomy_models):
    """The stand-in with the exports of the weights that have an anatomy network."""
    with standin_module.serve(standin_module.SavedModels(anatomy_models)) as running:
        yield running


@pytest.fixture(scope="session")
def tiny_weights(tiny_weights, tmp_path_factory) -> Path:
    """The small weights with model cards, the classifiers said to know T1c."""
    from spinal_tf.checkpoints.manifest import MANIFEST, manifest_json, read_manifest

    folder = shutil.copytree(tiny_weights, tmp_path_factory.mktemp("served") / "weights")
    checkpoints = read_manifest(folder)
    for name, checkpoint in checkpoints.items():
        (folder / checkpoint.card).write_text(f"# {name}\n", encoding="utf-8")
        if name != "segmenter":
            checkpoints[name] = dataclasses.replace(checkpoint, modalities=("t2w", "t1c"), operating_point_t1c=ALWAYS)
    (folder / MANIFEST).write_text(manifest_json(checkpoints), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def padded_weights(tiny_weights, tmp_path_factory) -> Path:
    """The same weights, said to want padded inputs, and tiles that are zero outside the mask."""
    from spinal_tf.checkpoints.manifest import MANIFEST, manifest_json, read_manifest
    from spinal_tf.preprocess import Preprocessing

    folder = shutil.copytree(tiny_weights, tmp_path_factory.mktemp("padded") / "weights")
    checkpoints = read_manifest(folder)
    for name, checkpoint in checkpoints.items():
        size, mask_mode = ((64, 48), None) if name == "segmenter" else (checkpoint.preprocessing.size, "multiply")
        preprocessing = Preprocessing(fit="pad", size=size)
        checkpoints[name] = dataclasses.replace(checkpoint, preprocessing=preprocessing, mask_mode=mask_mode)
    (folder / MANIFEST).write_text(manifest_json(checkpoints), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def neighbour_weights(tiny_weights, see_neighbours, tmp_path_factory) -> Path:
    """The same weights, with a segmenter that sees the slices beside each one."""
    return see_neighbours(shutil.copytree(tiny_weights, tmp_path_factory.mktemp("neighbours") / "weights"))


@pytest.fixture(scope="session")
def anatomy_weights(tiny_weights, with_anatomy, tmp_path_factory) -> Path:
    """The same weights, with an anatomy network."""
    return with_anatomy(shutil.copytree(tiny_weights, tmp_path_factory.mktemp("anatomy") / "weights"))


@pytest.fixture(scope="session")
def anatomy_models(tiny_models, anatomy_weights, tmp_path_factory) -> Path:
    """The segmenter, the classifiers and the anatomy network of those weights, exported in version 1."""
    from spinal_tf.serving.write_export import export_saved_model, serve_anatomy
    from spinal_tf.taxonomy import tree

    models = tmp_path_factory.mktemp("models with anatomy")
    for name in ("segmenter", *tree().task_names):
        shutil.copytree(tiny_models / name, models / name)
    export_saved_model(serve_anatomy(anatomy_weights), anatomy_weights, models)
    return models


@pytest.fixture(scope="session")
def tiny_models(tiny_weights, padded_weights, neighbour_weights, tmp_path_factory) -> Path:
    """The segmenter, the classifiers and the pipeline of the small weights, exported in version 1.

    In the folders ``padded`` and ``neighbours``, the segmenter and the pipeline of the weights that want padded inputs
    or see the slices beside each one.
    """
    from spinal_tf.serving.write_export import export_saved_model, serve_classifiers, serve_pipeline, serve_segmenter
    from spinal_tf.taxonomy import tree

    models = tmp_path_factory.mktemp("models")
    for model in (
        serve_segmenter(tiny_weights),
        *serve_classifiers(tiny_weights, tree().tasks),
        serve_pipeline(tiny_weights),
    ):
        export_saved_model(model, tiny_weights, models)
    for folder, weights in (("padded", padded_weights), ("neighbours", neighbour_weights)):
        for model in (serve_segmenter(weights), serve_pipeline(weights)):
            export_saved_model(model, weights, models / folder)
    return models


@pytest.fixture(scope="session")
def same_diagnosis():
    """The function that compares a pipeline's answer with what the command line's path found in the same mask."""

    from spinal_tf.taxonomy import tree

    def compare(found, expected) -> None:
        np.testing.assert_array_equal(found["tile_slices"], expected.slices)
        for index, result in enumerate(expected.tasks):
            np.testing.assert_allclose(found["task_probability"][index], result.probability, atol=1e-4)
            np.testing.assert_allclose(found["tile_probability"][:, index], result.tile_probabilities, atol=1e-4)
            np.testing.assert_allclose(found["gradcam"][index], result.heatmap, atol=1e-3)
        np.testing.assert_allclose(found["posterior"], [expected.posterior[one] for one in tree().diagnoses], atol=1e-4)
        assert found["diagnosis"].item().decode() == expected.diagnosis.value

    return compare


@pytest.fixture(scope="session")
def session_loader():
    """The function that runs requests through exports in a process without this package, as the server loads them.

    Requests and answers are arrays by "MODEL/VERSION|SIGNATURE|CASE|NAME"; the name of a refusal is "error", and holds
    its kind and its sentence.
    """

    def run(models: Path, requests: dict[str, np.ndarray], work: Path) -> dict[str, np.ndarray]:
        np.savez(work / "requests.npz", **requests)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, "-c", LOAD_AND_RUN, models, work / "requests.npz", work / "answers.npz"]
        done = subprocess.run(command, cwd=work, env=environment, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        with np.load(work / "answers.npz") as answers:
            return {name: answers[name] for name in answers.files}

    return run
