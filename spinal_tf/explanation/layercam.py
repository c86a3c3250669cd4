"""LayerCAM (Jiang et al., IEEE Trans Image Process 2021;30:5875): each location weighted by its own positive gradient.

Unlike in Grad-CAM, evidence against the class does not reduce the map.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinal_tf.explanation.keras_vis import CutNetwork, VisMethod
from spinal_tf.map_methods import MapMethod


def layercam_maps(network: CutNetwork, score: Any, tiles: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Compute raw maps in the size of the last convolution; see `VisMethod`."""
    from tf_keras_vis.layercam import Layercam

    visualize = Layercam(network.logits)
    return np.asarray(visualize(score, tiles, **network.last_convolution, expand_cam=False, normalize_cam=False))


LAYERCAM = VisMethod(name=MapMethod.LAYERCAM, raw_maps=layercam_maps, passes=5, tiles_per_call=16)
