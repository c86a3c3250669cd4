"""The command in a process of its own, with a segmenter for which bright is lesion instead of TensorFlow."""

from __future__ import annotations

WITH_STUBS = """
import sys
import numpy as np
from spinal_tf import loaded_weights
from spinal_tf.checkpoints.manifest import read_manifest
from spinal_tf.cli.main import main
from spinal_tf.models import Segmenter

loaded_weights.import_tensorflow = lambda watch: None
loaded_weights.load_segmenter = lambda folder, device: Segmenter(
    checkpoint=read_manifest(folder)["segmenter"], engine=lambda batch: 1 / (1 + np.exp(np.float32(28) - 40 * batch))
)
main(sys.argv[1:], prog_name="spinal-tf")
"""
