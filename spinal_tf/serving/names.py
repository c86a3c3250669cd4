"""Names that a client and an export must agree on; nothing here needs TensorFlow."""

from __future__ import annotations

from spinal_tf.taxonomy import tree

SERVING_DEFAULT, TILES, EXPLAIN, DESCRIBE = "serving_default", "tiles", "explain", "describe"
"""Signatures: whole volumes, prepared inputs, prepared inputs with Grad-CAM, who the model is."""

PIPELINE, WITH_MASK = "pipeline", "with_mask"
"""The model of all networks, and its signature for a reviewed mask."""

DESCRIPTION_FORMAT = 1
"""Version of the record that `DESCRIBE` answers with."""


def served_names() -> tuple[str, ...]:
    """Names of all models that a server may have."""
    return ("segmenter", *tree().task_names, PIPELINE)
