"""Score-CAM (Wang et al., CVPR workshops 2020): channels weighted by the probability that is left behind their mask.

No gradient is needed, but a forward pass for each channel: the tile is multiplied by the channel, scaled to 0 to 1.
Of the 1,024 channels of a DenseNet121 the `CHANNELS` that vary most are taken (Faster Score-CAM). tf-keras-vis enlarges
these masks corner to corner, so they cover the tile less exactly than the map that comes of them.
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
    """Raw maps in the size of the last convolution; see `VisMethod`.

    Args:
        network: gives the logits, to which tf-keras-vis applies the softmax itself.
        score: of the class.
        tiles: one tile, since the channels of several would be joined.
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
    """Without the bar that ``predict`` draws; tf-keras-vis has no argument for it."""
    import keras

    interactive = keras.config.is_interactive_logging_enabled()
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        if interactive:
            keras.config.enable_interactive_logging()


SCORECAM = VisMethod(name=MapMethod.SCORECAM, raw_maps=scorecam_maps, passes=CHANNELS + 1, tiles_per_call=1)
