"""Grad-CAM++ (Chattopadhyay et al., WACV 2018): channels weighted by the evidence for the class at each location.

Our classifiers have only a mean over the map and one linear layer after the last convolution. The gradient is then the
same at every location, and Grad-CAM++ equals LayerCAM up to scale.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spinal_tf.explanation.keras_vis import CutNetwork, VisMethod
from spinal_tf.map_methods import MapMethod


def gradcam_plus_plus_maps(network: CutNetwork, score: Any, tiles: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Compute raw maps in the size of the last convolution; see `VisMethod`."""
    from tf_keras_vis.gradcam_plus_plus import GradcamPlusPlus

    visualize = GradcamPlusPlus(network.logits)
    return np.asarray(visualize(score, tiles, **network.last_convolution, expand_cam=False, normalize_cam=False))


GRADCAM_PLUS_PLUS = VisMethod(
    name=MapMethod.GRADCAM_PLUS_PLUS, raw_maps=gradcam_plus_plus_maps, passes=5, tiles_per_call=16
)
