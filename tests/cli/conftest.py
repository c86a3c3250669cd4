"""The command in this process, and networks that need no TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from spinal_tf import loaded_weights
from spinal_tf.checkpoints.manifest import MANIFEST, manifest_json
from spinal_tf.cli.main import main
from spinal_tf.explain.gradcam import Explanation
from spinal_tf.models import Classifier, Segmenter
from spinal_tf.taxonomy import tree


@pytest.fixture
def run():
    """The function that runs ``spinal-tf`` with arguments; exit status and output are in what it returns."""
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def refused(run):
    """The function that runs ``spinal-tf``, expects an exit status and one sentence, and returns the sentence."""

    def run_refused(*arguments, status: int = 3) -> str:
        result = run(*arguments)
        assert (result.exit_code, result.stdout) == (status, ""), result.output
        assert result.stderr.startswith("spinal-tf: ")
        assert result.stderr.count("\n") == 1
        return result.stderr.removeprefix("spinal-tf: ").rstrip("\n")

    return run_refused


@pytest.fixture
def names():
    """The function that lists a folder, hidden files too."""
    return lambda folder: sorted(path.name for path in Path(folder).iterdir())


def _explain(images, *, class_index) -> Explanation:
    probabilities = np.tile(np.float32([0.25, 0.75]), (len(images), 1))
    assert class_index(probabilities) == 1
    maps = np.zeros(images.shape[:3], np.float32)
    maps[:, 8:40, 8:40] = 1
    return Explanation(probabilities=probabilities, maps=maps)


@pytest.fixture
def stub_networks(tmp_path_factory, monkeypatch, checkpoints) -> Path:
    """Networks without TensorFlow: bright is lesion, and every task gives 0.75; returns their weights folder."""
    folder = tmp_path_factory.mktemp("manifest alone")
    (folder / MANIFEST).write_text(manifest_json(checkpoints))
    segmenter = Segmenter(
        checkpoint=checkpoints["segmenter"], engine=lambda batch: 1 / (1 + np.exp(np.float32(28) - 40 * batch))
    )
    classifiers = tuple(Classifier(task=t, checkpoint=checkpoints[t.name], explain=_explain) for t in tree().tasks)
    monkeypatch.setenv("SPINAL_TF_WEIGHTS", str(folder))
    monkeypatch.setattr(loaded_weights, "import_tensorflow", lambda _: None)
    monkeypatch.setattr(loaded_weights, "load_segmenter", lambda *_, **__: segmenter)
    monkeypatch.setattr(loaded_weights, "load_classifiers", lambda *_, **__: classifiers)
    return folder
