"""Score-CAM (Wang et al., CVPR workshops 2020): channels weighted by the class probability of the tile they mask.

It needs no gradient, but one forward pass per channel: the tile is multiplied by the channel, scaled to 0 to 1. Only
the `CHANNELS` with the highest variance, of DenseNet121's 1,024, are used (Faster Score-CAM). tf-keras-vis enlarges
these masks corner to corner, so they fit the tile less exactly than the resulting map.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from spinal_tf.explanation.keras_vis import CutNetwork, VisMethod
from spinal_tf.map_methods import MapMethod

CHANNELS = 64


def scorecam_maps(network: CutNetwork, score: Any, tiles: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Compute raw maps in the size of the last convolution; see `VisMethod`.

    Args:
        network: network that outputs logits; tf-keras-vis applies the softmax itself.
        score: score of the class.
        tiles: one tile, since tf-keras-vis would mix the channels of several.
    """
    from tf_keras_vis.scorecam import Scorecam

    channels = network.logits.get_layer(network.last_convolution["penultimate_layer"]).output.shape[-1]
    with _without_progress():
        maps = Scorecam(network.logits)(
            score,
            tiles,
            **network.last_convolution,
            batch_size=16,
            max_N=min(CHANNELS, channels),
            expand_cam=False,
            normalize_cam=False,
        )
    return np.asarray(maps)


@contextmanager
def _without_progress() -> Iterator[None]:
    """Hide the progress bar of ``predict``; tf-keras-vis has no argument for it."""
    import keras

    interactive = keras.config.is_interactive_logging_enabled()
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        if interactive:
            keras.config.enable_interactive_logging()


SCORECAM = VisMethod(name=MapMethod.SCORECAM, raw_maps=scorecam_maps, passes=CHANNELS + 1, tiles_per_call=1)
