"""Names that a client and an export must agree on. This module does not need TensorFlow."""

from __future__ import annotations

from spinal_tf.taxonomy import tree

SERVING_DEFAULT, TILES, EXPLAIN, DESCRIBE = "serving_default", "tiles", "explain", "describe"
"""Signatures: whole volumes, prepared inputs, prepared inputs with Grad-CAM, description of the model."""

PIPELINE, WITH_MASK = "pipeline", "with_mask"
"""Model with segmenter and classifiers, and its signature for a reviewed mask."""

DESCRIPTION_FORMAT = 1
"""Version of the record that `DESCRIBE` returns."""


def served_names() -> tuple[str, ...]:
    """Return the names of all models that a server may have."""
    return ("segmenter", "anatomy", *tree().task_names, PIPELINE)
