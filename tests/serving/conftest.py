"""Graphs called like functions, and exports loaded as a server loads them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

LOAD_AND_RUN = """
import sys, numpy as np
assert not any(name.startswith("spinal_tf") for name in sys.modules)
import tensorflow as tf
folder, requests, answers = sys.argv[1:]
given = np.load(requests)
done = {}
with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    meta = tf.compat.v1.saved_model.loader.load(session, ["serve"], folder)
    for name, signature in meta.signature_def.items():
        names = [key.split("/", 1)[1] for key in given if key.split("/", 1)[0] == name]
        if not names:
            continue
        # As the server does it: nothing looks at shapes before the graph does.
        call = session.make_callable(
            {key: info.name for key, info in signature.outputs.items()}, [signature.inputs[key].name for key in names]
        )
        try:
            results = call(*(given[f"{name}/{key}"] for key in names))
            done.update({f"{name}/{key}": value for key, value in results.items()})
        except tf.errors.OpError as error:
            done[f"{name}/error"] = np.array([type(error).__name__, error.message])
assert not any(name.startswith("spinal_tf") for name in sys.modules)
np.savez(answers, **{key: np.asarray(value, "S") if value.dtype == object else value
                     for key, value in ((k, np.asarray(v)) for k, v in done.items())})
"""


@pytest.fixture(scope="session")
def tiny_models(tiny_weights, tmp_path_factory) -> Path:
    """Every model of the tiny weights, exported in version 1."""
    from spinal_tf.serving.export import export_saved_model, serve_classifier, serve_pipeline, serve_segmenter
    from spinal_tf.taxonomy import TASKS

    for name in ("segmenter", *(task.name for task in TASKS)):
        (tiny_weights / f"{name}.md").write_text(f"# {name}\n", encoding="utf-8")
    models = tmp_path_factory.mktemp("models")
    for model in (
        serve_segmenter(tiny_weights),
        serve_classifier(tiny_weights, TASKS[0]),
        serve_pipeline(tiny_weights),
    ):
        export_saved_model(model, tiny_weights, models)
    return models


@pytest.fixture(scope="session")
def session_loader():
    """The function that runs requests through an export in a process without this package, as the server loads it.

    Requests and answers are arrays by "signature/name"; a refusal is "signature/error" with its kind and sentence.
    """

    def run(folder: Path, requests: dict[str, np.ndarray], work: Path) -> dict[str, np.ndarray]:
        np.savez(work / "requests.npz", **requests)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [sys.executable, "-c", LOAD_AND_RUN, folder, work / "requests.npz", work / "answers.npz"]
        subprocess.run(command, cwd=work, env=environment, check=True, capture_output=True)
        with np.load(work / "answers.npz") as answers:
            return {name: answers[name] for name in answers.files}

    return run
