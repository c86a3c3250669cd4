"""Names that a client and an export must agree on; nothing here needs TensorFlow."""

from __future__ import annotations

from spinal_tf.taxonomy import TASK_NAMES

SERVING_DEFAULT, TILES, EXPLAIN, DESCRIBE = "serving_default", "tiles", "explain", "describe"
"""Signatures: whole volumes, prepared inputs, prepared inputs with Grad-CAM, who the model is."""

PIPELINE, WITH_MASK = "pipeline", "with_mask"
"""The model of all four networks, and its signature for a reviewed mask."""

MODELS = ("segmenter", *TASK_NAMES, PIPELINE)
"""All that a server may have, by the names they are exported under."""

DESCRIPTION_FORMAT = 1
"""Version of the record that `DESCRIBE` answers with."""
